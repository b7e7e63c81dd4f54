"""
A node for one set: start the process, wait for its RPC, set its head through the Engine API, end it.

With ``--url`` the node runs already and has the chain; then only the fork choice is sent, and only where the Engine
API's address and secret are given too.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from conformance.case import Mismatch
from conformance.options import Options
from conformance.rpc_compat import player

START_SECONDS: Final = 60.0  # import of the chain included
STOP_SECONDS: Final = 20.0
POLL_SECONDS: Final = 0.05


class NodeError(Exception):
    """The node did not come to serve the set."""


@contextmanager
def serving(root: Path, options: Options) -> Iterator[str]:
    """The RPC address of a node that has the set's chain and head."""
    if options.url is not None:
        if options.engine_url is not None and options.jwt_secret is not None:
            _set_head(root, options.engine_url, _read_secret(options.jwt_secret))
        yield options.url
        return
    with (
        tempfile.TemporaryDirectory(prefix="conformance-node-") as folder,
        _process(root, Path(folder), options) as url,
    ):
        yield url


@contextmanager
def _process(root: Path, folder: Path, options: Options) -> Iterator[str]:
    secret = secrets.token_bytes(32)
    secret_file, log_file = folder / "jwt.hex", folder / "node.log"
    secret_file.write_text(secret.hex())
    rpc, engine = _free_ports(2)
    command = [
        *(options.command or (str(Path(sys.executable).with_name("ethrex")),)),
        "--network", str(root / "genesis.json"), "--datadir", str(folder / "data"), "--import", str(root / "chain.rlp"),
        "--http.addr", "127.0.0.1", "--http.port", str(rpc), "--http.api", "all",
        "--authrpc.addr", "127.0.0.1", "--authrpc.port", str(engine), "--authrpc.jwtsecret", str(secret_file),
    ]  # fmt: skip
    with log_file.open("wb") as log:
        try:
            process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        except OSError as error:
            raise NodeError(f"{command[0]}: {error}") from error
    try:
        url = f"http://127.0.0.1:{rpc}"
        _wait(url, process, log_file)
        _set_head(root, f"http://127.0.0.1:{engine}", secret)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    request = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []})
    deadline = time.monotonic() + START_SECONDS
    while True:
        if process.poll() is not None:
            raise NodeError(f"ended with {process.returncode}: {_tail(log)}")
        try:
            player.post(url, request)
            return
        except Mismatch as error:
            if time.monotonic() > deadline:
                raise NodeError(f"no answer within {START_SECONDS:.0f} s ({error}): {_tail(log)}") from error
            time.sleep(POLL_SECONDS)


def _set_head(root: Path, engine_url: str, secret: bytes) -> None:
    request = (root / "headfcu.json").read_text()
    try:
        answer = player.post(engine_url, request, {"Authorization": f"Bearer {token(secret, int(time.time()))}"})
    except Mismatch as error:
        raise NodeError(f"fork choice: {error}") from error
    status = answer.get("result", {}).get("payloadStatus", {}).get("status") if isinstance(answer, dict) else None
    if status != "VALID":
        raise NodeError(f"fork choice answered {json.dumps(answer, default=str)}")


def token(secret: bytes, issued_at: int) -> str:
    """A JSON Web Token as the Engine API asks for it: HS256, one claim."""
    parts = [{"alg": "HS256", "typ": "JWT"}, {"iat": issued_at}]
    signed = ".".join(_base64(json.dumps(part, separators=(",", ":")).encode()) for part in parts)
    return f"{signed}.{_base64(hmac.digest(secret, signed.encode(), hashlib.sha256))}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _read_secret(file: Path) -> bytes:
    return bytes.fromhex(file.read_text().strip().removeprefix("0x"))


def _free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago; held together, so that they differ."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in held]
    for server in held:
        server.close()
    return ports


def _tail(log: Path) -> str:
    return " / ".join(log.read_text(errors="replace").splitlines()[-5:]) or "no output"
