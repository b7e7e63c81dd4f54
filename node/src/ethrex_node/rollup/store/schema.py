"""Every table of the rollup's data, and its rows. What a key is made of stands beside each table (`environment.key`)."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any, Final

from ethrex_node.rollup.store.environment import Table

# The outbox


class OutboxStatus(enum.StrEnum):
    WAITING = "waiting"  # recorded; sent or not, it is in no block
    MINED = "mined"  # in a block that may yet be taken back
    FINAL = "final"  # in a block that cannot


@dataclass(frozen=True, slots=True)
class Attempt:
    """One signed transaction. All attempts of an entry share its nonce, so at most one is ever mined."""

    hash: bytes
    raw: bytes
    max_fee_per_gas: int
    max_priority_fee_per_gas: int
    max_fee_per_blob_gas: int
    sent_at_ms: int = 0  # 0: recorded, not yet sent
    is_underpriced: bool = False  # pools said so


@dataclass(frozen=True, slots=True)
class Mined:
    transaction_hash: bytes
    block_number: int
    block_hash: bytes
    succeeded: bool
    gas_used: int
    gas_price: int
    blob_gas_used: int
    blob_gas_price: int

    @property
    def cost_wei(self) -> int:
        return self.gas_used * self.gas_price + self.blob_gas_used * self.blob_gas_price


@dataclass(frozen=True, slots=True)
class LostNonce:
    """A foreign transaction of the same account was mined with it."""

    nonce: int
    thief: bytes


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """One action on L1. `purpose` says what it is for and is the same in every attempt: ``commit/17``."""

    number: int
    purpose: str
    sender: bytes
    to: bytes
    data: bytes
    value_wei: int
    gas_limit: int
    blob_hashes: tuple[bytes, ...]
    nonce: int
    recorded_at_ms: int
    recorded_at_block: int
    attempts: tuple[Attempt, ...]
    status: OutboxStatus = OutboxStatus.WAITING
    mined: Mined | None = None
    lost: tuple[LostNonce, ...] = ()


@dataclass(frozen=True, slots=True)
class OutboxNumber:
    number: int


@dataclass(frozen=True, slots=True)
class StoredBlob:
    blob: bytes
    commitment: bytes
    blob_proof: bytes
    cell_proofs: tuple[bytes, ...]


OUTBOX: Final = Table("outbox", OutboxEntry)  # number
OUTBOX_OPEN: Final = Table("outbox_open", OutboxNumber)  # number, of those that are not final
OUTBOX_PURPOSE: Final = Table("outbox_purpose", OutboxNumber)  # purpose: the newest entry for it
BLOBS: Final = Table("blobs", StoredBlob)  # versioned hash; until the entries that carry it are final


# Where data that does not begin with the genesis begins


@dataclass(frozen=True, slots=True)
class Started:
    """The end of a batch: nothing from before it is here. `statement` is its encoding."""

    statement: bytes
    number: int
    last_block: int
    queue_index: int


STARTED: Final = Table("started", Started)  # one row


# What comes from L1, and the blocks that took it


@dataclass(frozen=True, slots=True)
class QueueItem:
    """An item of the L1 queue. `raw` is its transaction of type 0x7e, `queue_hash` the queue's hash after it."""

    index: int
    raw: bytes
    gas_limit: int
    deadline: int
    queue_hash: bytes
    l1_block: int
    l1_transaction: bytes


@dataclass(frozen=True, slots=True)
class Watched:
    """Blocks of L1 up to this one have been looked through."""

    l1_block: int
    l1_hash: bytes


@dataclass(frozen=True, slots=True)
class SealedBlock:
    """What the chain itself does not tell of a block of ours."""

    number: int
    hash: bytes
    timestamp: int
    gas_used: int
    data_bytes: int
    transactions: int
    queue_index: int  # items behind the chain after it
    l1_base_fee: int
    l1_blob_base_fee: int
    sealed_at_ms: int
    ends_batch: bool = False


@dataclass(frozen=True, slots=True)
class QueueIndex:
    index: int


@dataclass(frozen=True, slots=True)
class BlockId:
    number: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class QueueReorg:
    """
    L1 took an item back that blocks of ours held: from `index` on the queue is another one. Blocks `first_block` to
    `last_block` were sealed again without it; `dropped` are users' transactions that were not valid any more.
    """

    number: int
    at_ms: int
    index: int
    first_block: int
    last_block: int
    first_batch: int
    is_done: bool = False
    dropped: tuple[bytes, ...] = ()


