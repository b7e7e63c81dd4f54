"""
Spread files over worker processes and gather results as they come.

The parent only reads and hands out; a bounded number of files is on the way at any time, so a large archive never
lies in memory as a whole. A worker that dies (a crash in native code) costs its file a failure, not the run.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Final

from conformance import skips, sources, suites
from conformance.case import Case, Mismatch, Outcome, Result, Skip, Suite
from conformance.options import Options
from conformance.sources import File

FILES_PER_JOB: Final = 4  # enough to keep a worker busy while the parent decompresses


def run(name: str, paths: list[Path], options: Options, jobs: int) -> Iterator[Result]:
    if name in suites.WHOLE_FOLDER:
        yield from suites.WHOLE_FOLDER[name](paths, options)
        return
    files = sources.walk(paths, suites.BY_FILE[name].suffixes)
    if jobs == 1:
        for file in files:
            yield from play(suites.BY_FILE[name], file, options)
    else:
        yield from _run_parallel(name, files, options, jobs)


def play(suite: Suite, file: File, options: Options) -> list[Result]:
    """All cases of one file that the options ask for."""
    results = []
    try:
        for case in suite.cases(file.name, file.data):
            case_id = f"{file.name}::{case.name}"
            if options.wants(case_id):
                results.append(_judge(suite, case, case_id))
    except Exception as error:  # the file cannot be read as what its suite takes
        results.append(Result(file.name, Outcome.FAILED, f"{type(error).__name__}: {error}"))
    return results


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


def _run_parallel(name: str, files: Iterator[File], options: Options, jobs: int) -> Iterator[Result]:
    pool = _pool(jobs)
    waiting: dict[Future[list[Result]], File] = {}
    suspects: list[File] = []
    try:
        for file in files:
            try:
                future = pool.submit(_play_by_name, name, file, options)
            except BrokenProcessPool:
                pool = _pool(jobs)
                future = pool.submit(_play_by_name, name, file, options)
            waiting[future] = file
            if len(waiting) >= jobs * FILES_PER_JOB:
                yield from _gather(waiting, suspects)
        while waiting:
            yield from _gather(waiting, suspects)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    for file in suspects:
        yield from _play_alone(name, file, options)


def _gather(waiting: dict[Future[list[Result]], File], suspects: list[File]) -> Iterator[Result]:
    """Take what is finished. Where a worker died, every file on its way is a suspect, to be played alone later."""
    done, _ = wait(waiting, return_when=FIRST_COMPLETED)
    for future in done:
        file = waiting.pop(future)
        try:
            results = future.result()
        except BrokenProcessPool:
            suspects.append(file)
        else:
            yield from results


def _play_alone(name: str, file: File, options: Options) -> list[Result]:
    with _pool(1) as pool:
        try:
            return pool.submit(_play_by_name, name, file, options).result()
        except BrokenProcessPool:
            return [Result(file.name, Outcome.FAILED, "the process that played this file died")]


def _pool(jobs: int) -> ProcessPoolExecutor:
    os.environ.setdefault("RAYON_NUM_THREADS", "1")  # the processes fill the cores already
    return ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"))


def _play_by_name(name: str, file: File, options: Options) -> list[Result]:
    return play(suites.BY_FILE[name], file, options)
