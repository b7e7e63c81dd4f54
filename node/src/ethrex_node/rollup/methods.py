"""
The namespace ``ethrex``: what a rollup says of itself.

Where the reference system has a method its name and fields are kept, in its snake case; what is added stands beside them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from ethrex_node import _native
from ethrex_node.rollup import progress
from ethrex_node.rollup.deploy import Deployment
from ethrex_node.rollup.epochs import heads
from ethrex_node.rollup.epochs.announcing import Heads
from ethrex_node.rollup.l1 import errors as l1_errors
from ethrex_node.rollup.l1 import signers
from ethrex_node.rollup.l1.client import L1Client
from ethrex_node.rollup.outbox import record
from ethrex_node.rollup.progress import BatchProgress
from ethrex_node.rollup.settlement import batches, contracts
from ethrex_node.rollup.settlement.versions import Versions
from ethrex_node.rollup.store import Store, schema, started
from ethrex_node.rollup.store import batches as stored
from ethrex_node.rollup.store.schema import Message, OutboxEntry, SignedHead
from ethrex_node.rpc import errors, table
from ethrex_node.rpc.params import Hash, Quantity, hex_data

METHODS: Final = table.Group()

MESSENGER: Final = "0x" + batches.MESSENGER.hex()
L1_MESSAGE: Final = "0x" + batches.L1_MESSAGE.hex()
EXTRA_DATA_BYTES: Final = 17  # place in the second, L1's base fee, its blob base fee
BLOCKS_MOST: Final = 64  # of an answer to a follower
BLOCKS_MOST_BYTES: Final = 4 << 20  # past this no further block: as hex it is twice that


class L1Unavailable(errors.RpcError):
    """L1 has to be asked for this and does not answer."""

    default_code = -39001


class NotHeld(errors.RpcError):
    """From before the batch that this node's data begins with."""

    default_code = -39004


