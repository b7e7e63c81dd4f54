"""The batches that stand on L1, in order, as their committer published them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from ethrex_node.rollup.committee.kept import Kept, read_certificate
from ethrex_node.rollup.l1 import abi
from ethrex_node.rollup.l1.answers import Log
from ethrex_node.rollup.l1.client import L1Client
from ethrex_node.rollup.l1.errors import Malformed
from ethrex_node.rollup.settlement import contracts
from ethrex_node.rollup.settlement.settler import status_at

TOPIC_BYTES: Final = 32


class RecoveryError(Exception):
    """What L1, a Beacon API or an archive has does not give the rollup's state."""


@dataclass(frozen=True, slots=True)
class Committed:
    """What the events of L1 say of a batch."""

    number: int
    hash: bytes
    is_verified: bool
    log: Log


@dataclass(frozen=True, slots=True)
class Published:
    """
    `statement` is the batch's encoding; `timestamp` that of the L1 block which holds it and its blobs. A validium's batch
    has no blobs, and its payload is `kept` elsewhere.
    """

    number: int
    statement: bytes
    versioned_hashes: tuple[bytes, ...]
    timestamp: int
    is_verified: bool
    kept: Kept | None = None

    @property
    def hash(self) -> bytes:
        return contracts.hash_of(self.statement)

    @property
    def state_root(self) -> bytes:
        """Of the state after it."""
        return contracts.field_of(self.statement, "newStateRoot")

    @property
    def last_block(self) -> int:
        return contracts.number_of(self.statement, "lastBlock")


async def committed(client: L1Client, addresses: contracts.Addresses) -> list[Committed]:
    """
    Every batch that L1 holds and has not taken back, by number from 1. Raises `L1Error`, `RecoveryError`.

    A number whose batch was taken back and committed anew counts as it was committed last.
    """
    head = await client.head()
    status = await status_at(client, addresses, head.number)
    every = await committed_in(client, addresses, addresses.deployed_at_block, head.number)
    newest = {one.number: replace(one, is_verified=one.number <= status.last_verified) for one in every}
    missing = [number for number in range(1, status.last_committed + 1) if number not in newest]
    if missing:
        raise RecoveryError(f"L1 has {status.last_committed} batches and no event of batch {missing[0]}")
    return [newest[number] for number in range(1, status.last_committed + 1)]


async def committed_in(client: L1Client, addresses: contracts.Addresses, first: int, last: int) -> list[Committed]:
    """What was committed in these blocks of L1, in order, taken back since or not; none counts as verified. Raises `L1Error`."""
    topics = [contracts.BATCH_COMMITTED.topic, addresses.chain_id.to_bytes(TOPIC_BYTES, "big")]
    logs = await client.logs(addresses.proposer, topics, first, last)
    said = [contracts.BATCH_COMMITTED.read(log) for log in logs]
    return [Committed(int(one["number"]), one["batchHash"], False, log) for one, log in zip(said, logs, strict=True)]


async def read(client: L1Client, addresses: contracts.Addresses, one: Committed) -> Published:
    """The batch out of the transaction that committed it. Raises `L1Error`, `RecoveryError`."""
    where = f"batch {one.number}: 0x{one.log.transaction_hash.hex()}"
    sent = await client.transaction(one.log.transaction_hash, one.log.block_number)
    block = await client.block(one.log.block_number)
    if sent is None or block is None:
        raise RecoveryError(f"{where} left L1 meanwhile")
    if sent.to != addresses.proposer:
        raise RecoveryError(
            f"{where} calls 0x{(sent.to or b'').hex()} and not the proposer, so what it committed is not to be read"
        )
    try:
        batch, openings, certificate = contracts.COMMIT.arguments(sent.input)
        kept = None if openings else read_certificate(certificate, addresses.chain_id, "the certificate")
    except Malformed as error:
        raise RecoveryError(f"{where}: {error}") from error
    statement = abi.encode([contracts.BATCH], [batch])
    if contracts.hash_of(statement) != one.hash:
        raise RecoveryError(f"{where}: what was sent is not what L1 took")
    hashes = tuple(opening[0] for opening in openings)
    return Published(one.number, statement, hashes, block.timestamp, one.is_verified, kept)
