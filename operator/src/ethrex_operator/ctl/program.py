"""The node's command, `ethrex l2`, for what it does already: it is found and run with what was found for it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
from pathlib import Path
from typing import Final

PROGRAM: Final = "ethrex"


class NoProgram(Exception):
    """The node's command is not installed here."""


def find() -> str:
    """Beside us, or on the path. Raises `NoProgram`."""
    beside = Path(sys.executable).with_name(PROGRAM)
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which(PROGRAM)
    if found is None:
        raise NoProgram(f"the command `{PROGRAM}` does this, and it is not installed: pip install ethrex-node")
    return found


async def run(found: str, *words: str) -> int:
    """Its exit status. It ends where this is cancelled."""
    process = await asyncio.create_subprocess_exec(found, "l2", *words)
    try:
        return await process.wait()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