QUEUE: Final = Table("queue", QueueItem)  # index
QUEUE_OF_TRANSACTION: Final = Table("queue_of_transaction", QueueIndex)  # hash of the transaction on L1, index
WATCHED: Final = Table("watched", Watched)  # one row
SEALED: Final = Table("sealed", SealedBlock)  # number
TAKEN_BACK: Final = Table("taken_back", SealedBlock)  # number: blocks whose transactions are to be sealed again
GO_BACK: Final = Table("go_back", BlockId)  # one row: where the chain has to go back to first
QUEUE_REORGS: Final = Table("queue_reorgs", QueueReorg)  # number


# Batches and what leaves with them


@dataclass(frozen=True, slots=True)
class Batch:
    """A sealed batch. `statement` is abi.encode of the struct that `batch_hash` is the hash of."""

    number: int
    batch_hash: bytes
    statement: bytes
    program_version: int
    first_block: int
    last_block: int
    gas_used: int
    blob_hashes: tuple[bytes, ...]
    input_hash: bytes
    sealed_at_ms: int


@dataclass(frozen=True, slots=True)
class Message:
    """An L2 to L1 message; `leaf` is its leaf in the tree of the batch."""

    message_id: int
    batch: int
    index: int
    transaction_hash: bytes
    sender: bytes
    data_hash: bytes
    leaf: bytes


@dataclass(frozen=True, slots=True)
class MessageId:
    message_id: int


@dataclass(frozen=True, slots=True)
class Opening:
    """A blob of a batch, with what the contract asks for: `proof` is that the commitment opens at `z` to `y`."""

    blob: bytes
    commitment: bytes
    versioned_hash: bytes
    z: bytes
    y: bytes
    proof: bytes


@dataclass(frozen=True, slots=True)
class Bytes:
    """An input or a proof, whose key is its hash; or a payload."""

    data: bytes


BATCHES: Final = Table("batches", Batch)  # number
OPENINGS: Final = Table("openings", Opening)  # batch, index; until its commit is final
PAYLOADS: Final = Table("payloads", Bytes)  # batch; a validium's, until its commit is final
MESSAGES: Final = Table("messages", Message)  # message id
MESSAGES_OF_TRANSACTION: Final = Table("messages_of_transaction", MessageId)  # transaction hash, message id
MESSAGES_OF_BATCH: Final = Table("messages_of_batch", MessageId)  # batch, index


# Proofs


class JobState(enum.StrEnum):
    WAITING = "waiting"
    LEASED = "leased"
    PROVEN = "proven"
    UNPROVABLE = "unprovable"  # execution refused it: never tried again as it is
    EXHAUSTED = "exhausted"  # failed too often
    WITHDRAWN = "withdrawn"  # its batch was taken back; the row keeps count of fences


@dataclass(frozen=True, slots=True)
class Lease:
    prover: str
    fence: int
    granted_at_ms: int
    until_ms: int
    progress: str = ""
    run: str = ""  # of the prover's process
    decoy_hash: bytes = b""  # the batch that this prover was told of instead of the job's own
    decoy_input: bytes = b""  # hash of what it got for it


@dataclass(frozen=True, slots=True)
class Job:
    """One proof to be made. `job_id` is ``<batch>-<kind>-<program version>``."""

    job_id: str
    batch: int
    kind: str
    program_version: int
    batch_hash: bytes
    input_hash: bytes
    gas: int
    created_ms: int
    due_ms: int
    state: JobState = JobState.WAITING
    fences: int = 0  # handed out so far: a lease has the newest
    attempts: int = 0  # leases that ended without a proof
    not_before_ms: int = 0
    lease: Lease | None = None
    reason: str = ""
    proof_hash: bytes = b""
    proven_by: str = ""
    proven_at_ms: int = 0


@dataclass(frozen=True, slots=True)
class Prover:
    """What is known of a prover, under the identity that it showed."""

    prover_id: str
    pool: str
    last_seen_ms: int
    is_cordoned: bool = False
    proofs: int = 0
    invalid_proofs: int = 0
    failures: int = 0
    proven_gas: int = 0
    proving_ms: int = 0
    decoys: int = 0  # that it saw through
    is_distrusted: bool = False  # it signed one; under its name nobody gets a lease


