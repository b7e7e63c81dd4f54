"""The commands of users: their flags, and what of `using` each stands for."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ethrex_node.cli.rollup import using
from ethrex_node.rollup.l1 import signers


class Address(click.ParamType[bytes]):
    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        if isinstance(value, bytes):
            return value
        if not re.fullmatch(r"0x[0-9a-fA-F]{40}", value):
            self.fail(f"{value!r} is not an address (0x and 40 hexadecimal digits)", param, ctx)
        return bytes.fromhex(value[2:])


class Hash(click.ParamType[str]):
    name = "hash"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not re.fullmatch(r"0x[0-9a-fA-F]{64}", value):
            self.fail(f"{value!r} is not the hash of a transaction (0x and 64 hexadecimal digits)", param, ctx)
        return str(value).lower()


ADDRESS = Address()
HASH = Hash()
KEY_HELP = f"who signs: {signers.FORMS}; never a key"


def _asking(command: Callable[..., None]) -> Callable[..., None]:
    """The options of every command, as a `using.Wish` in the first place."""

    @click.option("--json", "as_json", is_flag=True, help="one JSON object on stdout")
    @click.option(
        "--rpc-url",
        envvar="ETHREX_L2_RPC_URL",
        default="http://127.0.0.1:1729",
        show_default=True,
        help="of the rollup",
    )
    @click.option(
        "--l1-rpc-url", envvar="ETHREX_L1_RPC_URL", default="http://127.0.0.1:8545", show_default=True, help="of its L1"
    )
    @functools.wraps(command)
    def asking(l1_rpc_url: str, rpc_url: str, as_json: bool, key: str | None = None, **given: Any) -> None:
        command(using.Wish(l1_rpc_url, rpc_url, key, as_json), **given)

    return asking


_key = click.option("--key", envvar="ETHREX_KEY", help=KEY_HELP)
_to = click.option("--to", type=ADDRESS, help="who gets it (default: the one who signs)")
_wait = click.option("--wait/--no-wait", default=True, show_default=True, help="follow it to its end")


@click.command()
@click.argument("amount")
@_key
@_to
@click.option("--token-l1", type=ADDRESS, help="an ERC-20 of L1, and")
@click.option("--token-l2", type=ADDRESS, help="what stands for it on L2 (`ethrex l2 deploy-token`)")
@_wait
@_asking
def deposit(
    wish: using.Wish, amount: str, to: bytes | None, token_l1: bytes | None, token_l2: bytes | None, wait: bool
) -> None:
    """Bring money from L1 to the rollup: `1.5eth`, or an amount of a token."""
    if (token_l1 is None) != (token_l2 is None):
        raise click.UsageError("a token needs both --token-l1 and --token-l2")
    tokens = None if token_l1 is None or token_l2 is None else (token_l1, token_l2)
    using.run(wish, lambda session: using.deposit(session, amount, to, tokens, wait))


@click.command()
@click.argument("amount")
@_key
@_to
@click.option("--token-l2", type=ADDRESS, help="an ERC-20 of the rollup")
@click.option("--wait/--no-wait", default=False, show_default=True, help="follow it until it can be claimed")
@click.option("--claim", "claim_too", is_flag=True, help="wait, and claim it on L1")
@click.option(
    "--from-l1",
    "forced",
    is_flag=True,
    help="queue it on L1, gas paid there: for a sequencer that takes nothing of you",
)
@_asking
def withdraw(
    wish: using.Wish, amount: str, to: bytes | None, token_l2: bytes | None, wait: bool, claim_too: bool, forced: bool
) -> None:
    """Bring money from the rollup to L1, where it is claimed once its batch is verified."""
    using.run(wish, lambda session: using.withdraw(session, amount, to, token_l2, wait, claim_too, forced))


@click.command()
@click.argument("transaction", type=HASH, required=False)
@_key
@click.option(
    "--claims",
    type=click.Path(path_type=Path, exists=True),
    help="what `ethrex l2 reconstruct` wrote (claims.json, or its folder), where the rollup lost the transaction",
)
@click.option("--amount", help="that was withdrawn; with --claims")
@click.option("--to", type=ADDRESS, help="who gets it (default: the one who signs); with --claims")
@click.option("--token-l2", type=ADDRESS, help="the ERC-20 of the rollup that was withdrawn; with --claims")
@_wait
@_asking
def claim(
    wish: using.Wish,
    transaction: str | None,
    claims: Path | None,
    amount: str | None,
    to: bytes | None,
    token_l2: bytes | None,
    wait: bool,
) -> None:
    """Claim on L1 what a transaction of the rollup withdrew, or what was withdrawn before the rollup lost its data."""
    if (transaction is None) == (claims is None):
        raise click.UsageError("either a transaction, or --claims and --amount")
    if claims is not None and amount is None:
        raise click.UsageError("--claims needs --amount: the file has hashes, which say no amount")
    if claims is not None and amount is not None:
        using.run(wish, lambda session: using.claim_recovered(session, claims, amount, to, token_l2))
    elif (amount, to, token_l2) != (None, None, None):
        raise click.UsageError("--amount, --to and --token-l2 go with --claims: the transaction says them")
    elif transaction is not None:
        using.run(wish, lambda session: using.claim(session, transaction, wait))


@click.command()
@click.argument("owner", type=ADDRESS)
@click.option("--token", type=ADDRESS, help="an ERC-20 of the rollup")
@_asking
def balance(wish: using.Wish, owner: bytes, token: bytes | None) -> None:
    """What somebody has on both chains."""
    using.run(wish, lambda session: using.balance(session, owner, token))


@click.command("message-proof")
@click.argument("transaction", type=HASH)
@_asking
def message_proof(wish: using.Wish, transaction: str) -> None:
    """The messages to L1 of a transaction, with batch, proof and where they are."""
    using.run(wish, lambda session: using.message_proof(session, transaction))


@click.command()
@click.argument("transaction", type=HASH, required=False)
@_asking
def status(wish: using.Wish, transaction: str | None) -> None:
    """Where a transaction, a deposit (by its hash on L1) or the rollup is."""
    using.run(wish, lambda session: using.status(session, transaction))


@click.command()
@click.argument("amount")
@click.argument("to", type=ADDRESS)
@_key
@click.option("--token", type=ADDRESS, help="an ERC-20 of the rollup")
@_asking
def transfer(wish: using.Wish, amount: str, to: bytes, token: bytes | None) -> None:
    """Pay somebody on the rollup: `1.5eth`, or an amount of a token."""
    using.run(wish, lambda session: using.transfer(session, amount, to, token))


@click.command("deploy-token")
@click.argument("token_l1", type=ADDRESS)
@_key
@_asking
def deploy_token(wish: using.Wish, token_l1: bytes) -> None:
    """Make the token on the rollup that stands for an ERC-20 of L1; the same one for whoever asks."""
    using.run(wish, lambda session: using.deploy_token(session, token_l1))


COMMANDS = (deposit, withdraw, claim, balance, message_proof, status, transfer, deploy_token)
