"""Calls and events of the contracts on L1, by their Solidity signatures (``contracts/src/interfaces``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from ethrex_node import _native
from ethrex_node.rollup.l1.abi import Event, Function

# Struct Batch: field, type. The order is the protocol's.
BATCH_FIELDS: Final = (
    ("protocolVersion", "uint8"),
    ("chainId", "uint256"),
    ("number", "uint64"),
    ("programVersion", "uint32"),
    ("previousBatchHash", "bytes32"),
    ("previousStateRoot", "bytes32"),
    ("newStateRoot", "bytes32"),
    ("firstBlock", "uint64"),
    ("lastBlock", "uint64"),
    ("lastBlockHash", "bytes32"),
    ("lastTimestamp", "uint64"),
    ("queueIndex", "uint64"),
    ("queueHash", "bytes32"),
    ("messagesRoot", "bytes32"),
    ("outboundHash", "bytes32"),
    ("inboundHash", "bytes32"),
    ("dataHash", "bytes32"),
    ("configHash", "bytes32"),
    ("l1BaseFee", "uint256"),
    ("l1BlobBaseFee", "uint256"),
)
WORD: Final = 32
BATCH: Final = "(" + ",".join(kind for _, kind in BATCH_FIELDS) + ")"
OPENING: Final = "(bytes32,bytes32,bytes32,bytes,bytes)"
PROOF: Final = "(uint8,bytes)"
NEVER: Final = 2**64 - 1
ROLLUP: Final = 0  # of `DataMode`: it publishes in blobs
# Struct ChainParameters.
PARAMETERS: Final = (
    "(uint256,uint8,address,address,address,address,bytes32,bytes32,uint64,bytes32,uint64,uint64,uint64,uint64,uint32,"
    "uint64,uint32,uint256)"
)

COMMIT: Final = Function(f"commitBatch({BATCH},{OPENING}[],bytes)")
VERIFY: Final = Function(f"verifyBatches(uint256,{BATCH}[],{PROOF}[][])")
STATUS: Final = Function("chainStatus(uint256)", "((uint64,uint64,uint64,bool,uint8,address,address,bytes32))")
RECORD: Final = Function("record(uint256,uint64)", "((bytes32,uint64,uint64,uint64,uint32,uint32))")
IS_COMMITTER: Final = Function("isCommitter(uint256,address)", "(bool)")
QUEUE_LENGTH: Final = Function("queueLength(uint256)", "(uint64)")

PRIVILEGED_TX_SENT: Final = Event(
    "PrivilegedTxSent",
    (
        ("chainId", "uint256", True),
        ("index", "uint64", True),
        ("l1From", "address", True),
        ("from", "address", False),
        ("to", "address", False),
        ("value", "uint256", False),
        ("gasLimit", "uint256", False),
        ("data", "bytes", False),
        ("deadline", "uint64", False),
        ("queueHash", "bytes32", False),
    ),
)

BATCH_COMMITTED: Final = Event(
    "BatchCommitted",
    (
        ("chainId", "uint256", True),
        ("number", "uint64", True),
        ("batchHash", "bytes32", True),
        ("newStateRoot", "bytes32", False),
        ("queueIndex", "uint64", False),
    ),
)

CHAIN_REGISTERED: Final = Event(
    "ChainRegistered",
    (
        ("chainId", "uint256", True),
        ("genesisBatchHash", "bytes32", True),
        ("parameters", PARAMETERS, False),
        ("salt", "bytes32", False),
    ),
)

KINDS: Final = {"attested": 1, "tee": 2, "sp1": 3, "risc0": 4}


@dataclass(frozen=True, slots=True)
class Addresses:
    """Of one deployment on L1; `chain_id` is the rollup's."""

    chain_id: int
    proposer: bytes
    bridge: bytes
    attested_verifier: bytes
    deployed_at_block: int = 0


@dataclass(frozen=True, slots=True)
class ChainStatus:
    """Where L1 says that the chain stands."""

    last_committed: int
    last_verified: int
    paused_until: int
    is_frozen: bool
    config_hash: bytes
    data_availability: bytes | None = None  # the contract that says for a validium that payloads are kept


def batch_tuple(statement: bytes) -> tuple[Any, ...]:
    """A batch as an argument: `statement` is its abi.encode, a word a field."""
    words = [statement[at : at + WORD] for at in range(0, len(statement), WORD)]
    return tuple(
        word if kind == "bytes32" else int.from_bytes(word, "big")
        for (_, kind), word in zip(BATCH_FIELDS, words, strict=True)
    )


def hash_of(statement: bytes) -> bytes:
    """The hash that stands on L1 for an encoded batch."""
    return _native.batch_hash(statement)


def field_of(statement: bytes, name: str) -> bytes:
    """One word of an encoded batch."""
    at = WORD * [field for field, _ in BATCH_FIELDS].index(name)
    return statement[at : at + WORD]


def number_of(statement: bytes, name: str) -> int:
    return int.from_bytes(field_of(statement, name), "big")


def status_of(answer: bytes) -> ChainStatus:
    """Raises `Malformed`."""
    ((committed, verified, paused, frozen, mode, availability, _, config_hash),) = STATUS.result(answer)
    kept_by = None if mode == ROLLUP else bytes.fromhex(availability[2:])
    return ChainStatus(committed, verified, paused, frozen, config_hash, kept_by)
