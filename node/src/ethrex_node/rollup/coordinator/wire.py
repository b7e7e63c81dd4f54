"""
The words of the coordinator's HTTP API, for both ends: `service` here, ``ethrex_prover`` there.

JSON with camelCase names; hashes as 0x and hex; times in milliseconds since 1970. Inputs and proofs are plain bytes; their
keccak256 stands in the address or in the header `Content-Hash`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from ethrex_node.rollup.coordinator.errors import BadRequest
from ethrex_node.rollup.coordinator.identities import ID
from ethrex_node.rollup.store.schema import Job

HASH_HEADER: Final = "Content-Hash"
FENCE_HEADER: Final = "Fence"
PROVER_HEADER: Final = "Prover-Id"
KINDS_MOST: Final = 16
TEXT_MOST: Final = 1000
CAPACITY_MOST: Final = 64
NUMBER_MOST: Final = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class LeaseRequest:
    prover: str
    kinds: tuple[str, ...]
    program_version: int
    capacity: int = 1
    run: str = ""

    def json(self) -> bytes:
        return orjson.dumps(
            {
                "prover": self.prover,
                "kinds": self.kinds,
                "programVersion": self.program_version,
                "capacity": self.capacity,
                "run": self.run,
            }
        )

    @classmethod
    def read(cls, body: bytes) -> LeaseRequest:
        """Raises `BadRequest`."""
        fields = _fields(body, {"prover", "kinds", "programVersion"}, {"capacity", "run"})
        kinds = fields["kinds"]
        if not isinstance(kinds, list) or not 1 <= len(kinds) <= KINDS_MOST:
            raise BadRequest(f"kinds is a list of 1 to {KINDS_MOST}")
        return cls(
            prover=_id(fields["prover"], "prover"),
            kinds=tuple(_id(kind, "kinds") for kind in kinds),
            program_version=_number(fields["programVersion"], "programVersion"),
            capacity=_number(fields.get("capacity", 1), "capacity", CAPACITY_MOST),
            run=_id(fields["run"], "run") if fields.get("run") else "",
        )


@dataclass(frozen=True, slots=True)
class DrainRequest:
    """`end_batch`: batches shall come to L1 with all that was taken; else the open one stays open."""

    end_batch: bool

    @classmethod
    def read(cls, body: bytes) -> DrainRequest:
        """Raises `BadRequest`."""
        asked = _fields(body, {"endBatch"}, set())["endBatch"]
        if not isinstance(asked, bool):
            raise BadRequest("endBatch is true or false")
        return cls(asked)


@dataclass(frozen=True, slots=True)
class Grant:
    """A lease, as a prover gets it. `deadline_ms` moves with each heartbeat; `due_ms` is when the proof is needed."""

    job_id: str
    batch: int
    kind: str
    program_version: int
    batch_hash: bytes
    input_hash: bytes
    gas: int
    fence: int
    deadline_ms: int
    heartbeat_ms: int
    due_ms: int

    @classmethod
    def of(cls, job: Job, heartbeat_ms: int) -> Grant:
        assert job.lease is not None
        batch_hash, input_hash = job.lease.decoy_hash or job.batch_hash, job.lease.decoy_input or job.input_hash
        return cls(
            *(job.job_id, job.batch, job.kind, job.program_version, batch_hash, input_hash, job.gas),
            *(job.lease.fence, job.lease.until_ms, heartbeat_ms, job.due_ms),
        )

    def json(self) -> bytes:
        return orjson.dumps(
            {
                "job": self.job_id,
                "batch": self.batch,
                "kind": self.kind,
                "programVersion": self.program_version,
                "batchHash": hex_of(self.batch_hash),
                "inputHash": hex_of(self.input_hash),
                "gas": self.gas,
                "fence": self.fence,
                "deadline": self.deadline_ms,
                "heartbeatMs": self.heartbeat_ms,
                "dueAt": self.due_ms,
            }
        )

    @classmethod
    def read(cls, body: bytes) -> Grant:
        """Raises `BadRequest`: who asks a coordinator cannot take its word for what it sends."""
        words = ("job", "batch", "kind", "programVersion", "batchHash", "inputHash", "gas", "fence", "deadline")
        fields = _fields(body, {*words, "heartbeatMs", "dueAt"}, None)
        return cls(
            job_id=_id(fields["job"], "job"),
            batch=_number(fields["batch"], "batch"),
            kind=_id(fields["kind"], "kind"),
            program_version=_number(fields["programVersion"], "programVersion"),
            batch_hash=hash_of(fields["batchHash"], "batchHash"),
            input_hash=hash_of(fields["inputHash"], "inputHash"),
            gas=_number(fields["gas"], "gas"),
            fence=_number(fields["fence"], "fence"),
            deadline_ms=_number(fields["deadline"], "deadline"),
            heartbeat_ms=_number(fields["heartbeatMs"], "heartbeatMs"),
            due_ms=_number(fields["dueAt"], "dueAt"),
        )


@dataclass(frozen=True, slots=True)
class Note:
    """What a prover says about a lease of its own: heartbeat, failure, release."""

    prover: str
    fence: int
    text: str = ""
    is_unprovable: bool = False

    def json(self) -> bytes:
        unprovable = {"unprovable": True} if self.is_unprovable else {}
        return orjson.dumps({"prover": self.prover, "fence": self.fence, "text": self.text} | unprovable)

    @classmethod
    def read(cls, body: bytes) -> Note:
        """Raises `BadRequest`."""
        fields = _fields(body, {"prover", "fence"}, {"text", "unprovable"})
        text, unprovable = fields.get("text", ""), fields.get("unprovable", False)
        if not isinstance(text, str) or not isinstance(unprovable, bool):
            raise BadRequest("text is a text, unprovable true or false")
        return cls(_id(fields["prover"], "prover"), _number(fields["fence"], "fence"), text[:TEXT_MOST], unprovable)


def hash_of(text: Any, name: str) -> bytes:
    """0x and 64 digits. Raises `BadRequest`."""
    try:
        value = bytes.fromhex(text.removeprefix("0x"))
    except (AttributeError, ValueError):
        value = b""
    if len(value) != 32:
        raise BadRequest(f"{name}: {text!r:.80} is not a hash (0x and 64 hexadecimal digits)")
    return value


def hex_of(value: bytes) -> str:
    return "0x" + value.hex()


def _fields(body: bytes, required: set[str], optional: set[str] | None) -> Mapping[str, Any]:
    """A JSON object with these keys; `optional` None allows any others."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise BadRequest("the body is not a JSON object")
    missing = sorted(required - value.keys())
    unknown = sorted(value.keys() - required - optional) if optional is not None else []
    if missing or unknown:
        raise BadRequest(f"missing: {', '.join(missing) or 'none'}; unknown: {', '.join(unknown)[:200] or 'none'}")
    return value


def _id(value: Any, name: str) -> str:
    if not isinstance(value, str) or not ID.fullmatch(value):
        raise BadRequest(f"{name}: {value!r:.140} is not a name (letters, digits, `.`, `_`, `-`, up to 128)")
    return value


def _number(value: Any, name: str, most: int = NUMBER_MOST) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise BadRequest(f"{name}: {value!r:.80} is not a number from 0 to {most}")
    return value
