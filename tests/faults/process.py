"""The real process as the fault tests drive it: started with faults before it, asked over its doors, killed."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ethrex_node.engine import jwt

COMMAND: Final = str(Path(sys.executable).with_name("ethrex"))
TIMEOUT_SECONDS: Final = 60.0
SHIM: Final = Path(__file__).with_name("interpose.c")


class Gone(Exception):
    """The process ended while it was asked."""


class Refused(Exception):
    """The answer is a JSON-RPC error."""


def compile_shim(folder: Path) -> Path:
    """The library that stands between the node and the disk (see interpose.c)."""
    built = folder / "interpose.so"
    flags = ["-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    subprocess.run(["cc", *flags, "-o", built, SHIM, "-ldl", "-lpthread"], check=True)
    return built


@dataclass
class Process:
    """A node that serves. `faults`: what the shim reads; none, no shim."""

    folder: Path
    genesis: Path
    flags: tuple[str, ...] = ()
    shim: Path | None = None
    faults: Mapping[str, str] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)
    program: tuple[str, ...] = (COMMAND,)

    def start(self) -> Process:
        """Raises Gone where it ended before it served; what it said is in `errors`."""
        ports = ["--http.port", "0", "--authrpc.port", "0", "--metrics", "--metrics.port", "0", "--http.api", "all"]
        command = [*self.program, "--network", str(self.genesis), "--datadir", str(self.folder), *ports, *self.flags]
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", **self.faults}
        if self.shim is not None:
            environment |= {"LD_PRELOAD": str(self.shim), "FAULT_FOLDER": str(self.folder)}
        with self._errors.open("wb") as errors:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment)
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.urls[line.split()[0]] = line.split()[-1]
            if line.startswith("peers"):
                self.secret = jwt.load_secret(self.folder / "jwt.hex")
                return self
        self.process.wait(TIMEOUT_SECONDS)
        self.process.stdout.close()
        raise Gone(self.errors)

    @property
    def _errors(self) -> Path:
        return self.folder.with_name(self.folder.name + ".errors")

    @property
    def errors(self) -> str:
        return self._errors.read_text(errors="replace")

    def ask(self, method: str, *params: Any) -> Any:
        return self._call(self.urls["JSON-RPC"], method, params, {})

    def batch(self, method: str, calls: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
        """The whole answers, errors too."""
        body = [
            {"jsonrpc": "2.0", "id": at, "method": method, "params": list(params)} for at, params in enumerate(calls)
        ]
        told: list[dict[str, Any]] = self._post(self.urls["JSON-RPC"], body, {})
        return told

    def engine(self, method: str, *params: Any) -> Any:
        token = jwt.sign(self.secret, time.time())
        return self._call(self.urls["Engine"], method, params, {"Authorization": f"Bearer {token}"})

    def metric(self, name: str) -> float:
        with urllib.request.urlopen(self.urls["metrics"], timeout=TIMEOUT_SECONDS) as answer:
            text = answer.read().decode()
        return float(next(line for line in text.splitlines() if line.startswith(name + " ")).split()[1])

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def kill_at_once(self) -> None:
        """From another thread: without waiting for it to be gone."""
        self.process.send_signal(signal.SIGKILL)

    def stop(self) -> int:
        self._end(signal.SIGTERM)
        return self.process.returncode

    def _end(self, how: signal.Signals) -> None:
        if self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(TIMEOUT_SECONDS)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def _call(self, url: str, method: str, params: Any, headers: dict[str, str]) -> Any:
        told = self._post(url, {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}, headers)
        if "error" in told:
            raise Refused(f"{method}: {told['error']}")
        return told["result"]

    def _post(self, url: str, body: Any, headers: dict[str, str]) -> Any:
        request = urllib.request.Request(
            url, json.dumps(body).encode(), {"Content-Type": "application/json", **headers}
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
                return json.load(answer)
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise Gone(str(error)) from error
