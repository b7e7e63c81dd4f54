"""
A process that is known by more than its number: pid, the instant it started, the boot of the machine.

The child writes its own record between fork and exec. Whenever its parent is killed, there is either no child or a
record of it; so nothing runs that the next supervisor does not know.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
START_TIME_FIELD: Final = 19  # of /proc/PID/stat, counted behind the command's name: starttime, proc(5)
STATE_FIELD: Final = 0
KILL_WAIT_SECONDS: Final = 10.0


class CannotStart(Exception):
    """The program is missing, or the machine gives no process."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is on disk of a process. `digest` says what it was started as."""

    pid: int
    started: int  # clock ticks after the boot
    boot: str
    digest: str

    @classmethod
    def read(cls, path: Path) -> Record | None:
        """None where there is none, or a torn one."""
        try:
            given = json.loads(path.read_text())
            return cls(int(given["pid"]), int(given["started"]), str(given["boot"]), str(given["digest"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    @property
    def alive(self) -> bool:
        return self.boot == boot_id() and _start_time(self.pid) == self.started


_children: dict[int, subprocess.Popen[bytes]] = {}  # of this process, until somebody has asked for their status


class Process:
    """A running child, or one that an earlier supervisor left behind."""

    def __init__(self, record: Record) -> None:
        self.record = record

    @property
    def pid(self) -> int:
        return self.record.pid

    async def wait(self) -> int | None:
        """Until it has ended. Its exit status; None where it is not this process's child, so that nobody can know."""
        if self.record.alive:
            await _gone(self.pid)
        return self._status()

    async def end(self, seconds: float) -> None:
        """SIGTERM, and SIGKILL after `seconds`. It is gone when this returns."""
        for number, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, KILL_WAIT_SECONDS)):
            if not self.record.alive:
                break
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.wait(), patience)
        self._status()

    def _status(self) -> int | None:
        child = _children.get(self.pid)
        if child is None:
            return None
        status = child.wait()  # it has ended: this does not wait
        _children.pop(self.pid, None)
        return status


@dataclass(frozen=True, slots=True)
class Start:
    """How to start a process. `program` is a path."""

    program: Path
    arguments: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    log: Path
    digest: str = ""


def start(wanted: Start, record: Path) -> Process:
    """Raises `CannotStart`."""
    for path in (wanted.log, record):
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with wanted.log.open("ab") as log:
            child = subprocess.Popen(
                [str(wanted.program), *wanted.arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(wanted.environment),
                cwd=wanted.folder,
                start_new_session=True,  # ctrl-c reaches the supervisor alone, which ends them in order
                preexec_fn=_recording(record, boot_id(), wanted.digest),
            )
    except (OSError, subprocess.SubprocessError) as error:
        raise CannotStart(f"{wanted.program}: {error}") from error
    found = Record.read(record)
    if found is None or found.pid != child.pid:
        child.kill()
        child.wait()
        raise CannotStart(f"{wanted.program}: its record {record} could not be written")
    _children[child.pid] = child
    return Process(found)


def adopt(record: Path) -> Process | None:
    """The process that an earlier supervisor started and that still runs."""
    found = Record.read(record)
    return Process(found) if found is not None and found.alive else None


def forget(record: Path) -> None:
    record.unlink(missing_ok=True)


def boot_id() -> str:
    return BOOT_ID.read_text().strip()


def _recording(path: Path, boot: str, digest: str) -> Callable[[], None]:
    """Runs in the child, before the program does. The rename makes the record whole or absent."""

    def write() -> None:
        pid = os.getpid()
        content = json.dumps({"pid": pid, "started": _start_time(pid), "boot": boot, "digest": digest})
        new = path.with_suffix(".new")
        new.write_text(content)
        new.replace(path)

    return write


def _start_time(pid: int) -> int | None:
    """None for a process that is gone, or has ended and only waits to be asked for its status."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[STATE_FIELD] in "ZX" else int(fields[START_TIME_FIELD])


async def _gone(pid: int) -> None:
    """The kernel tells of the end of any process by its descriptor."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()
    loop.add_reader(descriptor, gone.set)
    try:
        await gone.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
