"""
A session of one client against one node: a program that reads what it needs from one file and prints its steps.

Each step is a name and an answer as the client shows it. Programs: ``sessions/``.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from ethrex_node import _native
from ethrex_node.dev import accounts
from interop import nodes

SESSION_SECONDS: Final = 100
PROBE: Final = Path(__file__).with_name("Probe.json")
SESSIONS: Final = Path(__file__).with_name("sessions")
BLOB: Final = b"".join(b"\x00" + bytes([at % 251]) * 31 for at in range(4096))


class SessionFailed(Exception):
    """A session did not come to its end; the message has what it said."""


Step = tuple[str, Any]  # name, answer


def told(running: nodes.Running, *, cast: bool) -> dict[str, Any]:
    """What a session gets as its input file."""
    probe = json.loads(PROBE.read_bytes())
    commitment = _native.blob_to_kzg_commitment(BLOB)
    return {
        "url": running.url,
        "cast": str(nodes.foundry("cast")) if cast else "",
        "websocket": running.websocket_url,
        "keys": ["0x" + one.key.hex() for one in accounts.derive()],
        "abi": probe["abi"],
        "bytecode": probe["bytecode"],
        "blobs": ["0x" + BLOB.hex()],
        "commitments": ["0x" + commitment.hex()],
        "proofs": ["0x" + _native.compute_blob_kzg_proof(BLOB, commitment).hex()],
        "cell_proofs": ["0x" + b"".join(_native.compute_cells_and_kzg_proofs(BLOB)[1]).hex()],
    }


def command(session: str, folder: Path) -> list[str]:
    """How a session's program is run. JavaScript is laid beside its packages, since modules look for them there."""
    if session.endswith(".py"):
        return [sys.executable, str(SESSIONS / session)]
    beside = folder / "sessions"
    if not beside.exists():
        shutil.copytree(SESSIONS, beside, ignore=shutil.ignore_patterns("__pycache__"))
        (beside / "node_modules").symlink_to(nodes.packages() / "node_modules")
    return ["node", str(beside / session)]


def play(
    command: Sequence[str], running: nodes.Running, folder: Path, *, cast: bool = False, **more: Any
) -> list[Step]:
    """`more` is told beside what every session gets. Raises `SessionFailed`."""
    given = folder / f"{running.url.rpartition(':')[2]}.json"
    given.write_text(json.dumps(told(running, cast=cast) | more))
    try:
        done = subprocess.run(
            [*command, str(given)], capture_output=True, text=True, timeout=SESSION_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        said = (error.stdout or b"")[-300:]
        raise SessionFailed(f"{command[-1]} at {running.url} hangs after {said!r}") from error
    if done.returncode != 0:
        raise SessionFailed(f"{command[-1]} at {running.url}: {done.stdout[-600:]}\n{done.stderr[-3000:]}")
    return [(line["step"], line["answer"]) for line in map(json.loads, done.stdout.splitlines())]
