"""The commands ``ethrex l2``: a rollup's contracts, its sequencer, all of it on one machine, and what users do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ethrex_node.cli import flags
from ethrex_node.cli.rollup import (
    deploying,
    development,
    following,
    handing_over,
    keeping,
    making_room,
    recovering,
    sequencing,
    users,
)
from ethrex_node.node import admission, data_committee
from ethrex_node.node import sequencing as node
from ethrex_node.observe import logs
from ethrex_node.rollup import settings
from ethrex_node.rollup.committee.errors import CommitteeError
from ethrex_node.rollup.coordinator.identities import BadTokenFile
from ethrex_node.rollup.coordinator.service_accounts import BadSubjectsFile
from ethrex_node.rollup.deploy import DeployError
from ethrex_node.rollup.follower import settings as follower_settings
from ethrex_node.rollup.l1.errors import L1Error
from ethrex_node.rollup.l1.signers import FORMS, SignerError
from ethrex_node.rollup.recovery import catching_up, start
from ethrex_node.rollup.recovery.beginning import CannotBegin
from ethrex_node.rollup.recovery.published import RecoveryError
from ethrex_node.rollup.recovery.sources import Places
from ethrex_node.rollup.sequencer.sealed import Inconsistent
from ethrex_node.rollup.store.environment import StoreError
from ethrex_node.rollup.takeover.plan import CannotTakeOver
from ethrex_node.rollup.wallet.account import WalletError
from ethrex_node.rollup.wallet.amounts import AmountInvalid

OURS = (
    DeployError,
    L1Error,
    SignerError,
    StoreError,
    RecoveryError,
    BadTokenFile,
    BadSubjectsFile,
    admission.NobodyMayCome,
    data_committee.CommitteeUnfit,
    CommitteeError,
    Inconsistent,
    node.CannotSequence,
    CannotTakeOver,
    handing_over.HandoverFailed,
    CannotBegin,
    development.DevFailed,
    AmountInvalid,
    WalletError,
)

Command = Callable[..., None]

FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)

_l1_urls = click.option(
    "--eth-rpc-url", "urls", multiple=True, default=("http://127.0.0.1:8545",), show_default=True,
    help="JSON-RPC URL of an L1 node; several have to agree",
)  # fmt: skip
_json = click.option("--json", "as_json", is_flag=True, help="one JSON object")


@click.group(cls=flags.Forgiving)
def l2() -> None:
    """A rollup: deploy its contracts, run its roles."""


@l2.command()
@click.option("--plan", type=FILE, required=True, help="what shall be there: a JSON or TOML file")
@_l1_urls
@click.option("--key", help=f"the owner's: {FORMS}; never a key")
@click.option(
    "--out",
    type=FOLDER,
    default=Path("deployment"),
    show_default=True,
    help="folder for a file and a genesis each chain",
)
@click.option("--dry-run", is_flag=True, help="only say what is left, where the contracts will be and what it costs")
@click.option("--verify", is_flag=True, help="compare the code on L1 with that of this version's contracts")
@click.option("--result", type=FILE, help="file for the addresses as one JSON object, once they are all there")
@_json
def deploy(**given: Any) -> None:
    """
    Bring the contracts on L1 to what a plan says. Run it again at any time: what is there is kept.

    It ends with 3 where running it again would change nothing: the plan cannot be read, the contracts are another's, or
    other contracts than those of this version.
    """
    deploying.run(deploying.Wish(**given))


@click.command()
@click.pass_context
def sequencer(ctx: click.Context, /, **given: Any) -> None:
    """Seal a rollup's blocks, publish its batches and have them verified. Runs until SIGTERM."""
    sequencing.run(flags.merge(ctx, given))


@click.command()
@click.option("--l1", help="another name of --eth.rpc-url")
@click.pass_context
def follow(ctx: click.Context, /, l1: str | None, **given: Any) -> None:
    """Follow a rollup's sequencer, every block executed again and held against L1. Runs until SIGTERM."""
    if l1 is not None:
        given["eth_rpc_url"] = l1
    following.run(flags.merge(ctx, given))