@dataclass(frozen=True, slots=True)
class JobId:
    job_id: str


JOBS: Final = Table("jobs", Job)  # batch, job id
JOBS_OPEN: Final = Table("jobs_open", JobId)  # due time, batch, job id: those that are waiting or leased
INPUTS: Final = Table("inputs", Bytes)  # keccak256
PROOFS: Final = Table("proofs", Bytes)  # keccak256
PROVERS: Final = Table("provers", Prover)  # prover id


# What the operator pays for users


@dataclass(frozen=True, slots=True)
class Sponsored:
    """
    A transaction of the sponsor's that is in no block yet; `most_wei` is what it may cost. `replaced` are those with lower
    fees that it stands for: one of them may be the one in a block.
    """

    nonce: int
    hash: bytes
    raw: bytes
    accounts: tuple[bytes, ...]
    day: int  # since 1970, when it was promised
    most_wei: int
    replaced: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Replacement:
    """What stands for a sponsored transaction that waited too long; `day` is when it was made."""

    hash: bytes
    day: int


@dataclass(frozen=True, slots=True)
class SponsorUse:
    """What was promised or paid within a limit. `day` is 0 for the limit of all time."""

    day: int
    transactions: int
    wei: int


SPONSORED: Final = Table("sponsored", Sponsored)  # nonce
SPONSOR_USED: Final = Table("sponsor_used", SponsorUse)  # scope, day, account
SPONSOR_REPLACED: Final = Table("sponsor_replaced", Replacement)  # hash of what was replaced

# What a follower knows of L1


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A batch that L1 holds. `statement` is its encoding, `l1_block` the one of L1 that committed it."""

    number: int
    batch_hash: bytes
    statement: bytes
    l1_block: int
    blob_hashes: tuple[bytes, ...] = ()


CONFIRMED: Final = Table("confirmed", Confirmed)  # batch


# Who seals, and what was signed about it


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A sequencer's word that this block is in its chain (`rollup.epochs.heads`)."""

    number: int
    hash: bytes
    epoch: int
    signature: bytes


class TermState(enum.StrEnum):
    """What each means stands in `rollup.epochs.term`."""

    FENCING = "fencing"
    SEALING = "sealing"
    DRAINING = "draining"
    ENDED = "ended"
    FENCED = "fenced"


@dataclass(frozen=True, slots=True)
class Ended:
    """A sequencer's word that its epoch ended with this batch and block; `signature` is empty in its own data."""

    epoch: int
    batch: int
    block: int
    hash: bytes
    signature: bytes = b""


@dataclass(frozen=True, slots=True)
class Term:
    """
    In which epoch this data folder's sequencer seals, and how far that is. Batches up to `base` were taken over from others and
    are in final blocks of L1.
    """

    epoch: int
    state: TermState = TermState.SEALING
    until_batch: int | None = None
    ended: Ended | None = None
    reason: str = ""
    base: int = 0


FEED: Final = Table("feed", SignedHead)  # number: what a follower was given, to pass it on
NEWEST_HEAD: Final = Table("newest_head", SignedHead)  # one row: of the highest epoch that was seen
LAST_END: Final = Table("last_end", Ended)  # one row: of the highest epoch that was said to have ended
TERM: Final = Table("term", Term)  # one row

TABLES: Final[tuple[Table[Any], ...]] = (
    *(STARTED, OUTBOX, OUTBOX_OPEN, OUTBOX_PURPOSE, BLOBS),
    *(QUEUE, QUEUE_OF_TRANSACTION, WATCHED, SEALED),
    *(TAKEN_BACK, GO_BACK, QUEUE_REORGS),
    *(BATCHES, OPENINGS, PAYLOADS, MESSAGES, MESSAGES_OF_TRANSACTION, MESSAGES_OF_BATCH),
    *(JOBS, JOBS_OPEN, INPUTS, PROOFS, PROVERS),
    *(SPONSORED, SPONSOR_USED, SPONSOR_REPLACED),
    CONFIRMED,
    *(FEED, NEWEST_HEAD, LAST_END, TERM),
)
