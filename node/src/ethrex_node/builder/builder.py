"""
Build a block on a parent from what pays best in the pool.

Choosing is Python (``pool.order``), executing is native: the candidates go over in one list, in the order in which they
should be tried; the native builder stops where the block is full and says which ones can never run.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from .. import _native
from ..chain import Chain
from ..pool import Pool

# Candidates offered, in gas limits of the block: some will not fit or not run, and gas limits are rarely used up.
OFFER_BLOCKS: Final = 4
# The most that are offered, however little gas they ask for: a bound on the time of one building.
MAX_CANDIDATES: Final = 20_000

Withdrawal = tuple[int, int, bytes, int]  # index, validator, address, amount in gwei


@dataclass(frozen=True, slots=True)
class Settings:
    """`gas_limit` is approached from the parent's by at most 1/1024 a block."""

    gas_limit: int = 60_000_000
    extra_data: bytes = b"ethrex-py"
    max_blobs: int | None = None

    def __post_init__(self) -> None:
        if len(self.extra_data) > 32:
            raise ValueError(f"extra data holds at most 32 bytes, not {len(self.extra_data)}")
        if not 5_000 <= self.gas_limit < 1 << 63:
            raise ValueError(f"a gas limit lies between 5000 and 2^63-1, not at {self.gas_limit}")


@dataclass(frozen=True, slots=True)
class Attributes:
    """What the consensus client (or the dev chain) decides of a block. None: the fork does not know the field."""

    timestamp: int
    fee_recipient: bytes = bytes(20)
    prev_randao: bytes = bytes(32)
    withdrawals: tuple[Withdrawal, ...] | None = ()
    parent_beacon_root: bytes | None = bytes(32)
    gas_limit: int | None = None
    base_fee_wei: int | None = None  # a dev chain's; else it follows from the parent (EIP-1559)


class TransactionsRefused(Exception):
    """A transaction that was to be in a block cannot be in it, or not at its place."""

    def __init__(self, transaction_hash: bytes) -> None:
        super().__init__(f"transaction 0x{transaction_hash.hex()} cannot be executed at its place in the block")
        self.transaction_hash = transaction_hash


@dataclass(slots=True)
class Builder:
    chain: Chain
    pool: Pool
    settings: Settings = field(default_factory=Settings)

    async def build(self, parent_hash: bytes, attributes: Attributes) -> _native.Built:
        """The block is a candidate of the chain then (`Chain.set_head` takes it). Raises `ChainError`."""
        candidates = self.offer()
        built = await self.chain.write(lambda: self._build(parent_hash, attributes, candidates))
        self.forget(built.impossible)
        return built

    async def build_pending(self, parent_hash: bytes, attributes: Attributes) -> _native.Pending:
        """The block as it would be, for those who ask for the pending one. Nothing is kept of it, the pool neither."""
        candidates = self.offer()
        built = await self.chain.write(lambda: self._build(parent_hash, attributes, candidates, keep=False))
        assert built.pending is not None
        return built.pending

    async def build_exactly(
        self,
        parent_hash: bytes,
        attributes: Attributes,
        transactions: list[_native.Transaction] | None,
        extra_data: bytes | None,
    ) -> _native.Built:
        """
        A block of just these, in this order (None: out of the pool, which is left as it is).

        Raises `TransactionsRefused` where one of them cannot be in it.
        """
        offered = self.offer() if transactions is None else transactions
        built = await self.chain.write(lambda: self._build(parent_hash, attributes, offered, extra_data))
        if transactions is not None:
            included = [one.hash for one in built.included]
            left_out = [one for one in transactions if one.hash not in included]
            if left_out:
                raise TransactionsRefused(left_out[0].hash)
            if included != [one.hash for one in transactions]:
                raise TransactionsRefused(included[0])
        return built

    def forget(self, impossible: Iterable[bytes]) -> None:
        """Candidates that no block can take any more leave the pool."""
        for transaction_hash in impossible:
            self.pool.drop(transaction_hash)

    def offer(self) -> list[_native.Transaction]:
        """The best of the pool, a few blocks' worth."""
        return list(_up_to(self.pool.best(), self.settings.gas_limit * OFFER_BLOCKS))

    def _build(
        self,
        parent_hash: bytes,
        attributes: Attributes,
        candidates: list[_native.Transaction],
        extra_data: bytes | None = None,
        *,
        keep: bool = True,
    ) -> _native.Built:
        return self.chain.native.build(
            parent_hash,
            candidates,
            timestamp=attributes.timestamp,
            fee_recipient=attributes.fee_recipient,
            prev_randao=attributes.prev_randao,
            withdrawals=None if attributes.withdrawals is None else list(attributes.withdrawals),
            parent_beacon_root=attributes.parent_beacon_root,
            gas_limit=attributes.gas_limit or self.settings.gas_limit,
            exact_gas_limit=attributes.gas_limit is not None,
            extra_data=self.settings.extra_data if extra_data is None else extra_data,
            max_blobs=self.settings.max_blobs,
            base_fee=attributes.base_fee_wei,
            keep=keep,
        )


def _up_to(transactions: Iterable[Any], gas: int) -> Iterable[Any]:
    left = gas
    for number, transaction in enumerate(transactions):
        if left <= 0 or number >= MAX_CANDIDATES:
            return
        left -= transaction.gas_limit
        yield transaction
