"""
Which port each workload has on this machine: its own number where that is free, else the next free one.

What was chosen is remembered, so that URLs stay as they are over a restart, unless somebody else took the port.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Container
from pathlib import Path
from typing import Final

LOOPBACK: Final = "127.0.0.1"
TRIES: Final = 2_000


class NoPort(Exception):
    """None is free near the one that was asked for."""


class Ports:
    """Lives with the supervisor; `file` outlives it, and is left as it is unless `keep`."""

    def __init__(self, file: Path, *, keep: bool = True) -> None:
        self._file, self._keep = file, keep
        self._known: dict[str, int] = _read(file)

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
        if known is not None and (running or is_free(known)):
            return known
        others = {number for other, number in self._known.items() if other != key}
        self._known[key] = found = _free_from(wish, others)
        self._write()
        return found

    def forget(self, workload: str) -> None:
        self._known = {key: port for key, port in self._known.items() if not key.startswith(f"{workload}/")}
        self._write()

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


def _free_from(wish: int, taken: Container[int]) -> int:
    for number in range(wish, min(wish + TRIES, 65_536)):
        if number not in taken and is_free(number):
            return number
    raise NoPort(f"no port from {wish} on is free")


def _read(file: Path) -> dict[str, int]:
    try:
        return {str(key): int(port) for key, port in json.loads(file.read_text()).items()}
    except (OSError, ValueError, AttributeError):
        return {}
