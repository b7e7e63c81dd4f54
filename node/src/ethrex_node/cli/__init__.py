"""The command ``ethrex``: the options table as flags, and the subcommands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from ethrex_node import _native, chain
from ethrex_node.cli import database, flags, rollup, run, transfer, verification
from ethrex_node.config import errors, nearest
from ethrex_node.engine import jwt
from ethrex_node.node.sequencing import DataBehind
from ethrex_node.observe import tracing
from ethrex_node.rollup.deploy import Settled
from ethrex_node.rpc import workers
from ethrex_node.verify import VerifyError

FAILED = 2
SETTLED = 3  # asking again changes nothing: whoever runs a task can stop trying
BEHIND = 4  # a sequencer whose data end before what L1 has of its chain: lost, or older

OURS = (
    *rollup.OURS,
    errors.ConfigError,
    _native.NativeError,
    chain.StorageFailed,
    jwt.BadSecret,
    tracing.TracingUnavailable,
    workers.StartFailed,
    VerifyError,
    OSError,
)


@click.group(cls=flags.Forgiving, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.pass_context
def ethrex(ctx: click.Context, /, **given: Any) -> None:
    """An Ethereum execution client. Without a command: run the node."""
    ctx.obj = given
    if ctx.invoked_subcommand is None:
        run.run(given)


flags.flags(ethrex)


@click.command("import")
@click.argument("file")
@click.pass_context
def import_(ctx: click.Context, /, file: str, **given: Any) -> None:
    """Append the blocks of a chain file (RLP, .gz too) to the head."""
    transfer.import_file(flags.merge(ctx, given), file)


@click.command()
@click.pass_context
def init(ctx: click.Context, /, **given: Any) -> None:
    """Begin the chain in the data folder: write block 0."""
    transfer.init(flags.merge(ctx, given))


@click.command()
@click.option("--first", default=0, type=click.IntRange(min=0), help="first block")
@click.option("--last", default=None, type=click.IntRange(min=0), help="last block (default: the head)")
@click.argument("file")
@click.pass_context
def export(ctx: click.Context, /, file: str, first: int, last: int | None, **given: Any) -> None:
    """Write canonical blocks to a chain file (RLP, .gz too)."""
    transfer.export(flags.merge(ctx, given), file, first, last)


@click.command()
@click.option("--yes", is_flag=True, help="do not ask")
@click.pass_context
def removedb(ctx: click.Context, /, yes: bool, **given: Any) -> None:
    """Delete the database of the data folder."""
    transfer.remove(flags.merge(ctx, given), yes)


@click.group(cls=flags.Forgiving)
def db() -> None:
    """Look after the database: copy, stats, prune, check."""


@click.command()
@click.option("--compact", is_flag=True, help="leave out what is free inside the file")
@click.argument("target")
@click.pass_context
def copy(ctx: click.Context, /, target: str, compact: bool, **given: Any) -> None:
    """Write a consistent copy into a new data folder, beside a running node too."""
    database.copy(flags.merge(ctx, given), target, compact=compact)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="one JSON object; sizes in bytes")
@click.pass_context
def stats(ctx: click.Context, /, as_json: bool, **given: Any) -> None:
    """Size, live data, tables, open snapshots."""
    database.stats(flags.merge(ctx, given), as_json=as_json)


_KEEP = click.IntRange(min=1)


@click.command()
@click.option(
    "--keep-history",
    type=_KEEP,
    metavar="BLOCKS",
    help="keep the state of so many blocks below the head; no reorg goes deeper",
)
@click.option(
    "--keep-receipts", type=_KEEP, metavar="BLOCKS", help="keep receipts and logs of the newest so many blocks"
)
@click.option("--keep-bodies", type=_KEEP, metavar="BLOCKS", help="keep transactions of the newest so many blocks")
@click.pass_context
def prune(
    ctx: click.Context,
    /,
    keep_history: int | None,
    keep_receipts: int | None,
    keep_bodies: int | None,
    **given: Any,
) -> None:
    """Drop old data. The node must not run. What is not named is left alone; headers stay."""
    database.prune(flags.merge(ctx, given), history=keep_history, receipts=keep_receipts, bodies=keep_bodies)


@click.command()
@click.pass_context
def check(ctx: click.Context, /, **given: Any) -> None:
    """Look at every page in use, and name the first that is damaged."""
    database.check(flags.merge(ctx, given))


@click.command()
@click.option("--engine", type=click.Choice(["py-evm"]), default="py-evm", show_default=True, help="the second engine")
@click.argument("blocks")
@click.pass_context
def verify(ctx: click.Context, /, blocks: str, engine: str, **given: Any) -> int:
    """Execute blocks (N or N..M) again in a second engine, from their witness alone, and compare. 1: they differ."""
    return verification.verify(flags.merge(ctx, given), blocks)


@click.command("engine-secret")
@click.argument("file", type=click.Path(path_type=Path))
def engine_secret(file: Path) -> None:
    """Make the secret that a consensus client shares with the node, where FILE is not there; else see that it is one."""
    jwt.load_secret(file)


@click.command()
def version() -> None:
    """Print the version."""
    click.echo(f"ethrex {_native.version()}")


for _command in (import_, init, export, removedb, verify):
    ethrex.add_command(flags.flags(_command))
for _command in (copy, stats, prune, check):
    db.add_command(flags.flags(_command))
ethrex.add_command(db)
ethrex.add_command(rollup.l2)
ethrex.add_command(engine_secret)
ethrex.add_command(version)


def main() -> int:
    try:
        result = ethrex.main(standalone_mode=False)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.NoSuchOption as error:
        known = flags.known(error.ctx.command if error.ctx is not None else ethrex)
        return _fail(f"no option {error.option_name}{nearest.hint(error.option_name, known)}")
    except click.ClickException as error:
        return _fail(error.format_message())
    except click.Abort:
        return 130
    except OURS as error:
        return _fail(str(error.args[-1]) if isinstance(error, _native.NativeError) else str(error), _code(error))
    return result if isinstance(result, int) else 0


def _code(error: BaseException) -> int:
    if isinstance(error, Settled):
        return SETTLED
    return BEHIND if isinstance(error, DataBehind) else FAILED


def _fail(message: str, code: int = FAILED) -> int:
    print(f"ethrex: {message}", file=sys.stderr)
    return code
