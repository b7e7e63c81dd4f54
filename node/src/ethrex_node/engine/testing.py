"""
testing_*: a block in one call, for test tools. Served only where ``--http.api`` names the namespace.

The block that comes out is known to the chain as a candidate and is not made the head.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from ethrex_node.engine import methods, parts
from ethrex_node.rpc import errors, params, table
from ethrex_node.rpc.params import Data, Hash

METHODS: Final = table.Group()
EXTRA_DATA_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Testing:
    """What these methods work on."""

    engine: methods.Engine
    builder: parts.ExactBuilder


@METHODS.method("testing_buildBlockV1", raises=(errors.Refused,))
async def build_block(
    state: Testing,
    parent: Hash,
    attributes: parts.Attributes,
    transactions: list[Data] | None = None,
    extra_data: Data | None = None,
) -> dict[str, Any]:
    """Build a block of just these transactions on a parent; null: out of the pool."""
    if extra_data is not None and len(extra_data) > EXTRA_DATA_BYTES:
        raise errors.InvalidParams(f"extra data holds at most {EXTRA_DATA_BYTES} bytes, not {len(extra_data)}")
    known = await state.engine.chain.known(parent)
    if known is None:
        raise errors.Refused("unknown parent block")
    if attributes.timestamp <= known.timestamp:
        raise errors.Refused(f"timestamp {attributes.timestamp} is not after the parent's {known.timestamp}")
    try:
        built = await state.builder.build_exactly(parent, attributes, transactions, extra_data)
    except parts.BlockInvalid as error:
        raise errors.Refused(str(error)) from error
    answer = await methods.envelope(state.engine, built)
    return answer | {"executionRequests": [params.hex_data(one) for one in built.requests or ()]}
