"""``ethrexctl simulate``: what the planner would do on a day, made by chance or recorded, and what others' laws cost."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import orjson

from ..scaling import comparing, families, laws, observe, simulate, trace_file
from ..scaling.comparing import Comparison
from ..scaling.observation import Pool
from ..scaling.observe import Unreadable
from ..scaling.settings import Settings
from ..scaling.simulate import Result
from ..scaling.trace_file import BadTrace
from ..scaling.traces import Machine, Trace

OURS = (BadTrace, Unreadable)
RECORDED = "recorded"


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a list of jobs does not tell: the provers that they would meet."""

    gas_per_second: float
    start_up: float
    price_per_hour: float
    max: int


def trace_of(file: Path | None, jobs: tuple[Path, ...], family: str, seed: int, hours: float, told: Recorded) -> Trace:
    """Raises `BadTrace`, `Unreadable`."""
    if file is not None:
        return trace_file.read(_text(file))
    if not jobs:
        return families.make(family, seed, hours)
    rows = [row for one in jobs for row in _rows(one)]
    kinds = frozenset(str(row.get("kind")) for row in rows)
    pool = Pool(
        name="pool",
        kinds=kinds,
        read_at=None,
        max=told.max,
        scale_down_delay=0.0,
        price_per_hour=told.price_per_hour,
        rate_hint=told.gas_per_second,
        start_up_hint=told.start_up,
    )
    machine = Machine(gas_per_second=told.gas_per_second, start_up=told.start_up)
    return trace_file.recorded(rows, RECORDED, (pool,), (machine,))


def _rows(file: Path) -> list[dict[str, Any]]:
    try:
        content = orjson.loads(_text(file))
        rows = content["jobs"]
    except (ValueError, KeyError, TypeError) as error:
        raise Unreadable(f"{file}: not an answer of GET /v1/jobs") from error
    observe.jobs(orjson.dumps(content), RECORDED)  # says what is wrong with a row
    return list(rows)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadTrace(f"{file}: {error}") from error


def report(trace: Trace, settings: Settings, *, beside: bool) -> dict[str, Any]:
    """How the planner did and what it decided; `beside` it the tuned yardsticks, where the trace has one pool."""
    planner = laws.Planner(settings)
    result = simulate.play(trace, planner)
    found: dict[str, Any] = {
        "trace": {"name": trace.name, "seed": trace.seed, "jobs": len(trace.arrivals), "hours": trace.until / 3600},
        "planner": _figures(result),
        "decisions": [
            {"at": at, "pool": pool, "reason": reason, "message": words} for at, pool, reason, words in planner.messages
        ],
    }
    if beside and len(trace.pools) == 1:
        found["yardsticks"] = _yardsticks(comparing.compare([trace], settings))
    return found


def _yardsticks(comparison: Comparison) -> dict[str, Any]:
    return {
        law: {
            "setting": one.tuned.setting,
            "meetsAsMany": one.reaches,
            **_figures(one.tuned.results[0]),
        }
        for law, one in comparison.yardsticks.items()
    }


def _figures(result: Result) -> dict[str, Any]:
    jobs = len(result.trace.arrivals)
    return {
        "deadlinesMet": len(result.met) / jobs if jobs else 1.0,
        "delayP50Seconds": _finite(result.delay(0.5)),
        "delayP95Seconds": _finite(result.delay(0.95)),
        "delayMaxSeconds": _finite(result.delay(1.0)),
        "cost": round(result.cost, 4),
        "starts": result.starts,
        "failedStarts": result.failed_starts,
        "lostProvers": result.lost,
        "mostProvers": result.most_provers,
        "decisions": result.decisions,
    }


def _finite(seconds: float) -> float | None:
    return round(seconds, 1) if seconds < float("inf") else None


