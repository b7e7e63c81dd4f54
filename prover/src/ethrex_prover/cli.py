"""The command ``ethrex-prover``. Each option has an environment variable of the same name behind ETHREX_PROVER_."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from typing import Any

import click

from ethrex_node import _native
from ethrex_node.observe import logs
from ethrex_node.rollup import attested
from ethrex_node.rollup.l1 import signers
from ethrex_prover import errors, process, worker
from ethrex_prover.backends import native


def _address(_: click.Context, __: click.Parameter, value: str) -> bytes:
    if not re.fullmatch(r"0x[0-9a-fA-F]{40}", value):
        raise click.BadParameter(f"{value!r} is not an address (0x and 40 hexadecimal digits)")
    return bytes.fromhex(value[2:])


def _urls(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if not re.match(r"https?://[^/]+", value):
            raise click.BadParameter(f"{value!r} is not an http or https URL")
    return values


@click.group(context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "ETHREX_PROVER"})
@click.version_option(_native.version(), prog_name="ethrex-prover")
def ethrex_prover() -> None:
    """Prove batches of an ethrex rollup."""


@ethrex_prover.command()
@click.option("--backend", type=click.Choice([attested.KIND]), required=True, help="kind of proofs to make")
@click.option(
    "--coordinator",
    "coordinators",
    multiple=True,
    required=True,
    callback=_urls,
    help="URL of a proof coordinator; several are served in turn",
)
@click.option(
    "--token-file",
    "token_files",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="file with the token that the coordinators know, read again for every request; or one for each of them, in order",
)
@click.option("--id", "prover", required=True, help="name that belongs to the token, or that, a dot and more")
@click.option(
    "--key",
    required=True,
    help=f"what signs: {signers.FORMS}; never a key",
)
@click.option("--l1-chain-id", type=click.IntRange(1), required=True, help="chain id of the L1 that checks the proofs")
@click.option("--verifier", callback=_address, required=True, help="address of the AttestedVerifier contract there")
@click.option("--program-version", type=click.IntRange(0), default=1, show_default=True, help="version that is proven")
@click.option(
    "--cross-check",
    type=click.Choice(["py-evm"]),
    help="execute each batch in this engine too, and sign nothing where it comes to something else (slow)",
)
@click.option(
    "--poll", type=click.FloatRange(0.01), default=2.0, show_default=True, help="pause without work (seconds)"
)
@click.option(
    "--drain",
    type=click.Choice([one.value for one in worker.Drain]),
    default="finish",
    show_default=True,
    help="on SIGTERM: finish the job in hand, or give it back at once",
)
@click.option(
    "--grace",
    type=click.FloatRange(0),
    default=20.0,
    show_default=True,
    help="how long to finish may take before the job is given back (seconds)",
)
@click.option(
    "--metrics-port", type=click.IntRange(0, 65535), help="serve metrics and probes there; 0 takes a free one"
)
@click.option("--metrics-addr", default="127.0.0.1", show_default=True, help="address of the metrics")
@click.option("--log-level", type=click.Choice(list(logs.LEVELS)), default="info", show_default=True)
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True)
def run(**given: Any) -> None:  # fmt: skip
    """Take jobs and prove them, until SIGTERM."""
    settings = _settings(given)
    execute = native.execute_batch
    if given["cross_check"]:
        native.require_second_engine()
        execute = native.cross_checked
    logging = logs.start(given["log_level"], given["log_format"])
    try:
        asyncio.run(process.run(settings, execute))
    finally:
        logging.stop()


def _settings(given: dict[str, Any]) -> process.Settings:
    coordinators, files = given["coordinators"], given["token_files"]
    if len(files) not in (1, len(coordinators)):
        raise click.UsageError(
            f"{len(coordinators)} --coordinator and {len(files)} --token-file: give one, or one for each"
        )
    return process.Settings(
        coordinators=coordinators,
        token_files=files,
        prover=given["prover"],
        key=given["key"],
        domain=attested.Domain(given["l1_chain_id"], given["verifier"]),
        metrics_port=given["metrics_port"],
        metrics_host=given["metrics_addr"],
        worker=worker.Settings(
            program_version=given["program_version"],
            poll_seconds=given["poll"],
            drain=worker.Drain(given["drain"]),
            grace_seconds=given["grace"],
        ),
    )


def main() -> int:
    try:
        result = ethrex_prover.main(standalone_mode=False)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.Abort:
        return 130
    except click.ClickException as error:
        return _fail(error.format_message())
    except (errors.ProverError, signers.SignerError, OSError) as error:
        return _fail(str(error))
    return result if isinstance(result, int) else 0


def _fail(message: str) -> int:
    print(f"ethrex-prover: {message}", file=sys.stderr)
    return 2
