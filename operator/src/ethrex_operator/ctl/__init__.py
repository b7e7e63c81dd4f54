"""
``ethrexctl``: a manifest on this machine, without a cluster.

A run has a folder ``.ethrex/NAME`` in the current one. Its name is that of the manifest's first rollup.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from pathlib import Path

import click

from ..api import loading
from ..api.loading import Manifest, ManifestInvalid
from ..chain.errors import ChainError
from ..local.library import Missing
from ..local.ports import NoPort
from ..local.supervisor import InUse
from ..topology.errors import Unmet
from ..topology.facts import BadResult
from . import looking, planning, simulating, up

OURS = (
    ManifestInvalid,
    ChainError,
    Missing,
    NoPort,
    InUse,
    Unmet,
    BadResult,
    looking.NoRun,
    up.NotUp,
    *simulating.OURS,
)
FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)

_file = click.option("-f", "--file", type=FILE, required=True, help="the manifest, of one document or many")
_root = click.option("--root", type=FOLDER, default=Path(".ethrex"), show_default=True, help="folder of all runs")
_name = click.argument("name", required=False)
_json = click.option("--json", "as_json", is_flag=True, help="one JSON object")
_secret = click.option(
    "--secret", "secrets", multiple=True, metavar="NAME=FOLDER", help="a Secret whose keys are the files of a folder"
)
_run_name = click.option("--name", help="of the run (default: the first rollup's)")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def control() -> None:
    """Run what a manifest describes on this machine, without a cluster."""


@control.command("up")
@_file
@_run_name
@_root
@_secret
@click.option("--wait", type=float, default=180.0, show_default=True, help="how long to come up may take [seconds]")
@click.option("--no-fund", is_flag=True, help="on a dev L1: do not deposit for its accounts on the rollup")
def up_(file: Path, name: str | None, root: Path, secrets: tuple[str, ...], wait: float, no_fund: bool) -> None:
    """Make it run, show what it does; ctrl-c ends all of it. What still runs of a killed ethrexctl is taken over."""
    manifest = loading.load(file)
    folder = (root / (name or _named(manifest))).absolute()
    asyncio.run(up.run(up.Wish(folder, manifest, _folders(secrets), wait, not no_fund)))


@control.command()
@_name
@_root
@click.option("--delete-data", is_flag=True, help="and delete its folder: chain, keys of the run, logs")
def down(name: str | None, root: Path, delete_data: bool) -> None:
    """End a run. Its data stay, and `up` goes on with them."""
    folder = looking.folder_of(root, name)
    asyncio.run(looking.down(folder))
    if delete_data:
        shutil.rmtree(folder)
    click.echo(f"{folder.name} is down" + (" and deleted" if delete_data else f"; its data are in {folder}"))


@control.command()
@_name
@_root
@_json
def status(name: str | None, root: Path, as_json: bool) -> None:
    """The parts of a run, and how far its rollups are. Exits with 1 where it is not ready."""
    folder = looking.folder_of(root, name)
    given = asyncio.run(looking.status(folder))
    click.echo(json.dumps(given, indent=2) if as_json else "\n".join(looking.told(given, folder.name)))
    if not given["ready"]:
        sys.exit(1)


@control.command()
@click.argument("name")
@click.argument("workloads", nargs=-1)
@_root
@click.option("--tail", type=click.IntRange(0), default=50, show_default=True, help="lines of each to begin with")
@click.option("-F", "--follow", is_flag=True, help="go on, until ctrl-c")
def logs(name: str, workloads: tuple[str, ...], root: Path, tail: int, follow: bool) -> None:
    """What the parts of a run wrote."""
    asyncio.run(looking.logs(looking.folder_of(root, name), workloads, tail, follow=follow))


@control.command()
@_file
@_run_name
@_root
@_secret
@_json
def plan(file: Path, name: str | None, root: Path, secrets: tuple[str, ...], as_json: bool) -> None:
    """What `up` would start, change and end, and which fields have no meaning on one machine."""
    manifest = loading.load(file)
    found = planning.plan((root / (name or _named(manifest))).absolute(), manifest, _folders(secrets))
    click.echo(json.dumps(found, indent=2) if as_json else "\n".join(planning.told(found)))


control.add_command(simulating.command)


def _named(manifest: Manifest) -> str:
    first = next(iter((*manifest.rollups, *manifest.resources)))
    return first.name


def _folders(secrets: tuple[str, ...]) -> dict[str, Path]:
    found = {}
    for one in secrets:
        name, _, folder = one.partition("=")
        if not name or not folder:
            raise click.BadParameter(f"{one!r} is not NAME=FOLDER", param_hint="--secret")
        found[name] = Path(folder)
    return found


def main() -> None:
    """The command `ethrexctl`. Bad input exits with 2 and a sentence."""
    try:
        control(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except OURS as error:
        click.echo(f"ethrexctl: {error}", err=True)
        sys.exit(2)