l2.add_command(flags.flags(sequencer, settings.TABLE))
l2.add_command(flags.flags(follow, follower_settings.TABLE))
for _command in users.COMMANDS:
    l2.add_command(_command)


@l2.command()
@click.option(
    "--coordinator", required=True, help="URL of the proof coordinator's door of the sequencer that shall stop"
)
@click.option("--token-file", type=FILE, required=True, help="file with the token of an operator there")
@click.option("--at-batch", type=click.IntRange(1), help="the last batch that it seals (default: the one that is open)")
@click.option("--status", "only_status", is_flag=True, help="only say how far it is")
@click.option(
    "--timeout", type=click.FloatRange(1), default=300.0, show_default=True, help="how long to wait [seconds]"
)
@_json
def handover(**given: Any) -> None:
    """
    Have a sequencer stop for good, so that another one can take over: no more transactions, the last batch on L1.

    Ends when it has. Whatever interrupts this command, the sequencer goes on with it: run it again to see.
    """
    handing_over.run(handing_over.Wish(**given))


def _from_l1(command: Command) -> Command:
    """The options of a `recovering.Wish`."""
    deployment = click.option(
        "--deployment", type=FILE, required=True, help="file that `ethrex l2 deploy` wrote for the chain"
    )
    return deployment(_l1_urls(_json(command)))


@l2.command("archive-blobs")
@_from_l1
@click.option("--beacon", required=True, help="URL of a Beacon API that has the blobs")
@click.option("--archive", type=FOLDER, required=True, help="folder that keeps them")
@click.option("--every", type=click.FloatRange(0.1), help="look again after so long, until stopped [seconds]")
def archive_blobs(beacon: str, archive: Path, every: float | None, **given: Any) -> None:
    """Keep the blobs of every batch on L1, which a Beacon API forgets after some 18 days."""
    recovering.run(
        recovering.Wish(**given), lambda wish, sources: recovering.archive(wish, sources, beacon, archive, every)
    )


@l2.command()
@_from_l1
@click.option("--beacon", help="URL of a Beacon API that has the blobs")
@click.option("--archive", type=FOLDER, help="folder that `ethrex l2 archive-blobs` keeps")
@click.option("--da", multiple=True, help="URL of a member of a validium's data committee; several are asked in turn")
@click.option("--da-token", type=FILE, help="file with the token that they know, where they ask for one")
@click.option("--out", type=FOLDER, required=True, help="folder for state.json, start.json and claims.json")
@click.option(
    "--verified", is_flag=True, help="stop at the last verified batch, whose state the escape hatch counts by"
)
@click.option("--if-missing", is_flag=True, help="do nothing where --out has a start already")
@click.option(
    "--datadir",
    type=FOLDER,
    help="a node's that shall begin with it: nothing is done where it has blocks, a bare genesis goes",
)
def reconstruct(
    beacon: str | None,
    archive: Path | None,
    da: tuple[str, ...],
    da_token: Path | None,
    out: Path,
    verified: bool,
    if_missing: bool,
    datadir: Path | None,
    **given: Any,
) -> None:
    """The rollup's state and the proofs of its withdrawals from L1 alone, every root and opening checked."""
    wish, where = recovering.Wish(**given), Places(beacon, archive, da, da_token)
    if datadir is not None and recovering.has_blocks(wish, datadir):
        return
    if not (if_missing and start.is_there(out)):
        recovering.run(
            wish,
            lambda wish, sources: recovering.reconstruct(wish, sources, where, out, only_verified=verified),
        )
    if datadir is not None and start.is_there(out):
        making_room.make(datadir)


