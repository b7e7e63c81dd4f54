"""Small chains of the real native core, in temporary folders."""

from __future__ import annotations

from pathlib import Path

from ethrex_node import _native
from ethrex_node.config.dev import dev_genesis

ZERO = bytes(32)
FIRST_TIME = 10


def genesis() -> bytes:
    return dev_genesis([b"\1" * 20], timestamp=1).json


def open_chain(folder: Path) -> _native.Chain:
    return _native.Chain(folder / "chain", genesis(), durable=False, map_size=1 << 28)


def build(chain: _native.Chain, parent: bytes, timestamp: int, fee_recipient: bytes = bytes(20)) -> _native.Built:
    """An empty block, a candidate."""
    return chain.build(
        parent,
        [],
        timestamp=timestamp,
        fee_recipient=fee_recipient,
        prev_randao=ZERO,
        withdrawals=[],
        parent_beacon_root=ZERO,
        gas_limit=30_000_000,
    )


def extend(chain: _native.Chain, blocks: int) -> list[_native.Built]:
    """So many blocks on the head, each made the head."""
    made = []
    for _ in range(blocks):
        head = chain.head()
        made.append(build(chain, head.hash, head.timestamp + FIRST_TIME))
        chain.set_head(made[-1].hash, ZERO, ZERO)
    return made


def with_wrong_root(block: bytes) -> bytes:
    """The block with one bit of its state root turned over: the fourth field of the header."""
    header, *rest = _native.rlp_decode(block)
    header[3] = bytes([header[3][0] ^ 1]) + header[3][1:]
    return _native.rlp_encode([header, *rest])
