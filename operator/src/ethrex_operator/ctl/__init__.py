"""
``ethrexctl``: a manifest on this machine, without a cluster; and with the same words, what the operator runs in one.

A run has a folder ``.ethrex/NAME`` in the current one. Its name is that of the manifest's first rollup. What is only of this
machine is here, what has a meaning in both places in `words`.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

import click

from ..api import loading
from ..api.loading import ManifestInvalid
from ..chain.errors import ChainError
from ..kube.errors import KubeError
from ..local.library import Missing
from ..local.ports import NoPort
from ..local.supervisor import InUse
from ..topology.errors import Unmet
from ..topology.facts import BadResult
from . import bundle, looking, program, simulating, up, words
from .cluster.observe import NotThere
from .where import OF_KUBECTL, ROOT

OURS = (
    ManifestInvalid,
    ChainError,
    Missing,
    NoPort,
    InUse,
    Unmet,
    BadResult,
    KubeError,
    NotThere,
    bundle.NotWritten,
    looking.NoRun,
    program.NoProgram,
    up.NotUp,
    *simulating.OURS,
)

_root = click.option("--root", type=words.FOLDER, default=ROOT, show_default=True, help="folder of all runs")
_name = click.argument("name", required=False)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def control() -> None:
    """Run what a manifest describes on this machine, and look after it here or, with `--context`, in a cluster."""


@control.command("up")
@words.file
@words.run_name
@_root
@words.secret
@click.option("--wait", type=float, default=180.0, show_default=True, help="how long to come up may take [seconds]")
@click.option("--no-fund", is_flag=True, help="on a dev L1: do not deposit for its accounts on the rollup")
def up_(file: Path, name: str | None, root: Path, secrets: tuple[str, ...], wait: float, no_fund: bool) -> None:
    """Make it run, show what it does; ctrl-c ends all of it. What still runs of a killed ethrexctl is taken over."""
    manifest = loading.load(file)
    folder = (root / (name or words.named(manifest))).absolute()
    asyncio.run(up.run(up.Wish(folder, manifest, words.folders(secrets), wait, not no_fund)))


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


control.add_command(simulating.command)
for _each in words.COMMANDS:
    control.add_command(_each)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "obj": OF_KUBECTL})
def plugin() -> None:
    """Look after rollups in a cluster: `kubectl ethrex …`, in kubectl's current context unless another is named."""


for _each in words.COMMANDS:
    plugin.add_command(_each)


def main() -> None:
    """The command `ethrexctl`. Bad input exits with 2 and a sentence."""
    _run(control, "ethrexctl")


def kubectl() -> None:
    """The command `kubectl-ethrex`, which kubectl starts as `kubectl ethrex`."""
    _run(plugin, "kubectl ethrex")


def _run(group: click.Group, name: str) -> None:
    try:
        sys.exit(group(standalone_mode=False, prog_name=name) or 0)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except OURS as error:
        click.echo(f"{name}: {error}", err=True)
        sys.exit(2)