@l2.command("da-node")
@click.option("--deployment", type=FILE, required=True, help="file that `ethrex l2 deploy` wrote for the validium")
@click.option("--datadir", type=FOLDER, required=True, help="folder that keeps the payloads")
@click.option("--key", required=True, help=f"this member's: {FORMS}; never a key")
@click.option("--tokens", type=FILE, help="file with who may come: lines of `role name token`, writer or reader")
@click.option("--issuer", help="URL of who signs service accounts' tokens (OIDC), as the tokens name it")
@click.option("--audience", help="what such tokens have to be made for")
@click.option("--subjects", type=FILE, help="file with who may come with one: lines of `role subject name`")
@click.option("--jwks", help="URL or file of the issuer's keys (default: openid/v1/jwks at the issuer)")
@click.option("--jwks-ca", type=FILE, help="file with the certificates to believe there (default: the system's)")
@click.option("--jwks-token", type=FILE, help="file with the token to show there")
@click.option("--private", is_flag=True, help="reading takes a token too (default: everybody may read)")
@click.option("--addr", default="127.0.0.1", show_default=True, help="address to listen on")
@click.option("--port", type=click.IntRange(0, 65_535), default=3950, show_default=True, help="its port; 0: a free one")
@click.option(
    "--most-bytes", type=click.IntRange(1, 64 << 20), default=1 << 20, show_default=True, help="most that a payload has"
)
@click.option(
    "--eth-rpc-url",
    "urls",
    multiple=True,
    help="JSON-RPC URL of an L1 node; several have to agree. Without one nobody is asked whether this is a member",
)
@click.option("--peer", "peers", multiple=True, help="URL of another member, to fetch from it what was missed")
@click.option("--peer-token", type=FILE, help="file with the token that they know, where they ask for one")
@click.option(
    "--every", type=click.FloatRange(0.1), default=60.0, show_default=True, help="look for what was missed [seconds]"
)
@click.option(
    "--audit-every",
    type=click.FloatRange(0.1),
    default=catching_up.AUDIT_SECONDS,
    show_default=True,
    help="read every payload and fetch what went bad, at the start and after so long [seconds]",
)
@click.option("--metrics-addr", default="127.0.0.1", show_default=True, help="address of metrics and probes")
@click.option("--metrics-port", type=click.IntRange(0, 65_535), help="serve them there; 0 takes a free one")
@click.option("--log-level", type=click.Choice(list(logs.LEVELS)), default="info", show_default=True)
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True)
def da_node(**given: Any) -> None:
    """A member of a validium's data committee: keep its payloads, sign that they are kept, give them back."""
    keeping.run(keeping.Wish(**given))


@l2.command()
@_from_l1
@click.option("--key", envvar="ETHREX_KEY", required=True, help=users.KEY_HELP)
@click.option(
    "--state-url", required=True, help="JSON-RPC URL of a node that has the last verified state: see `reconstruct`"
)
@click.option("--token-l2", type=users.ADDRESS, help="a token of the bridge (default: the coin)")
def escape(key: str, state_url: str, token_l2: bytes | None, **given: Any) -> None:
    """After a freeze: take on L1 what an account held in the last verified state, once for the coin and each token."""
    recovering.run(
        recovering.Wish(**given), lambda wish, sources: recovering.escape(wish, sources, key, state_url, token_l2)
    )


@l2.command()
@click.option("--datadir", type=FOLDER, help="folder that outlives the run (default: one that goes with it)")
@click.option("--chain-id", type=click.IntRange(1, (1 << 53) - 1), default=65_536_999, show_default=True)
@click.option("--l1-port", type=click.IntRange(0, 65_535), default=8545, show_default=True, help="JSON-RPC of the L1")
@click.option("--port", type=click.IntRange(0, 65_535), default=1729, show_default=True, help="JSON-RPC of the rollup")
@click.option(
    "--block-time",
    type=click.FloatRange(0.1),
    default=1.0,
    show_default=True,
    help="between the rollup's blocks [seconds]",
)
@click.option(
    "--batch-time", type=click.FloatRange(0.1), default=10.0, show_default=True, help="a batch ends after [seconds]"
)
@click.option("--l1-block-time", type=click.FloatRange(0.1), default=1.0, show_default=True, help="of the L1 [seconds]")
@click.option("--provers", type=click.IntRange(0, 16), default=1, show_default=True)
@click.option("--validium", is_flag=True, help="publish nothing: payloads go into a folder")
def dev(**given: Any) -> None:
    """A whole rollup on this machine: an L1, the contracts, the sequencer, a prover. Ctrl-c ends all of it."""
    development.run(development.Wish(**given))
