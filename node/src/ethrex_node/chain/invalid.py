"""Blocks that broke a rule, kept so that their children are refused at once and people can look at them."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

KEPT: Final = 128  # geth keeps 10 for its report and as many tips; a few hundred bytes each without the block


@dataclass(frozen=True, slots=True)
class BadBlock:
    block_hash: bytes
    block: bytes
    kind: str
    message: str
    latest_valid: bytes


class InvalidBlocks:
    """The newest bad blocks, by hash."""

    def __init__(self) -> None:
        self._blocks: OrderedDict[bytes, BadBlock] = OrderedDict()

    def add(self, bad: BadBlock) -> None:
        self._blocks[bad.block_hash] = bad
        self._blocks.move_to_end(bad.block_hash)
        while len(self._blocks) > KEPT:
            self._blocks.popitem(last=False)

    def get(self, block_hash: bytes) -> BadBlock | None:
        return self._blocks.get(block_hash)

    def newest_first(self) -> list[BadBlock]:
        return list(reversed(self._blocks.values()))
