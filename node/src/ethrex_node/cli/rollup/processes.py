"""
Child processes of a command: each with its log in a file, none that outlives its parent.

A child is in a session of its own, so that ctrl-c reaches the parent alone, which ends them in order; and the kernel
ends it if the parent is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PR_SET_PDEATHSIG: Final = 1
LOOK_SECONDS: Final = 0.05
GRACE_SECONDS: Final = 20.0
TAIL_LINES: Final = 12

_libc = ctypes.CDLL(None, use_errno=True)


class ChildFailed(Exception):
    """A process ended that should have gone on, or did not come up."""


@dataclass(frozen=True, slots=True)
class Child:
    name: str
    process: asyncio.subprocess.Process
    log: Path

    async def said(self, beginning: str, seconds: float) -> str:
        """The rest of the first line of its output that begins so. Raises `ChildFailed`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    for line in self.log.read_text(errors="replace").splitlines(keepends=True):
                        if line.startswith(beginning) and line.endswith("\n"):
                            return line[len(beginning) :].strip()
                    if self.process.returncode is not None:
                        raise self.failure()
                    await asyncio.sleep(LOOK_SECONDS)
        raise ChildFailed(f"{self.name} did not come up within {seconds:g} s\n{self.tail()}")

    def failure(self) -> ChildFailed:
        return ChildFailed(f"{self.name} ended with {self.process.returncode}\n{self.tail()}")

    def tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
        return "\n".join([f"from {self.log}:", *(f"  {line}" for line in lines)])

    async def end(self) -> None:
        """SIGTERM, and SIGKILL for what does not listen."""
        if self.process.returncode is None:
            self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), GRACE_SECONDS)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()


async def start(name: str, command: Sequence[str], log: Path) -> Child:
    """`command` begins with one of this installation's commands. Raises `ChildFailed` where it is not installed."""
    program = Path(sys.executable).with_name(command[0])
    if not program.exists():
        raise ChildFailed(f"{program} is not installed")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(str(program), *command[1:]),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
            preexec_fn=_end_with(os.getpid()),
        )
    return Child(name, process, log)


def _end_with(parent: int) -> Callable[[], None]:
    def prepare() -> None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before the kernel was asked
            os._exit(1)

    return prepare


async def first_to_end(children: Sequence[Child]) -> Child:
    waiting = {asyncio.create_task(child.process.wait()): child for child in children}
    try:
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        return waiting[next(iter(done))]
    finally:
        for task in waiting:
            task.cancel()
