"""
Spread files over worker processes and gather results as they come.

The parent only reads and hands out; a bounded number of files is on the way at any time, so a large archive never
lies in memory as a whole. A worker that has spent its time on a file hands back the rest, to be shared out in pieces: a few
files hold cases of half a minute. A worker that dies (a crash in native code) costs its file a failure, not the run.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from conformance import skips, sources, suites
from conformance.case import Case, Mismatch, Outcome, Result, Skip, Suite
from conformance.options import Options
from conformance.sources import File

TASKS_PER_JOB: Final = 4  # enough to keep a worker busy while the parent decompresses
SLICE_SECONDS: Final = 5.0  # on one file, then the rest is shared out


@dataclass(frozen=True, slots=True)
class Task:
    """Cases `first` up to `last` (exclusive; None: to the end) of a file, counted among those that are wanted."""

    file: File
    first: int = 0
    last: int | None = None


@dataclass(frozen=True, slots=True)
class Played:
    """`rest`: the first case that was not played for lack of time, and how many there are in all."""

    results: list[Result]
    rest: tuple[int, int] | None = None


Player = Callable[[str, Task, Options, float], Played]


def run(name: str, paths: list[Path], options: Options, jobs: int) -> Iterator[Result]:
    if name in suites.WHOLE_FOLDER:
        yield from suites.WHOLE_FOLDER[name](paths, options)
        return
    files = sources.walk(paths, suites.BY_FILE[name].suffixes)
    if jobs == 1:
        for file in files:
            yield from play(suites.BY_FILE[name], Task(file), options).results
    else:
        yield from Parallel(name, options, jobs).run(files)


def play(suite: Suite, task: Task, options: Options, seconds: float = float("inf")) -> Played:
    """Judge the cases of a task that the options ask for."""
    results: list[Result] = []
    file, deadline = task.file, time.monotonic() + seconds
    try:
        wanted = [case for case in suite.cases(file.name, file.data) if options.wants(_id(file, case))]
    except Exception as error:  # the file cannot be read as what its suite takes
        return Played([Result(file.name, Outcome.FAILED, f"{type(error).__name__}: {error}")])
    for index, case in islice(enumerate(wanted), task.first, task.last):
        if time.monotonic() > deadline:
            return Played(results, (index, len(wanted)))
        results.append(_judge(suite, case, _id(file, case)))
    return Played(results)


def _id(file: File, case: Case) -> str:
    return f"{file.name}::{case.name}"


def _judge(suite: Suite, case: Case, case_id: str) -> Result:
    try:
        suite.check(case)
    except Mismatch as mismatch:
        return Result(case_id, Outcome.FAILED, str(mismatch))
    except Skip as skip:
        if str(skip) not in skips.REASONS:
            return Result(case_id, Outcome.FAILED, f"skip without a reason: {skip}")
        return Result(case_id, Outcome.SKIPPED, str(skip))
    except Exception as error:  # a defect of the code under test is the case's failure, not the run's
        return Result(case_id, Outcome.FAILED, f"{type(error).__name__}: {error}")
    return Result(case_id, Outcome.PASSED)


class Parallel:
    """One run over many processes."""

    def __init__(self, name: str, options: Options, jobs: int, player: Player | None = None) -> None:
        self._name, self._options, self._jobs = name, options, jobs
        self._player = player or play_by_name
        self._pool = _pool(jobs)
        self._waiting: dict[Future[Played], Task] = {}
        self._shared: deque[Task] = deque()
        self._suspects: list[Task] = []

    def run(self, files: Iterator[File]) -> Iterator[Result]:
        try:
            for file in files:
                self._submit(Task(file), SLICE_SECONDS)
                if len(self._waiting) >= self._jobs * TASKS_PER_JOB:
                    yield from self._gather()
            while self._waiting or self._shared:
                while self._shared and len(self._waiting) < self._jobs * TASKS_PER_JOB:
                    self._submit(self._shared.popleft())
                yield from self._gather()
        finally:
            self._pool.shutdown(wait=False, cancel_futures=True)
        for task in self._suspects:
            yield from self._play_alone(task)

    def _submit(self, task: Task, seconds: float = float("inf")) -> None:
        try:
            future = self._pool.submit(self._player, self._name, task, self._options, seconds)
        except BrokenProcessPool:
            self._pool = _pool(self._jobs)
            future = self._pool.submit(self._player, self._name, task, self._options, seconds)
        self._waiting[future] = task

    def _gather(self) -> Iterator[Result]:
        """Take what is finished. Where a worker died, every task on its way is a suspect, to be played alone later."""
        done, _ = wait(self._waiting, return_when=FIRST_COMPLETED)
        for future in done:
            task = self._waiting.pop(future)
            try:
                played = future.result()
            except BrokenProcessPool:
                self._suspects.append(task)
                continue
            yield from played.results
            if played.rest is not None:
                self._share(task.file, *played.rest)

    def _share(self, file: File, first: int, count: int) -> None:
        step = max(1, (count - first) // (self._jobs * TASKS_PER_JOB))
        self._shared.extend(Task(file, start, min(start + step, count)) for start in range(first, count, step))

    def _play_alone(self, task: Task) -> list[Result]:
        with _pool(1) as pool:
            try:
                return pool.submit(self._player, self._name, task, self._options, float("inf")).result().results
            except BrokenProcessPool:
                return [Result(task.file.name, Outcome.FAILED, "the process that played this file died")]


def _pool(jobs: int) -> ProcessPoolExecutor:
    os.environ.setdefault("RAYON_NUM_THREADS", "1")  # the processes fill the cores already
    return ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"))


def play_by_name(name: str, task: Task, options: Options, seconds: float) -> Played:
    return play(suites.BY_FILE[name], task, options, seconds)
