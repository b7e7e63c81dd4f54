"""
The load on a server: `load.c`, compiled on first use, and what it saw.

It is C since client and server share two cores: each microsecond of the client is missing to the server.
"""

import hashlib
import json
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from . import peers

SOURCE: Final = Path(__file__).with_name("load.c")
SAMPLE_EVERY: Final = 100
GRACE_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Seen:
    """`samples`: (line of the request, answer) of each hundredth answer."""

    answered: int
    seconds: float
    p50: float
    p99: float
    samples: tuple[tuple[int, bytes], ...]

    @property
    def rate(self) -> float:
        return self.answered / self.seconds


class LoadFailed(Exception):
    """The load could not be put on the server, or an answer was no answer."""


def write(folder: Path, name: str, bodies: Iterable[str]) -> Path:
    """A file of requests, one a line."""
    path = folder / name
    path.write_text("".join(body + "\n" for body in bodies))
    return path


def call(method: str, *params: Any) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}, separators=(",", ":"))


def run(
    url: str,
    requests: Path,
    seconds: float,
    *,
    connections: int = 16,
    once: bool = False,
    every: int = SAMPLE_EVERY,
    core: int | None = None,
) -> Seen:
    """Raises `LoadFailed`, also where an answer does not have the status 200."""
    where = urlsplit(url)
    pin = [] if core is None else ["taskset", "-c", str(core)]
    with tempfile.NamedTemporaryFile() as kept:
        words = [
            where.hostname,
            where.port,
            seconds,
            connections,
            requests,
            kept.name,
            every,
            "once" if once else "random",
        ]
        command = [*pin, str(_program()), *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + GRACE_SECONDS)
        if done.returncode != 0:
            raise LoadFailed(done.stderr.strip()[-300:])
        told = json.loads(done.stdout)
        pairs = (line.partition(b" ") for line in kept.read().splitlines())
        samples = tuple((int(number), answer) for number, _, answer in pairs)
    if told["refused"]:
        raise LoadFailed(f"{told['refused']} of {told['answered']} answers from {url} without status 200")
    return Seen(told["answered"], told["seconds"], told["p50"], told["p99"], samples)


def _program() -> Path:
    key = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:12]

    def build(target: Path) -> None:
        peers.run([peers.tool("cc", "the load generator"), "-O2", "-Wall", "-Wextra", "-o", str(target), str(SOURCE)])

    return peers.once(peers.CACHE / "bin" / f"load-{key}", build)
