"""The batches that stand on L1, in order, as their committer published them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

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
class Published:
    """`statement` is the batch's encoding; `timestamp` that of the L1 block which holds it and its blobs."""

    number: int
    statement: bytes
    versioned_hashes: tuple[bytes, ...]
    l1_block: int
    timestamp: int
    is_verified: bool

    @property
    def hash(self) -> bytes:
        return contracts.hash_of(self.statement)


async def find(client: L1Client, addresses: contracts.Addresses, tag: str = "latest") -> list[Published]:
    """
    Every batch that L1 has committed at its block `tag` and has not taken back. Raises `L1Error`, `RecoveryError`.

    A number whose batch was taken back and committed anew counts as it was committed last.
    """
    head = await client.head(tag)
    status = await status_at(client, addresses, head.number)
    topics = [contracts.BATCH_COMMITTED.topic, addresses.chain_id.to_bytes(TOPIC_BYTES, "big")]
    logs = await client.logs(addresses.proposer, topics, addresses.deployed_at_block, head.number)
    newest = {int(contracts.BATCH_COMMITTED.read(one)["number"]): one for one in logs}
    found = []
    for number in range(1, status.last_committed + 1):
        if number not in newest:
            raise RecoveryError(f"L1 has {status.last_committed} batches and no event of batch {number}")
        found.append(await _read(client, addresses, number, newest[number], number <= status.last_verified))
    return found


async def _read(
    client: L1Client, addresses: contracts.Addresses, number: int, log: Log, is_verified: bool
) -> Published:
    sent = await client.transaction(log.transaction_hash, log.block_number)
    block = await client.block(log.block_number)
    if sent is None or block is None:
        raise RecoveryError(f"batch {number}: its transaction 0x{log.transaction_hash.hex()} left L1 meanwhile")
    if sent.to != addresses.proposer:
        raise RecoveryError(
            f"batch {number}: 0x{log.transaction_hash.hex()} calls 0x{(sent.to or b'').hex()} and not the proposer, "
            "so what it committed is not to be read"
        )
    try:
        batch, openings, _ = contracts.COMMIT.arguments(sent.input)
    except Malformed as error:
        raise RecoveryError(f"batch {number}: 0x{log.transaction_hash.hex()}: {error}") from error
    statement = abi.encode([contracts.BATCH], [batch])
    if contracts.hash_of(statement) != contracts.BATCH_COMMITTED.read(log)["batchHash"]:
        raise RecoveryError(f"batch {number}: what was sent is not what L1 took")
    if not openings:
        raise RecoveryError(f"batch {number} published no blob: the data of a validium is with its committee")
    hashes = tuple(opening[0] for opening in openings)
    return Published(number, statement, hashes, log.block_number, block.timestamp, is_verified)
