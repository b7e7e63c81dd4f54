"""
What the Engine API asks of the rest of the node, as protocols: the chain, the builder, the pool's blobs, the native
codec.

Everything that takes time is a coroutine; whoever implements it chooses the thread. Hashes are 32 bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class BlockInvalid(Exception):
    """A block broke a rule: the message says which."""


class UnknownParent(Exception):
    """A block whose parent nobody has."""


class StateUnavailable(Exception):
    """The parent is known, its state is not any more (or not yet)."""


class PayloadInvalid(Exception):
    """A payload that is no block. `kind`: "params" (wrong JSON), "block_hash", "versioned_hashes" or "transactions"."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Known:
    """A block that was executed and found valid. `proof_of_work`: from before the Merge."""

    number: int
    hash: bytes
    parent: bytes
    timestamp: int
    proof_of_work: bool = False


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Amount in gwei."""

    index: int
    validator: int
    address: bytes
    amount: int


@dataclass(frozen=True, slots=True)
class Attributes:
    """PayloadAttributes of any version; what a version lacks is None."""

    timestamp: int
    prev_randao: bytes
    fee_recipient: bytes
    withdrawals: tuple[Withdrawal, ...] | None = None
    parent_beacon_root: bytes | None = None


@dataclass(frozen=True, slots=True)
class Built:
    """A built block and what getPayload tells beside it. `value`: wei for the fee recipient."""

    block: bytes
    timestamp: int
    value: int
    requests: tuple[bytes, ...] | None = None
    commitments: tuple[bytes, ...] = ()
    proofs: tuple[bytes, ...] = ()
    blobs: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob of the pool: with one proof of the whole (EIP-4844), or 128 of its cells (EIP-7594)."""

    blob: bytes
    proofs: tuple[bytes, ...]


class Chain(Protocol):
    """The block tree: executed candidates and the committed chain."""

    def fork(self, timestamp: int) -> str:
        """The fork at a time, lower case: "paris", "shanghai", "cancun", "prague", "osaka", "bpo1" .. "bpo5"."""
        ...

    def head(self) -> Known: ...
    def finalized(self) -> Known | None: ...
    async def known(self, block_hash: bytes) -> Known | None:
        """An executed candidate or a stored block; None otherwise, for invalid ones too."""
        ...

    async def canonical_hash(self, number: int) -> bytes | None: ...
    async def is_ancestor(self, ancestor: bytes, block_hash: bytes) -> bool:
        """Whether known `ancestor` is on the chain that ends in known `block_hash` (itself included)."""
        ...

    async def execute(self, block: bytes) -> None:
        """Validate block RLP and keep it as a candidate. Raises BlockInvalid, UnknownParent, StateUnavailable."""
        ...

    async def set_head(self, head: bytes, safe: bytes, finalized: bytes) -> None:
        """Make known blocks the head, the safe and the finalized one, in one commit. 32 zero bytes: leave as it is."""
        ...

    async def body(self, block_hash: bytes) -> bytes | None:
        """RLP of a known block's body."""
        ...


class Builder(Protocol):
    async def build(self, parent: bytes, attributes: Attributes) -> Built:
        """The best block on `parent` out of the pool as it is now."""
        ...


class ExactBuilder(Protocol):
    async def build_exactly(
        self, parent: bytes, attributes: Attributes, transactions: Sequence[bytes] | None, extra_data: bytes | None
    ) -> Built:
        """A block of just these transactions, in this order (None: out of the pool). Raises BlockInvalid."""
        ...


class Blobs(Protocol):
    async def blobs(self, versioned_hashes: Sequence[bytes]) -> Sequence[Blob | None]: ...


class Codec(Protocol):
    """``_native``: payload JSON to block RLP and back."""

    def payload_to_block(
        self,
        version: int,
        payload: bytes,
        versioned_hashes: list[bytes] | None,
        parent_beacon_root: bytes | None,
        requests: list[bytes] | None,
        /,
    ) -> tuple[bytes, bytes]:
        """(hash, RLP). Raises PayloadInvalid."""
        ...

    def block_to_payload(self, block: bytes, version: int, /) -> bytes:
        """ExecutionPayload JSON."""
        ...

    def block_to_payload_body(self, body: bytes, /) -> bytes:
        """Body RLP to ExecutionPayloadBodyV1 JSON."""
        ...


class Sync(Protocol):
    """Whoever can fetch blocks that a consensus client names."""

    def begin(self, head: bytes, finalized: bytes) -> None: ...


class NoSync:
    """A node without peers fetches nothing."""

    def begin(self, head: bytes, finalized: bytes) -> None:
        pass
