"""
What the RPC asks of the rest of the node, as protocols: the native reader, the pool, the chain's heads, the peers.

The parts know nothing of the RPC; whoever starts the node hands them over in `Node`. Hashes and addresses are bytes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


class Reader(Protocol):
    """``_native.Reader``: answers from a database snapshot, one a call."""

    def answer(self, request: bytes, allow: bytes | None = None, pending: Any = None, /) -> tuple[int, bytes] | None:
        """One request object in, (method index, response object) out; ~index where the response is an error.

        `pending` (`PendingBlock`) is what the tag of that name means; it is good on the head that it was built on.

        None: not a plain request, not a snapshot method, not allowed by the mask, or not in the snapshot.
        """
        ...


PendingBlock = Callable[[], Awaitable[Any]]  # the block that would be built now, as a Reader takes it


class Remote(Protocol):
    """The way to the writing process. Raises WriterGone."""

    async def ask(self, request: bytes) -> bytes:
        """A request or a batch in, the answer out (b"" for a notification)."""
        ...


class Pooled(Protocol):
    """A transaction in the pool."""

    @property
    def hash(self) -> bytes: ...
    @property
    def sender(self) -> bytes: ...
    @property
    def nonce(self) -> int: ...
    @property
    def json(self) -> bytes:
        """The object that eth_getTransactionByHash gives, its block fields null."""
        ...

    @property
    def raw(self) -> bytes:
        """The consensus encoding (no blob sidecar)."""
        ...

    @property
    def summary(self) -> str:
        """One line as txpool_inspect has it: "0x…: 1 wei + 21000 gas × 7 wei"."""
        ...


Senders = Mapping[bytes, Sequence[Pooled]]  # sender -> by nonce


class Pool(Protocol):
    """Transactions that wait for a block."""

    async def add(self, raw: Sequence[bytes]) -> Sequence[bytes | Exception]:
        """Network encodings (blobs with their sidecar). For each its hash, or why not.

        The reason is an exception whose text the caller reads.
        """
        ...

    def get(self, transaction_hash: bytes) -> Pooled | None: ...
    def next_nonce(self, address: bytes) -> int | None:
        """The nonce after the executable transactions of `address`; None: none pooled."""
        ...

    def counts(self) -> tuple[int, int]:
        """(executable, with a gap before them)."""
        ...

    def content(self) -> tuple[Senders, Senders]:
        """(executable, with a gap before them)."""
        ...

    def content_from(self, address: bytes) -> tuple[Sequence[Pooled], Sequence[Pooled]]: ...
    def watch(self, listener: Callable[[Sequence[Pooled]], None]) -> Callable[[], None]:
        """Call `listener` with new executable transactions, on the event loop. Gives the function that ends it."""
        ...


@dataclass(frozen=True, slots=True)
class BlockId:
    number: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class HeadChange:
    """The head moved. `removed` newest first, `added` oldest first; both committed before anybody is told."""

    removed: tuple[BlockId, ...]
    added: tuple[BlockId, ...]


class Heads(Protocol):
    """The canonical chain's head."""

    def head(self) -> BlockId: ...
    def syncing(self) -> Mapping[str, Any] | None:
        """None when in sync, else the object of eth_syncing."""
        ...

    def watch(self, listener: Callable[[HeadChange], None]) -> Callable[[], None]:
        """Call `listener` after each commit that moved the head, on the event loop. Gives the function that ends it."""
        ...


class Peers(Protocol):
    def listening(self) -> bool: ...
    def count(self) -> int: ...
    def node_info(self) -> Mapping[str, Any]:
        """admin_nodeInfo."""
        ...

    def peers(self) -> Sequence[Mapping[str, Any]]:
        """admin_peers."""
        ...


class Upstream(Protocol):
    """The node of the chain that this one forks."""

    async def ask(self, method: str, params: list[Any]) -> Any:
        """One call's result. Raises errors.RpcError."""
        ...


class Session(Protocol):
    """A connection that can push."""

    def push(self, message: bytes) -> bool:
        """Queue one message. False: the other side reads too slowly; the connection ends."""
        ...

    def end(self, reason: str) -> None:
        """Close the connection and say why."""
        ...

    def at_close(self, callback: Callable[[], None]) -> None: ...


@dataclass(frozen=True, slots=True)
class Identity:
    """Constants of the process."""

    client_version: str
    chain_id: int
    network_id: int
    data_folder: str


class NoPeers:
    """Peers of a node that runs without a peer-to-peer network."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    def listening(self) -> bool:
        return True  # as geth, always: clients ask this to know whether a node is there

    def count(self) -> int:
        return 0

    def node_info(self) -> Mapping[str, Any]:
        return {
            "name": self._identity.client_version,
            "id": "",
            "enode": "",
            "enr": "",
            "ip": "",
            "ports": {},
            "protocols": {},
        }

    def peers(self) -> Sequence[Mapping[str, Any]]:
        return []
