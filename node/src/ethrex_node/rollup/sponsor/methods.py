"""The door of the sponsor: `ethrex_sendTransaction`, as the reference system names it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from ethrex_node.rollup.sponsor import errors, request
from ethrex_node.rollup.sponsor.sponsor import Sponsor
from ethrex_node.rpc import errors as rpc_errors
from ethrex_node.rpc import params, table

METHODS: Final = table.Group()


@dataclass
class Sponsoring:
    """`sponsor` comes with the other roles; None: there is none, or not yet."""

    sponsor: Sponsor | None = None


@METHODS.method("ethrex_sendTransaction", raises=(errors.SponsorError, rpc_errors.Refused))
async def send_transaction(state: Sponsoring, transaction: dict[str, Any]) -> str:
    """Have the operator pay for a call, with EIP-7702 authorizations where given; gives the transaction's hash."""
    if state.sponsor is None:
        raise errors.NoSponsor("this node sponsors nobody")
    asked = request.read(transaction, state.sponsor.chain_id)
    return params.hex_data(await state.sponsor.send(asked))


@METHODS.method("ethrex_getSponsoredTransaction", raises=(errors.NoSponsor,))
def get_sponsored_transaction(state: Sponsoring, transaction: params.Hash) -> str:
    """
    The hash to look for instead of one that `ethrex_sendTransaction` gave: the sponsor replaces what waits while fees rise.
    The same hash where it was not replaced.
    """
    if state.sponsor is None:
        raise errors.NoSponsor("this node sponsors nobody")
    return params.hex_data(state.sponsor.stands_for(transaction))
