"""
Criteria of logs, and the logs of single blocks.

Matching is native: a criterion goes to ``eth_getLogs`` with the hash of the block that joined or left. Only the flag
`removed` is set here, for blocks that a reorg took away.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from ethrex_node.rpc import errors, journal, params, parts, wire

MAX_ADDRESSES: Final = 1000
MAX_TOPICS: Final = 4
MAX_ALTERNATIVES: Final = 1000  # values for one topic position
TAGS: Final = ("latest", "earliest", "pending", "safe", "finalized")


@dataclass(frozen=True, slots=True)
class Criteria:
    """A checked filter object. Bounds: number, tag or None; `query` is what eth_getLogs takes beside the range."""

    from_block: int | str | None
    to_block: int | str | None
    block_hash: str | None
    query: dict[str, Any]

    def concerns(self, number: int) -> bool:
        """Whether a block that joins or leaves now, at `number`, is in the range."""
        if isinstance(self.from_block, int) and number < self.from_block:
            return False
        return not (isinstance(self.to_block, int) and number > self.to_block)

    def ranged(self) -> dict[str, Any]:
        """The whole filter object for eth_getLogs."""
        whole = dict(self.query)
        if self.block_hash is not None:
            whole["blockHash"] = self.block_hash
        for key, value in (("fromBlock", self.from_block), ("toBlock", self.to_block)):
            if value is not None:
                whole[key] = hex(value) if isinstance(value, int) else value
        return whole


def criteria(value: Any) -> Criteria:
    """Check a filter object. Raises ValueError."""
    fields = params.mapping(value)
    first, last = _bound(fields.get("fromBlock")), _bound(fields.get("toBlock"))
    block_hash = fields.get("blockHash")
    if block_hash is not None:
        params.data(block_hash, 32)
        if first is not None or last is not None:
            raise ValueError("cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other")
    if "pending" in (first, last):
        raise ValueError("pending logs are not supported")
    if isinstance(first, int) and isinstance(last, int) and first > last:
        raise ValueError("invalid block range params")
    query: dict[str, Any] = {}
    if fields.get("address") is not None:
        query["address"] = _addresses(fields["address"])
    if fields.get("topics") is not None:
        query["topics"] = _topics(fields["topics"])
    return Criteria(first, last, block_hash, query)


params.register(Criteria, criteria)


def of_block(reader: parts.Reader, query: dict[str, Any], event: journal.BlockEvent) -> list[dict[str, Any]]:
    """Matching logs of one block that joined or left. Runs natively: call it off the loop."""
    found = ask(reader, "eth_getLogs", [{**query, "blockHash": params.hex_data(event.block.hash)}])
    return [{**log, "removed": True} for log in found] if event.removed else list(found)


def of_events(reader: parts.Reader, wanted: Criteria, events: Iterable[journal.BlockEvent]) -> list[dict[str, Any]]:
    """Matching logs of blocks that joined or left, in the order of the events."""
    return [
        log for event in events if wanted.concerns(event.block.number) for log in of_block(reader, wanted.query, event)
    ]


def ask(reader: parts.Reader, method: str, arguments: list[Any]) -> Any:
    """The result of a native method. Raises RpcError."""
    found = reader.answer(wire.call(method, arguments))
    if found is None:
        raise errors.Internal(f"{method} is not answered natively")
    return wire.result_of(found[1])


def _bound(value: Any) -> int | str | None:
    if value is None or (isinstance(value, str) and value in TAGS):
        return value
    if value == "":
        return None
    return params.quantity(value)


def _addresses(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    if len(values) > MAX_ADDRESSES:
        raise ValueError(f"more than {MAX_ADDRESSES} addresses")
    for one in values:
        params.data(one, 20)
    return values


def _topics(value: Any) -> list[Any]:
    positions = params.array(value)
    if len(positions) > MAX_TOPICS:
        raise ValueError(f"more than {MAX_TOPICS} topic positions")
    for position in positions:
        alternatives = position if isinstance(position, list) else [position]
        if len(alternatives) > MAX_ALTERNATIVES:
            raise ValueError(f"more than {MAX_ALTERNATIVES} topics for one position")
        for topic in alternatives:
            if topic is not None:
                params.data(topic, 32)
    return positions
