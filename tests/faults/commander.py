"""
The command `ethrex`, many calls in one process: what a call leaves behind (memory, files, threads) adds up and shows.

Reads a JSON list of arguments a line; answers with the exit code, what was said, and the traceback of what broke out.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import subprocess
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ethrex_node import cli


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str
    broke: str


class Commander:
    """The process from outside."""

    def __init__(self, folder: Path) -> None:
        """`folder`: where it runs, for paths that a malformed setting names."""
        program = [sys.executable, "-m", "faults.commander"]
        tests = str(Path(__file__).parents[1])
        self._errors = (folder / "commander.errors").open("w+b")
        self.process = subprocess.Popen(
            program, stdin=-1, stdout=-1, stderr=self._errors, text=True, cwd=folder, env={"PYTHONPATH": tests}
        )

    def call(self, arguments: Sequence[str]) -> Ended:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(arguments) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, f"ended with {self.process.wait(5)} at {arguments}: {self.errors}"
        return Ended(**json.loads(answer))

    @property
    def errors(self) -> str:
        """What was said past Python: a panic of the core would be here."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()
        self._errors.close()


def _call(arguments: list[str]) -> Ended:
    sys.argv = ["ethrex", *arguments]
    out, err, broke, code = io.StringIO(), io.StringIO(), "", -1
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = cli.main()
        except BaseException:
            broke = traceback.format_exc()
    gc.collect()  # what is left counts, not when it goes
    return Ended(code, out.getvalue(), err.getvalue(), broke)


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(vars(_call(json.loads(line)))), flush=True)