@dataclass
class Rollup:
    """What the methods work on. `client`, `heads` and `versions` come once L1 has answered; the last at a sequencer only."""

    store: Store
    reader: _native.Reader
    deployed: Deployment
    rules: Mapping[str, Any]
    client: L1Client | None = None
    heads: Heads | None = None
    versions: Versions | None = None
    heard: Callable[[SignedHead], Awaitable[bool]] | None = None
    on_l1: Callable[[], progress.OnL1] = progress.OnL1

    def find(self, purpose: str) -> OutboxEntry | None:
        """The newest action on L1 for a purpose."""
        with self.store.read() as txn:
            return record.by_purpose(txn, purpose)

    def base(self, field: str = "number") -> int:
        """Of the batch that the data begins with its number, or another field; 0: it begins with the genesis."""
        with self.store.read() as txn:
            begun = started.found(txn)
        return 0 if begun is None else contracts.number_of(begun.statement, field)

    def check_held(self, batch: int) -> None:
        """Raises `NotHeld`."""
        base = self.base()
        if base and batch <= base:
            raise NotHeld(f"batch {batch} is not held: this node's data begins with the end of batch {base}")

    def ask(self, method: str, *params: Any) -> Any:
        answer = self.reader.answer(orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
        assert answer is not None, method
        value = orjson.loads(answer[1])
        if "error" in value:
            raise errors.RpcError(value["error"]["message"], code=value["error"]["code"])
        return value["result"]

    def block(self, block: Any) -> dict[str, Any]:
        """Raises `RpcError` for one that is not there."""
        found: dict[str, Any] | None = self.ask("eth_getHeaderByNumber", block)
        if found is None:
            raise errors.RpcError(f"no block {block}")
        return found


@METHODS.method("ethrex_batchNumber")
def batch_number(rollup: Rollup) -> str:
    """The newest batch that is made."""
    with rollup.store.read() as txn:
        newest = stored.newest(txn)
    return hex(rollup.base() if newest is None else newest.number)


@METHODS.method("ethrex_getBatchByNumber", raises=(NotHeld,))
def get_batch_by_number(rollup: Rollup, number: Quantity, full: bool = False) -> dict[str, Any] | None:
    """A batch, how far it is on L1 and what that cost; with `full` the hashes of its blocks."""
    rollup.check_held(number)
    with rollup.store.read() as txn:
        batch = stored.find(txn, number)
    return None if batch is None else _batch(rollup, progress.of_batch(batch, rollup.find, rollup.on_l1()), full=full)


@METHODS.method("ethrex_getBatchByBlock", raises=(NotHeld,))
def get_batch_by_block(rollup: Rollup, block: Any, full: bool = False) -> dict[str, Any] | None:
    """The batch that a block is in; null while it is in none."""
    number = int(rollup.block(block)["number"], 16)
    if number and number <= rollup.base("lastBlock"):
        rollup.check_held(rollup.base())
    with rollup.store.read() as txn:
        batch = progress.batch_with_block(txn, number)
    return None if batch is None else _batch(rollup, progress.of_batch(batch, rollup.find, rollup.on_l1()), full=full)


@METHODS.method("ethrex_getL1MessageProof", raises=(L1Unavailable,))
async def get_l1_message_proof(rollup: Rollup, transaction: Hash) -> list[dict[str, Any]] | None:
    """The messages to L1 that a transaction has sent, with their proofs once they are in a batch."""
    receipt = rollup.ask("eth_getTransactionReceipt", hex_data(transaction))
    if receipt is None:
        return None
    with rollup.store.read() as txn:
        found = [
            (message, batch, batches.message_proof(txn, message))
            for message in stored.messages_of_transaction(txn, transaction)
            if (batch := stored.find(txn, message.batch)) is not None
        ]
    if not found:
        return [_unbatched(log) for log in receipt["logs"] if _is_message(log)]
    return [
        await _message(rollup, message, progress.of_batch(batch, rollup.find, rollup.on_l1()), proof)
        for message, batch, proof in found
    ]


@METHODS.method("ethrex_getDepositStatus")
def get_deposit_status(rollup: Rollup, l1_transaction: Hash) -> list[dict[str, Any]]:
    """What a transaction on L1 has queued for this chain; empty until L1 is read so far."""
    with rollup.store.read() as txn:
        found = progress.deposits_of(txn, l1_transaction)
    return [_deposit(rollup, one) for one in found]


@METHODS.method("ethrex_getQueueItem")
def get_queue_item(rollup: Rollup, index: Quantity) -> dict[str, Any] | None:
    """An item of L1's queue by its index."""
    with rollup.store.read() as txn:
        found = progress.deposit(txn, index)
    return None if found is None else _deposit(rollup, found)


@METHODS.method("ethrex_getQueueReorgs")
def get_queue_reorgs(rollup: Rollup) -> list[dict[str, Any]]:
    """
    Times that L1 took an item of its queue back that blocks held: which blocks were sealed again for it, and which of users'
    transactions were not valid any more without it (known once all is sealed again).
    """
    with rollup.store.read() as txn:
        found = [row for _, row in txn.scan(schema.QUEUE_REORGS)]
    return [
        {
            "number": one.number,
            "at": one.at_ms // 1000,
            "queue_index": one.index,
            "first_block": one.first_block,
            "last_block": one.last_block,
            "first_batch": one.first_batch,
            "status": "done" if one.is_done else "sealing",
            "dropped": [hex_data(each) for each in one.dropped],
        }
        for one in found
    ]


@METHODS.method("ethrex_getContracts")
def get_contracts(rollup: Rollup) -> dict[str, Any]:
    """Where the chain settles: L1's chain id and addresses there, as `ethrex l2 deploy` wrote them."""
    deployed = rollup.deployed
    answer: dict[str, Any] = {
        "chain_id": deployed.chain_id,
        "l1_chain_id": deployed.l1_chain_id,
        "on_chain_proposer": hex_data(deployed.proposer),
        "common_bridge": hex_data(deployed.bridge),
        "verifier_registry": hex_data(deployed.registry),
        "attested_verifier": hex_data(deployed.attested_verifier),
        "timelock": None if deployed.timelock is None else hex_data(deployed.timelock),
        "native_token": rollup.rules.get("nativeToken"),
        "program_version": deployed.program_version,
        "proof_kinds": list(deployed.proof_kinds),
    }
    return answer


@METHODS.method("ethrex_getProgramVersions", raises=(L1Unavailable,))
def get_program_versions(rollup: Rollup) -> dict[str, Any]:
    """The versions of the program that this node makes, as L1 has them, and the one that the next batch is made of."""
    if rollup.versions is None:
        raise L1Unavailable("L1 has not answered yet")
    with rollup.store.read() as txn:
        newest = stored.newest(txn)
    batch = 1 + (rollup.base() if newest is None else newest.number)
    versions = [
        {
            "version": one.number,
            "registered": one.is_known,
            "activation_batch": one.activation_batch,
            "expires_at": one.expires_at or None,
            "revoked": one.is_revoked,
        }
        for one in rollup.versions.known
    ]
    next_version, trouble = rollup.versions.next(batch), rollup.versions.trouble(batch)
    return {"next_batch": batch, "next_version": next_version, "trouble": trouble, "versions": versions}


@METHODS.method("ethrex_getBlocks", raises=(L1Unavailable,))
async def get_blocks(rollup: Rollup, first: Quantity, most: Quantity | None = None) -> dict[str, Any]:
    """
    Blocks as RLP from a number on, as many as an answer may hold, and the newest one's number: what followers take. `signed`
    is the sequencer's word on the last of them (a follower's: on one of them, or null), `newest` that on its newest block; `ended` that its epoch has ended.
    """
    if rollup.heads is None:
        raise L1Unavailable("L1 has not answered yet: nobody can say who seals")
    found = await asyncio.to_thread(_blocks, rollup, first, BLOCKS_MOST if most is None else min(most, BLOCKS_MOST))
    try:
        signed, newest = await rollup.heads.covering(first, found.last, found.latest)
        ended = await rollup.heads.end()
    except signers.SignerError as error:
        raise L1Unavailable(f"blocks cannot be signed now: {error}") from error
    return {
        "latest": hex(found.latest[0]),
        "blocks": found.raw,
        "signed": None if signed is None else heads.as_json(signed),
        "newest": None if newest is None else heads.as_json(newest),
        "ended": None if ended is None else heads.end_as_json(ended),
    }


@METHODS.method("ethrex_showHead", raises=(L1Unavailable, errors.InvalidParams))
async def show_head(rollup: Rollup, head: dict[str, Any]) -> bool:
    """
    Show a sequencer what another one has signed (`newest` of `ethrex_getBlocks`); gives whether that is of a later epoch: then
    this sequencer was replaced and seals no more.
    """
    if rollup.heard is None:
        raise L1Unavailable("L1 has not answered yet: nobody can say who seals")
    try:
        return await rollup.heard(heads.of_json(head))
    except heads.BadHead as error:
        raise errors.InvalidParams(str(error)) from error
    except l1_errors.L1Error as error:
        raise L1Unavailable(f"L1 does not say who may seal: {error}") from error


@METHODS.method("ethrex_getBaseFeeVaultAddress")
def get_base_fee_vault_address(rollup: Rollup, block: Any = "latest") -> str | None:
    """Where base fees go; null: they are burned."""
    return _rule(rollup, "baseFeeVault", block)


@METHODS.method("ethrex_getOperatorFeeVaultAddress")
def get_operator_fee_vault_address(rollup: Rollup, block: Any = "latest") -> str | None:
    """Where operator fees go; null: there is none."""
    return _rule(rollup, "operatorFeeVault", block)


@METHODS.method("ethrex_getL1FeeVaultAddress")
def get_l1_fee_vault_address(rollup: Rollup, block: Any = "latest") -> str | None:
    """Where the fee for data on L1 goes; null: there is none."""
    return _rule(rollup, "dataFeeVault", block)


@METHODS.method("ethrex_getOperatorFee")
def get_operator_fee(rollup: Rollup, block: Any = "latest") -> str:
    """Wei per gas that go to the operator, out of the tip."""
    rollup.block(block)
    return hex(int(rollup.rules.get("operatorFeePerGas", 0)))


@METHODS.method("ethrex_getL1BaseFee")
def get_l1_base_fee(rollup: Rollup, block: Any = "latest") -> str:
    """L1's base fee that a block charges data with, in wei per gas."""
    return hex(_prices(rollup, block)[0])


@METHODS.method("ethrex_getL1BlobBaseFee")
def get_l1_blob_base_fee(rollup: Rollup, block: Any = "latest") -> str:
    """L1's blob base fee that a block charges data with, in wei per gas."""
    return hex(_prices(rollup, block)[1])


@dataclass(frozen=True, slots=True)
class _Run:
    """Blocks in a row, and number and hash of the last one (of the one before the first where there is none) and of the newest."""

    raw: list[str]
    last: tuple[int, bytes]
    latest: tuple[int, bytes]


def _blocks(rollup: Rollup, first: int, most: int) -> _Run:
    newest = rollup.block("latest")
    latest = int(newest["number"], 16)
    found: list[str] = []
    size = 0
    for number in range(first, min(first + most, latest + 1)):
        raw = rollup.ask("debug_getRawBlock", hex(number))
        found.append(raw)
        size += len(raw) // 2
        if size > BLOCKS_MOST_BYTES:
            break
    last = (first - 1, b"") if not found else (first + len(found) - 1, _hash_of(found[-1]))
    return _Run(found, last, (latest, bytes.fromhex(newest["hash"][2:])))


def _hash_of(raw: str) -> bytes:
    header = _native.rlp_decode(bytes.fromhex(raw[2:]))[0]
    return _native.keccak256(_native.rlp_encode(header))


def _rule(rollup: Rollup, name: str, block: Any) -> str | None:
    """Rules are the genesis', for every block; the block has to be there all the same."""
    rollup.block(block)
    found: str | None = rollup.rules.get(name)
    return found


def _prices(rollup: Rollup, block: Any) -> tuple[int, int]:
    extra = bytes.fromhex(rollup.block(block)["extraData"][2:])
    if len(extra) != EXTRA_DATA_BYTES:
        return 0, 0  # the genesis
    return int.from_bytes(extra[1:9], "big"), int.from_bytes(extra[9:], "big")


def _batch(rollup: Rollup, found: BatchProgress, *, full: bool) -> dict[str, Any]:
    batch = found.batch
    with rollup.store.read() as txn:
        messages = stored.messages(txn, batch.number)
        proofs = progress.proofs_of(txn, batch.number)
    answer: dict[str, Any] = {
        "number": batch.number,
        "batch_hash": hex_data(batch.batch_hash),
        "status": found.stage,
        "first_block": batch.first_block,
        "last_block": batch.last_block,
        "state_root": hex_data(contracts.field_of(batch.statement, "newStateRoot")),
        "queue_index": contracts.number_of(batch.statement, "queueIndex"),
        "messages_root": hex_data(contracts.field_of(batch.statement, "messagesRoot")),
        "message_hashes": [hex_data(message.leaf) for message in messages],
        "program_version": batch.program_version,
        "proofs": proofs,
        "gas_used": batch.gas_used,
        "blob_hashes": [hex_data(one) for one in batch.blob_hashes],
        "sealed_at": batch.sealed_at_ms // 1000,
        "commit_tx": _transaction(found.commit),
        "verify_tx": _transaction(found.verification),
        "commit_cost": _cost(found.commit),
        "verify_cost": _cost(found.verification),
    }
    if full:
        numbers = range(batch.first_block, batch.last_block + 1)
        answer["block_hashes"] = [rollup.block(hex(number))["hash"] for number in numbers]
    return answer


def _transaction(entry: OutboxEntry | None) -> str | None:
    """The one in a block, else the newest that was sent."""
    if entry is None:
        return None
    return hex_data(entry.attempts[-1].hash if entry.mined is None else entry.mined.transaction_hash)


def _cost(entry: OutboxEntry | None) -> dict[str, Any] | None:
    if entry is None or entry.mined is None:
        return None
    mined = entry.mined
    return {
        "gas_used": mined.gas_used,
        "gas_price": hex(mined.gas_price),
        "blob_gas_used": mined.blob_gas_used,
        "blob_gas_price": hex(mined.blob_gas_price),
        "wei": hex(mined.cost_wei),
    }


async def _message(rollup: Rollup, message: Message, batch: BatchProgress, proof: list[bytes]) -> dict[str, Any]:
    if rollup.client is None:
        raise L1Unavailable("L1 has not answered yet")
    try:
        stage, claimable_at = await progress.of_message(rollup.client, rollup.deployed.addresses, message, batch)
    except l1_errors.L1Error as error:
        raise L1Unavailable(f"L1 cannot be asked whether the message is claimed: {error}") from error
    return {
        "batch_number": message.batch,
        "message_id": hex(message.message_id),
        "message_hash": hex_data(message.leaf),
        "merkle_proof": [hex_data(one) for one in proof],
        "sender": hex_data(message.sender),
        "data": hex_data(message.data_hash),
        "status": stage,
        "claimable_at": claimable_at,
    }


def _unbatched(log: dict[str, Any]) -> dict[str, Any]:
    _, sender, data, number = log["topics"]
    return {
        "batch_number": None,
        "message_id": hex(int(number, 16)),
        "message_hash": None,
        "merkle_proof": None,
        "sender": "0x" + sender[26:],
        "data": data,
        "status": progress.Stage.SEALED,
        "claimable_at": None,
    }


def _is_message(log: dict[str, Any]) -> bool:
    return bool(log["address"] == MESSENGER and log["topics"][0] == L1_MESSAGE)


def _deposit(rollup: Rollup, found: progress.DepositProgress) -> dict[str, Any]:
    batch = None
    if found.block is not None:
        with rollup.store.read() as txn:
            batch = progress.batch_with_block(txn, found.block)
    stage = progress.Stage.QUEUED if found.block is None else progress.Stage.SEALED
    if found.is_from_before:
        stage = progress.Stage.VERIFIED
    if batch is not None:
        stage = progress.of_batch(batch, rollup.find, rollup.on_l1()).stage
    return {
        "index": found.item.index,
        "status": stage,
        "transaction_hash": hex_data(found.transaction_hash),
        "block_number": found.block,
        "batch_number": None if batch is None else batch.number,
        "l1_transaction": hex_data(found.item.l1_transaction),
        "l1_block": found.item.l1_block,
        "deadline": found.item.deadline,
    }
