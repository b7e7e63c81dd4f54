"""
Which port each workload has on this machine: its own number where that is free, else the next free one.

What was chosen is remembered, so that URLs stay as they are over a restart, unless somebody else took the port. Between the
choice and the moment when the workload listens, a lock on a file of the machine keeps other supervisors from choosing the
same.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import tempfile
from pathlib import Path
from typing import Final

LOOPBACK: Final = "127.0.0.1"
TRIES: Final = 2_000


class NoPort(Exception):
    """None is free near the one that was asked for."""


class Ports:
    """Lives with the supervisor; `file` outlives it, and is left as it is unless `keep`. Its claims end with `close`."""

    def __init__(self, file: Path, *, keep: bool = True) -> None:
        self._file, self._keep = file, keep
        self._known: dict[str, int] = _read(file)
        self._claims: dict[int, int] = {}  # descriptors of locks, by port

    def of(self, workload: str, port: str) -> int:
        """Raises LookupError for one that was not settled."""
        return self._known[f"{workload}/{port}"]

    def settle(self, workload: str, port: str, wish: int, *, running: bool) -> int:
        """
        Choose once. Where the workload is `running`, the port it has is its own; where it is not, the port has to be free.

        Raises `NoPort`.
        """
        key = f"{workload}/{port}"
        known = self._known.get(key)
        seen = running and not self._keep  # whoever only looks leaves the claim to the supervisor that has it
        if known is not None and (seen or (self._is_mine(known) and (running or is_free(known)))):
            return known
        self._known[key] = found = self._free_from(
            wish, {number for other, number in self._known.items() if other != key}
        )
        self._write()
        return found

    def forget(self, workload: str) -> None:
        gone = {key for key in self._known if key.startswith(f"{workload}/")}
        for key in gone:
            descriptor = self._claims.pop(self._known.pop(key), None)
            if descriptor is not None:
                os.close(descriptor)
        self._write()

    def close(self) -> None:
        for descriptor in self._claims.values():
            os.close(descriptor)
        self._claims.clear()

    def _free_from(self, wish: int, taken: set[int]) -> int:
        for number in range(wish, min(wish + TRIES, 65_536)):
            if number not in taken and is_free(number) and self._is_mine(number):
                return number
        raise NoPort(f"no port from {wish} on is free")

    def _is_mine(self, number: int) -> bool:
        """Claim it against other supervisors."""
        if number in self._claims:
            return True
        descriptor = _claimed(number)
        if descriptor is None:
            return False
        if self._keep:
            self._claims[number] = descriptor
        else:
            os.close(descriptor)
        return True

    def _write(self) -> None:
        if not self._keep:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps(self._known, indent=1, sort_keys=True) + "\n")
        new.replace(self._file)


def is_free(number: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # as servers do: connections that linger do not count
        try:
            probe.bind((LOOPBACK, number))
        except OSError:
            return False
    return True


def _claimed(number: int) -> int | None:
    """A descriptor that holds the machine's lock on a port; None while another process has it."""
    folder = Path(tempfile.gettempdir()) / f"ethrexctl-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(folder / str(number), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _read(file: Path) -> dict[str, int]:
    try:
        return {str(key): int(port) for key, port in json.loads(file.read_text()).items()}
    except (OSError, ValueError, AttributeError):
        return {}
