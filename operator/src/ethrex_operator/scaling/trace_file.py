"""
Traces as files: JSON lines, the first for what stays, each other one for a job or for a time without news.

    {"trace": "ethrex-provers/1", "name": ..., "seed": ..., "until": s, "pools": [{...}], "rollups": [{...}]}
    {"at": s, "rollup": "...", "kind": "...", "gas": n, "verifyWithin": s}
    {"blind": [from, to]}

Times are seconds from the beginning. A pool is what the planner is told of it, and under `machine` what is true. The
fields are those of ``traces.Trace``, in camelCase; left out, they have the values that stand there. `recorded` makes a
trace of what a coordinator has in its list of jobs.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import orjson

from .observation import Pool, Rollup
from .observe import Unreadable
from .traces import Arrival, Machine, Trace

FORMAT: Final = "ethrex-provers/1"
OF_NOW: Final = ("read_at", "unschedulable_since")  # not a trace's to say


class BadTrace(Exception):
    """A file that is not a trace; the message names the line."""


def written(trace: Trace) -> str:
    pools = [
        {**_plain(pool), "kinds": sorted(pool.kinds), "machine": _plain(machine)}
        for pool, machine in zip(trace.pools, trace.machines, strict=True)
    ]
    head = {
        "trace": FORMAT,
        "name": trace.name,
        "seed": trace.seed,
        "until": trace.until,
        "pools": pools,
        "rollups": [_plain(one) for one in trace.rollups],
    }
    lines = [head, *({"blind": list(one)} for one in trace.blind), *(_plain(one) for one in trace.arrivals)]
    return "".join(orjson.dumps(line).decode() + "\n" for line in lines)


def read(text: str) -> Trace:
    """Raises `BadTrace`."""
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        raise BadTrace("line 1: there is none")
    head = _object(*lines[0])
    try:
        if head.pop("trace", None) != FORMAT:
            raise BadTrace(f'line 1: "trace" is not "{FORMAT}"')
        pools = [dict(one) for one in head.pop("pools")]
        machines = tuple(_made(Machine, one.pop("machine")) for one in pools)
        trace = Trace(
            name=str(head.pop("name")),
            seed=int(head.pop("seed", 0)),
            until=float(head.pop("until")),
            pools=tuple(_made(Pool, one, read_at=None) for one in pools),
            machines=machines,
            rollups=tuple(_made(Rollup, one, read_at=None) for one in head.pop("rollups")),
            arrivals=(),
        )
        if head:
            raise ValueError(f"unknown field {next(iter(head))}")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadTrace(f"line {lines[0][0]}: {type(error).__name__} {error}") from error
    return _with_events(trace, lines[1:])


def recorded(
    rows: Iterable[Mapping[str, Any]], rollup: str, pools: Sequence[Pool], machines: Sequence[Machine]
) -> Trace:
    """Of a coordinator's jobs (``GET /v1/jobs``), each as it came, by the first one's time. Raises `Unreadable`."""
    try:
        known = sorted((row["created"] / 1000, row["dueAt"] / 1000, row["kind"], row["gas"]) for row in rows)
    except (KeyError, TypeError) as error:
        raise Unreadable(f"not a list of jobs: {type(error).__name__} {error}") from error
    if not known:
        raise Unreadable("no jobs to make a trace of")
    begin = known[0][0]
    arrivals = tuple(
        Arrival(at=created - begin, rollup=rollup, kind=kind, gas=gas, verify_within=due - created)
        for created, due, kind, gas in known
    )
    within = max(one.verify_within for one in arrivals)
    served = Rollup(name=rollup, pools=tuple(one.name for one in pools), verify_within=within, read_at=None)
    return Trace(
        name=rollup,
        seed=0,
        until=arrivals[-1].at,
        pools=tuple(pools),
        machines=tuple(machines),
        rollups=(served,),
        arrivals=arrivals,
    )


def _with_events(trace: Trace, lines: Sequence[tuple[int, str]]) -> Trace:
    arrivals, blind = [], []
    known = {one.name for one in trace.rollups}
    for number, line in lines:
        row = _object(number, line)
        try:
            if "blind" in row:
                begin, end = row["blind"]
                blind.append((float(begin), float(end)))
                continue
            arrival = _made(Arrival, row)
        except (ValueError, TypeError) as error:
            raise BadTrace(f"line {number}: {error}") from error
        if arrival.rollup not in known:
            raise BadTrace(f"line {number}: rollup {arrival.rollup} is not among those of line 1")
        arrivals.append(arrival)
    arrivals.sort(key=lambda one: one.at)
    return dataclasses.replace(trace, arrivals=tuple(arrivals), blind=tuple(blind))


def _object(number: int, line: str) -> dict[str, Any]:
    try:
        row = orjson.loads(line)
    except ValueError as error:
        raise BadTrace(f"line {number}: not JSON: {error}") from error
    if not isinstance(row, dict):
        raise BadTrace(f"line {number}: not an object")
    return row


def _plain(value: Any) -> dict[str, Any]:
    """The fields of a dataclass, but for those that hold their default."""
    found = {}
    for one in dataclasses.fields(value):
        held = getattr(value, one.name)
        if one.name not in OF_NOW and held != one.default:
            found[_camel(one.name)] = list(held) if isinstance(held, tuple | frozenset) else held
    return found


def _made(kind: type[Any], row: Mapping[str, Any], **fixed: Any) -> Any:
    """A dataclass from its fields. Raises `ValueError`, `TypeError`."""
    fields = {_camel(one.name): one for one in dataclasses.fields(kind) if one.name not in OF_NOW}
    unknown = [name for name in row if name not in fields]
    if unknown:
        raise ValueError(f"unknown field {unknown[0]}")
    return kind(**{fields[name].name: _of_type(str(fields[name].type), value) for name, value in row.items()}, **fixed)


def _of_type(kind: str, value: Any) -> Any:
    if kind == "tuple[Span, ...]":
        return tuple((float(begin), float(end)) for begin, end in value)
    if kind.startswith("tuple"):
        return tuple(str(one) for one in value)
    if kind.startswith("frozenset"):
        return frozenset(str(one) for one in value)
    if value is None and "None" in kind:
        return None
    wanted = kind.removesuffix(" | None")
    plain = {"int": int, "float": (int, float), "str": str, "bool": bool}[wanted]
    if not isinstance(value, plain) or (isinstance(value, bool) and wanted != "bool"):  # type: ignore[arg-type]
        raise ValueError(f"{value!r:.40} is not of type {wanted}")
    if wanted in ("int", "float") and value < 0:
        raise ValueError(f"{value!r:.40} is below zero")
    return float(value) if wanted == "float" else value


def _camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda match: match.group(1).upper(), name)
