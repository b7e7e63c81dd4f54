"""The commands that mean the same of a run on this machine and of a rollup in a cluster. Each asks `where` first."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from ..api import loading
from ..api.loading import Manifest
from . import bundle as bundles
from . import gathering, handing, looking, money, planning
from .bundle import Bundle
from .cluster import access, logs, observe, pause, plan, report, tree
from .cluster.observe import NotThere
from .redact import Redactor
from .where import Elsewhere, Machine, Where, placed

FILE: Final = click.Path(path_type=Path, dir_okay=False)
FOLDER: Final = click.Path(path_type=Path, file_okay=False)
OPERATOR_NAMESPACE: Final = "ethrex-system"

file = click.option("-f", "--file", type=FILE, required=True, help="the manifest, of one document or many")
run_name = click.option("--name", help="of the run (default: the first rollup's)")
secret = click.option(
    "--secret", "secrets", multiple=True, metavar="NAME=FOLDER", help="a Secret whose keys are the files of a folder"
)
_json = click.option("--json", "as_json", is_flag=True, help="one JSON object")
_name = click.argument("name", required=False)


@click.command("status")
@_name
@_json
@placed
def status(where: Where, name: str | None, as_json: bool) -> None:
    """The tree of a run, or of a rollup in a cluster: parts, batches, balances, reasons. 1 where something is not ready."""
    ready, found, lines = asyncio.run(_status(where, name))
    click.echo(json.dumps(found, indent=2) if as_json else "\n".join(lines))
    if not ready:
        sys.exit(1)


async def _status(where: Where, name: str | None) -> tuple[bool, dict[str, Any], Iterator[str]]:
    if isinstance(where, Machine):
        folder = looking.folder_of(where.root, name)
        given = await looking.status(folder)
        return given["ready"], given, looking.told(given, folder.name)
    async with access.opened(where) as at:
        shown = [tree.shown(one) for one in await observe.trees(at, name)]
    found: dict[str, Any] = {"context": at.context, "ready": all(map(tree.ready, shown)), "rollups": shown}
    return found["ready"], found, (line for one in shown for line in tree.told(one))


@click.command("logs")
@click.argument("name")
@click.argument("parts", nargs=-1)
@click.option("--tail", type=click.IntRange(0), default=50, show_default=True, help="lines of each to begin with")
@click.option("-F", "--follow", is_flag=True, help="go on, until ctrl-c")
@placed
def logs_(where: Where, name: str, parts: tuple[str, ...], tail: int, follow: bool) -> None:
    """What the parts of a run or of a rollup wrote."""
    if isinstance(where, Machine):
        asyncio.run(looking.logs(looking.folder_of(where.root, name), parts, tail, follow=follow))
    else:
        asyncio.run(_logs(where, name, parts, tail, follow=follow))


async def _logs(where: Elsewhere, name: str, parts: tuple[str, ...], tail: int, *, follow: bool) -> None:
    def say(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    async with access.opened(where) as at:
        await logs.show(at, name, parts, tail, say, follow=follow)


@click.command("plan")
@file
@run_name
@secret
@_json
@placed
def plan_(where: Where, file: Path, name: str | None, secrets: tuple[str, ...], as_json: bool) -> None:
    """What `up`, or in a cluster `kubectl apply`, would change: nothing is changed. 1 where something would be refused."""
    manifest = loading.load(file)
    if isinstance(where, Machine):
        found = planning.plan((where.root / (name or named(manifest))).absolute(), manifest, folders(secrets))
        lines, refused = planning.told(found), False
    else:
        if name or secrets:
            raise click.UsageError("--name and --secret are of a run on this machine")
        found = asyncio.run(_plan(where, manifest))
        lines, refused = plan.told(found), plan.refused(found)
    click.echo(json.dumps(found, indent=2) if as_json else "\n".join(lines))
    if refused:
        sys.exit(1)


async def _plan(where: Elsewhere, manifest: Manifest) -> dict[str, Any]:
    async with access.opened(where) as at:
        return await plan.plan(at, manifest)


@click.command("report")
@_name
@click.option("-o", "--out", type=FILE, help="[default: ethrex-NAME-TIME.tar.gz here]")
@click.option("--operator-namespace", default=OPERATOR_NAMESPACE, show_default=True, help="in a cluster")
@_json
@placed
def report_(where: Where, name: str | None, out: Path | None, operator_namespace: str, as_json: bool) -> None:
    """One file for somebody who shall help: resources, events, conditions, logs, metrics. No keys, tokens or passwords."""
    done = asyncio.run(_report(where, name, out, operator_namespace))
    told = {"file": str(done.path), "holds": done.names}
    click.echo(
        json.dumps(told, indent=2) if as_json else f"{done.path}: {len(done.names)} texts; look through it first"
    )


async def _report(where: Where, name: str | None, out: Path | None, operator_namespace: str) -> Bundle:
    if isinstance(where, Machine):
        folder = looking.folder_of(where.root, name)
        with bundles.written(out or _file_for(folder.name), Redactor(gathering.secrets(folder))) as bundle:
            await gathering.gather(folder, bundle)
        return bundle
    if name is None:
        raise NotThere("name the rollup that the report is of")
    async with access.opened(where) as at:
        with bundles.written(out or _file_for(name), Redactor()) as bundle:
            await report.gather(at, name, operator_namespace, bundle)
    return bundle


def _file_for(name: str) -> Path:
    return Path(f"ethrex-{name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.tar.gz")


@click.command("pause")
@click.argument("what", metavar="NAME|KIND/NAME")
@_json
@placed
def pause_(where: Where, what: str, as_json: bool) -> None:
    """In a cluster: change nothing of a rollup (or pool/NAME, l1/NAME, settlement/NAME) any more. What runs goes on."""
    _paused(where, what, as_json, paused=True)


@click.command("resume")
@click.argument("what", metavar="NAME|KIND/NAME")
@_json
@placed
def resume(where: Where, what: str, as_json: bool) -> None:
    """Take back a `pause`."""
    _paused(where, what, as_json, paused=False)


def _paused(where: Where, what: str, as_json: bool, *, paused: bool) -> None:
    if isinstance(where, Machine):
        raise click.UsageError("on this machine nothing changes by itself; --context names a cluster")
    found = asyncio.run(_put(where, what, paused=paused))
    click.echo(json.dumps(found, indent=2) if as_json else pause.told(found))


async def _put(where: Elsewhere, what: str, *, paused: bool) -> dict[str, Any]:
    async with access.opened(where) as at:
        return await pause.put(at, what, paused=paused)


@click.command("handover", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": True})
@click.option("-r", "--rollup", "name", metavar="NAME", help="the rollup, or here the run")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[OPTIONS OF ETHREX L2 HANDOVER]")
@placed
def handover(where: Where, name: str | None, words: tuple[str, ...]) -> None:
    """Have the sequencer stop for good, its last batch on L1, so that another takes over: `ethrex l2 handover`, door and token found."""
    sys.exit(asyncio.run(handing.hand_over(where, name, words)))


def _money(command: str, told: str) -> click.Command:
    @click.command(
        command, help=told, context_settings={"ignore_unknown_options": True, "allow_interspersed_args": True}
    )
    @click.option("-r", "--rollup", "name", metavar="NAME", help="the rollup, or here the run")
    @click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="AMOUNT [OPTIONS OF ETHREX L2]")
    @placed
    def handed(where: Where, name: str | None, words: tuple[str, ...]) -> None:
        sys.exit(asyncio.run(money.hand_on(where, name, command, words)))

    return handed


deposit = _money("deposit", "Bring money from L1 to the rollup: `ethrex l2 deposit`, with its URLs found.")
withdraw = _money("withdraw", "Bring money back to L1: `ethrex l2 withdraw`, with its URLs found.")

COMMANDS: Final = (status, logs_, plan_, report_, pause_, resume, handover, deposit, withdraw)


def named(manifest: Manifest) -> str:
    """What a run of it is called."""
    first = next(iter((*manifest.rollups, *manifest.resources)))
    return first.name


def folders(secrets: tuple[str, ...]) -> dict[str, Path]:
    found = {}
    for one in secrets:
        name, _, folder = one.partition("=")
        if not name or not folder:
            raise click.BadParameter(f"{one!r} is not NAME=FOLDER", param_hint="--secret")
        found[name] = Path(folder)
    return found
