"""
The fork id (EIP-2124, EIP-6122): a checksum of the genesis hash and of the forks passed, by which nodes know at once
whether they are on the same chain.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from ethrex_node.config import forks


class ForkId(NamedTuple):
    """`next` is the block or time of the fork to come, 0 where none is scheduled."""

    hash: bytes
    next: int


def fork_id(genesis_hash: bytes, config: Mapping[str, Any], genesis_time: int, number: int, time: int) -> ForkId:
    """The id of a node whose head has this number and time."""
    blocks = {config[key] for key in forks.KEYS if config.get(key) is not None and not key.endswith("Time")}
    times = {config[key] for key in forks.KEYS if config.get(key) is not None and key.endswith("Time")}
    checksum = zlib.crc32(genesis_hash)
    steps = [(at, number) for at in sorted(blocks - {0})] + [(at, time) for at in sorted(times) if at > genesis_time]
    for at, reached in steps:
        if at > reached:
            return ForkId(checksum.to_bytes(4, "big"), at)
        checksum = zlib.crc32(at.to_bytes(8, "big"), checksum)
    return ForkId(checksum.to_bytes(4, "big"), 0)