def told(found: dict[str, Any], *, decisions: bool) -> Iterator[str]:
    """For people."""
    trace = found["trace"]
    yield f"{trace['name']}, seed {trace['seed']}: {trace['jobs']} jobs in {trace['hours']:.1f} h"
    yield f"{'':<10}{'met':>8}{'p50':>9}{'p95':>9}{'max':>9}{'cost':>10}{'starts':>8}{'most':>6}{'decisions':>11}"
    yield _row("planner", found["planner"])
    for law, one in found.get("yardsticks", {}).items():
        reaches = "" if one["meetsAsMany"] else ", the most that it meets"
        yield f"{_row(law, one)}   ({one['setting']}{reaches})"
    if decisions:
        for one in found["decisions"]:
            yield f"{one['at'] / 3600:7.3f} h  {one['pool']}  {one['reason']}: {one['message']}"


def _row(name: str, one: dict[str, Any]) -> str:
    delays = "".join(
        f"{'never' if one[key] is None else f'{one[key]:.0f} s':>9}"
        for key in ("delayP50Seconds", "delayP95Seconds", "delayMaxSeconds")
    )
    return (
        f"{name:<10}{one['deadlinesMet']:>8.2%}{delays}{one['cost']:>10.2f}{one['starts']:>8}{one['mostProvers']:>6}"
        f"{one['decisions']:>11}"
    )


@click.command("simulate")
@click.option("--trace", "file", type=click.Path(path_type=Path, dir_okay=False), help="play a trace file")
@click.option(
    "--jobs",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    help="play the jobs of a coordinator: a saved page of GET /v1/jobs (may be repeated)",
)
@click.option("--seed", type=click.IntRange(0), help="make a trace by chance, always the same for a seed")
@click.option("--family", type=click.Choice(list(families.FAMILIES)), default="bursts", show_default=True)
@click.option("--hours", type=click.FloatRange(0.1, 240), default=6.0, show_default=True, help="of a made trace")
@click.option(
    "--rate", type=click.FloatRange(1), default=1e6, show_default=True, help="of a prover, with --jobs [gas/s]"
)
@click.option("--start-up", type=click.FloatRange(0), default=120.0, show_default=True, help="with --jobs [seconds]")
@click.option(
    "--price", type=click.FloatRange(0), default=1.0, show_default=True, help="of a prover's hour, with --jobs"
)
@click.option("--max", "most", type=click.IntRange(1, 1000), default=20, show_default=True, help="provers, with --jobs")
@click.option(
    "--patience", type=click.FloatRange(0, 1), default=1.0, show_default=True, help="as the planner's setting"
)
@click.option("--write", type=click.Path(path_type=Path, dir_okay=False), help="keep the trace in a file")
@click.option("--alone", is_flag=True, help="without the other laws, which are played some 50 times")
@click.option("--decisions", is_flag=True, help="print what the planner decided, and why")
@click.option("--json", "as_json", is_flag=True, help="one JSON object")
def command(
    file: Path | None,
    jobs: tuple[Path, ...],
    seed: int | None,
    family: str,
    hours: float,
    rate: float,
    start_up: float,
    price: float,
    most: int,
    patience: float,
    write: Path | None,
    alone: bool,
    decisions: bool,
    as_json: bool,
) -> None:
    """
    Play a day of proofs under the planner and under KEDA's and ZKsync's laws, each tuned to it.

    One of --trace, --jobs and --seed says which day.
    """
    if [file is not None, bool(jobs), seed is not None].count(True) != 1:
        raise click.UsageError("give one of --trace, --jobs and --seed")
    trace = trace_of(file, jobs, family, seed or 0, hours, Recorded(rate, start_up, price, most))
    if write is not None:
        write.write_text(trace_file.written(trace), encoding="utf-8")
    settings = dataclasses.replace(Settings(), patience=patience)
    found = report(trace, settings, beside=not alone)
    click.echo(orjson.dumps(found).decode() if as_json else "\n".join(told(found, decisions=decisions)))
