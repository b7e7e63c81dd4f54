"""``ethrexctl status | logs | down``: at a run of this machine from outside, whether its supervisor is there or not."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import aiohttp

from ..chain import figures
from ..chain.errors import ChainError
from ..local import library, run, supervisor
from ..local.supervisor import InUse, Supervisor
from . import view

LEAVE_SECONDS: Final = 150.0
FOLLOW_SECONDS: Final = 0.2


class NoRun(Exception):
    """There is no such run on this machine."""


def runs(root: Path) -> list[str]:
    return sorted(path.parent.parent.name for path in root.glob("*/state/status.json"))


def folder_of(root: Path, name: str | None) -> Path:
    """Of the run `name`, or of the only one there is. Raises `NoRun`."""
    known = runs(root)
    if name is None and len(known) == 1:
        name = known[0]
    if name is None:
        raise NoRun(
            f"name one of the runs in {root}: {', '.join(known)}" if known else f"nothing was brought up in {root}"
        )
    if name not in known:
        raise NoRun(f"there is no run {name} in {root}" + (f"; there is {', '.join(known)}" if known else ""))
    return root / name


def read(folder: Path) -> dict[str, Any]:
    """What its supervisor wrote last. Raises `NoRun`."""
    told = run.read_status(folder)
    if told is None:
        raise NoRun(f"{folder} tells nothing of itself")
    return told


async def status(folder: Path) -> dict[str, Any]:
    """What is known of a run, with the figures of its rollups as they are now. Raises `NoRun`."""
    told = read(folder)
    records = supervisor.recorded(folder)
    supervised = is_held(folder)
    for name, one in told["workloads"].items():
        alive = name in records and records[name].alive
        if one["pid"] is not None and not alive:
            one |= {"phase": "Ended", "pid": None, "reason": ""}
        elif not supervised and not alive and one["phase"] != "Done":
            one |= {"phase": "Stopped", "reason": ""}
    told["supervised"] = supervised
    told["ready"] = told["ready"] and all(one["phase"] in ("Ready", "Done") for one in told["workloads"].values())
    told["rollups"] = await _figures(told)
    return told


def told(given: dict[str, Any], name: str) -> Iterator[str]:
    """A tree for people."""
    kept = "" if given["supervised"] else "   (no ethrexctl keeps it: `ethrexctl up` takes it over, `down` ends it)"
    yield f"{name}   {'Ready' if given['ready'] else 'NotReady'}{kept}"
    for workload, state in given["workloads"].items():
        url = given["public"].get(workload, "")
        pid = f"pid {state['pid']}" if state["pid"] else ""
        again = f"restarts {state['restarts']}" if state["restarts"] else ""
        facts = "   ".join(word for word in (pid, url, again, state["reason"]) if word)
        yield f"  {given['roles'].get(workload, ''):<10} {workload:<24} {state['phase']:<9} {facts}".rstrip()
    for rollup, seen in given["rollups"].items():
        if isinstance(seen, str):
            yield f"  {rollup}: {seen}"
            continue
        yield from (f"  {line}" for line in view.lines(rollup, view.rollup(seen)))
        for address, account in seen["accounts"].items():
            low = "   LOW" if account["low"] else ""
            yield f"    {address}   {account['balance_wei'] / view.ETHER:.6f} ether on L1{low}"
    for what, why in given["unmet"].items():
        yield f"  {what}: {why}"


async def down(folder: Path) -> None:
    """End what runs, by its supervisor where there is one. Raises `NoRun`."""
    if is_held(folder):
        given = run.read_status(folder)
        with contextlib.suppress(ProcessLookupError, TypeError):
            os.kill(given["pid"] if given else 0, signal.SIGTERM)
        end = time.monotonic() + LEAVE_SECONDS
        while is_held(folder):
            if time.monotonic() > end:
                raise NoRun(f"{folder}: its ethrexctl did not leave within {LEAVE_SECONDS:g} s")
            await asyncio.sleep(FOLLOW_SECONDS)
    with contextlib.suppress(InUse):
        last = Supervisor(folder, library.Library())
        try:
            await last.end()
        finally:
            await last.close()


def is_held(folder: Path) -> bool:
    """Whether a supervisor is at work there."""
    try:
        os.close(supervisor.locked(folder / "lock", note=False))
    except InUse:
        return True
    except OSError:
        return False
    return False


async def logs(folder: Path, workloads: tuple[str, ...], tail: int, *, follow: bool) -> None:
    """Raises `NoRun`."""
    files = {path.stem: path for path in sorted((folder / "logs").glob("*.log"))}
    unknown = [name for name in workloads if name not in files]
    if unknown:
        raise NoRun(f"{unknown[0]} has no log; there is {', '.join(files)}")
    chosen = {name: path for name, path in files.items() if not workloads or name in workloads}
    width = 0 if len(chosen) == 1 else max(map(len, chosen), default=0)
    places = {}
    for name, path in chosen.items():
        lines, places[name] = _last(path, tail)
        _print(name, width, lines)
    while follow:
        await asyncio.sleep(FOLLOW_SECONDS)
        for name, path in chosen.items():
            lines, places[name] = _since(path, places[name])
            _print(name, width, lines)


def _print(name: str, width: int, lines: list[str]) -> None:
    for line in lines:
        sys.stdout.write(f"{name:<{width}}  {line}\n" if width else f"{line}\n")
    sys.stdout.flush()


def _last(path: Path, tail: int) -> tuple[list[str], int]:
    content = path.read_bytes()
    lines = content.decode(errors="replace").splitlines()
    return lines[-tail:] if tail else [], len(content)


def _since(path: Path, place: int) -> tuple[list[str], int]:
    """Whole lines only; a file that was begun again is read from its beginning."""
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        file.seek(0 if path.stat().st_size < place else place)
        start = file.tell()
        content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        return whole.decode(errors="replace").splitlines(), start + len(whole)
    return [], place


async def _figures(told: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    async with aiohttp.ClientSession() as session:
        for name in told["contracts"]:
            url = told["urls"].get(f"{name}-sequencer", {}).get("metrics", "")
            try:
                seen = await figures.of_sequencer(session, url)
                found[name] = json.loads(json.dumps(seen, default=figures.plain))
            except (ChainError, ValueError) as error:
                found[name] = str(error)
    return found
