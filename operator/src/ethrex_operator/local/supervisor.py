"""
Keeps the processes of a run as its workloads say: starts what is missing, replaces what changed, ends what is no longer
wanted, and brings back what ended by itself, later and later.

One `_Keeper` for a workload; they do not know each other. What waits for another (a prover for its coordinator) comes again
by its own restarts, as pods do; the order of a list of workloads is only that of ending, last first.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import fcntl
import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from ..topology.workload import Lifetime, Workload
from . import probing, process
from .library import Library
from .machine import Command, Machine, write_private
from .ports import LOOPBACK, Ports
from .process import Process, Record

log = logging.getLogger(__name__)

BACKOFF_SECONDS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
STEADY_SECONDS: Final = 60.0  # after this long the next failure is a first one again
PROGRAMS: Final = Path(sys.executable).parent  # the commands of this installation
PROBE_SECONDS: Final = 0.3
READY_PROBE_SECONDS: Final = 2.0
LOG_BYTES: Final = 64 << 20  # a log that is longer when its process starts goes aside
PASSED_ON: Final = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "XDG_DATA_HOME",
    "SSL_CERT_FILE",
)


class InUse(Exception):
    """Another supervisor has the folder."""


class Phase(enum.StrEnum):
    WAITING = "Waiting"  # before its first start
    STARTING = "Starting"  # runs, and is not ready
    READY = "Ready"
    BACK_OFF = "BackOff"  # ended, and comes again
    DONE = "Done"
    STOPPED = "Stopped"


@dataclass(frozen=True, slots=True)
class State:
    """What is known of a workload now."""

    phase: Phase = Phase.WAITING
    reason: str = ""
    pid: int | None = None
    restarts: int = 0


class Supervisor:
    """From `open` to `close`; `end` before it ends the processes too, else they go on. Raises `InUse`."""

    def __init__(self, folder: Path, library: Library, programs: Path = PROGRAMS) -> None:
        self.folder, self.programs = folder, programs
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = locked(folder / "lock")
        self.ports = Ports(folder / "state" / "ports.json")
        self.machine = Machine(folder, self.ports, library)
        self._keepers: dict[str, _Keeper] = {}
        self._session: aiohttp.ClientSession | None = None

    async def ensure(self, workloads: Sequence[Workload], *, only: bool = True) -> None:
        """Make these run, and if `only` no others. Raises LookupError, `Missing`, `NoPort`."""
        if self._session is None:
            self._session = aiohttp.ClientSession()
        wanted = {one.name: one for one in workloads}
        gone = [name for name in self.known() if only and name not in wanted]
        await asyncio.gather(*(self._drop(name) for name in gone))
        for one in workloads:
            running = process.adopt(record_of(self.folder, one.name)) is not None
            for port in one.ports:
                self.ports.settle(one.name, port.name, port.number, running=running)
        for one in workloads:
            command = self.machine.render(one)
            keeper = self._keepers.get(one.name)
            if keeper is not None and keeper.command.digest == command.digest:
                continue
            if keeper is not None:
                await keeper.end()
            self._keepers[one.name] = _Keeper(self, one, command, self._session)

    def states(self) -> Mapping[str, State]:
        return {name: keeper.state for name, keeper in self._keepers.items()}

    def result(self, name: str) -> bytes | None:
        """What a task said when it had succeeded."""
        keeper = self._keepers.get(name)
        return keeper.result() if keeper is not None else None

    def known(self) -> list[str]:
        """Everything that may run, of this run or an earlier one."""
        earlier = [path.stem for path in sorted((self.folder / "state").glob("*.process"))]
        return list(dict.fromkeys([*self._keepers, *earlier]))

    async def end(self) -> None:
        """End every process, the last to be wanted first."""
        for name in reversed(self.known()):
            await self._drop(name, forget=False)

    async def close(self) -> None:
        for keeper in self._keepers.values():
            await keeper.leave()
        if self._session is not None:
            await self._session.close()
        self.ports.close()
        os.close(self._lock)

    async def _drop(self, name: str, *, forget: bool = True) -> None:
        keeper = self._keepers.pop(name, None)
        if keeper is not None:
            await keeper.end()
        else:
            await _end_recorded(record_of(self.folder, name), process.KILL_WAIT_SECONDS)
        if forget:
            self.ports.forget(name)


class _Keeper:
    """Keeps one workload, by one task."""

    def __init__(self, owner: Supervisor, workload: Workload, command: Command, session: aiohttp.ClientSession) -> None:
        self.workload, self.command = workload, command
        self.state = State()
        self._folder, self._programs, self._ports, self._session = owner.folder, owner.programs, owner.ports, session
        self._task = asyncio.create_task(self._keep(), name=workload.name)

    def result(self) -> bytes | None:
        """None before it has succeeded as it is wanted now."""
        return (_read(self.command.result) or b"") if is_done(self.command) else None

    async def leave(self) -> None:
        """Stop looking; the process goes on."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def end(self) -> None:
        await self.leave()
        await _end_recorded(self._record, self.workload.stop_seconds)
        self.state = State(Phase.STOPPED, restarts=self.state.restarts)

    async def _keep(self) -> None:
        failures = 0
        while True:
            if self.workload.lifetime is Lifetime.TASK and self.result() is not None:
                self.state = State(Phase.DONE, restarts=self.state.restarts)
                return
            began = time.monotonic()
            try:
                status = await self._run_once()
                reason = "ended" if status is None else f"ended with {status}"
            except process.CannotStart as error:
                status, reason = None, str(error)
            if status == 0 and self._has_ended_well():
                continue
            failures = 1 if time.monotonic() - began > STEADY_SECONDS else failures + 1
            pause = BACKOFF_SECONDS[min(failures, len(BACKOFF_SECONDS)) - 1]
            last = _last_line(self._log)
            self.state = State(Phase.BACK_OFF, f"{reason}: {last}" if last else reason, None, self.state.restarts + 1)
            log.warning("%s %s; again in %g s", self.workload.name, self.state.reason, pause)
            await asyncio.sleep(pause)

    def _has_ended_well(self) -> bool:
        if self.workload.lifetime is Lifetime.TASK:
            write_private(_mark(self.command), self.command.digest.encode())
            return True
        return False

    async def _run_once(self) -> int | None:
        """The status of the workload's process, or of what was to be done before it and failed."""
        running = await self._adopted()
        if running is None:
            self.state = State(Phase.STARTING, restarts=self.state.restarts)
            self._prepare()
            for arguments in self.command.before:
                status = await self._watched(self._start(arguments), probes=False)
                if status != 0:
                    return status
            running = self._start(self.command.arguments)
        return await self._watched(running, probes=True)

    async def _adopted(self) -> Process | None:
        """What runs already, if it is what is wanted; else it is ended."""
        found = process.adopt(self._record)
        if found is not None and found.record.digest != self.command.digest:
            await found.end(self.workload.stop_seconds)
            return None
        return found

    def _prepare(self) -> None:
        for folder in (*self.command.folders, self.command.result.parent):
            folder.mkdir(parents=True, exist_ok=True)
        for path, content in self.command.files.items():
            if _read(path) != content:
                write_private(path, content)
        with contextlib.suppress(FileNotFoundError):
            if self._log.stat().st_size > LOG_BYTES:
                self._log.replace(self._log.with_suffix(".log.1"))

    def _start(self, arguments: Sequence[str]) -> Process:
        """Raises `CannotStart`."""
        program = self._programs / self.command.program
        if not program.exists():
            raise process.CannotStart(f"{program} is not installed")
        kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        main = arguments is self.command.arguments
        wanted = process.Start(
            program=program,
            arguments=arguments,
            environment={**kept, "PYTHONUNBUFFERED": "1", **self.command.environment},
            folder=self._folder,
            log=self._log,
            digest=self.command.digest if main else f"before {self.command.digest}",
        )
        return process.start(wanted, self._record)

    async def _watched(self, running: Process, *, probes: bool) -> int | None:
        """Until it ends. Meanwhile its probes say how it is."""
        self.state = State(Phase.STARTING, "", running.pid, self.state.restarts)
        ended = asyncio.create_task(running.wait())
        probing_task = asyncio.create_task(self._probe(running.pid)) if probes else None
        try:
            return await ended
        finally:
            for task in (ended, probing_task):
                if task is not None:
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)

    async def _probe(self, pid: int) -> None:
        asked = self.workload.probes
        if asked is None:
            self.state = State(Phase.READY, "", pid, self.state.restarts)
            return
        url = f"http://{LOOPBACK}:{self._ports.of(self.workload.name, asked.port)}{asked.ready}"
        while True:
            reason = await probing.why_not(self._session, url)
            phase = Phase.READY if reason is None else Phase.STARTING
            self.state = State(phase, reason or "", pid, self.state.restarts)
            await asyncio.sleep(PROBE_SECONDS if reason else READY_PROBE_SECONDS)

    @property
    def _record(self) -> Path:
        return record_of(self._folder, self.workload.name)

    @property
    def _log(self) -> Path:
        return self._folder / "logs" / f"{self.workload.name}.log"


def locked(path: Path, *, note: bool = True) -> int:
    """The descriptor that holds the lock; who has it is noted in the file. Raises `InUse`."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.read(descriptor, 32).decode(errors="replace").strip()
        os.close(descriptor)
        raise InUse(f"{path.parent} is kept by another ethrexctl (pid {holder or 'unknown'})") from None
    if note:
        os.truncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor


async def _end_recorded(record: Path, seconds: float) -> None:
    found = process.adopt(record)
    if found is not None:
        await found.end(seconds)
    process.forget(record)


def record_of(folder: Path, name: str) -> Path:
    return folder / "state" / f"{name}.process"


def is_done(command: Command) -> bool:
    """Whether a task has succeeded as it is wanted now."""
    return _read(_mark(command)) == command.digest.encode()


def _mark(command: Command) -> Path:
    return command.result.with_suffix(".done")


def recorded(folder: Path) -> Mapping[str, Record]:
    """Every process of a run that is on record, for who looks from outside."""
    found = {path.stem: Record.read(path) for path in sorted((folder / "state").glob("*.process"))}
    return {name: record for name, record in found.items() if record is not None}


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _last_line(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 2000))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "")
