"""
What becomes of a job. Pure: a job, who acts and the time in, the job as it is afterwards out.

A lease carries a fence, a number that grows with each lease of the job: whoever acts with an older one has lost the job
to another and is refused. A lease that has run out is still its prover's until another takes the job, so that a late
heartbeat or proof is not thrown away for nothing. Terminal states are never left but by an order from above
(`reopened`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

from ethrex_node.rollup.coordinator.errors import Conflict
from ethrex_node.rollup.store.schema import Job, JobState, Lease

OPEN = (JobState.WAITING, JobState.LEASED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    lease_ms: int = 60_000
    heartbeat_ms: int = 15_000  # what provers are told
    attempts_most: int = 8  # leases without a proof, before somebody has to look
    retry_ms: int = 1_000  # after the first failure; doubles up to
    retry_most_ms: int = 60_000
    invalid_most: int = 5  # invalid proofs, before a prover gets no more leases
    invalid_most_of_all: int = 20  # of all provers under one token's name, before none of them does
    hold_most_ms: int = 4 * 3_600_000  # heartbeats keep a lease so long: who never ends holds up the chain
    decoy_rate: float = 0.0  # of leases, those of a batch that nobody can prove

    def __post_init__(self) -> None:
        if not 0.0 <= self.decoy_rate <= 1.0:
            raise ValueError("decoy_rate is a part of all leases: 0 to 1")
        if 2 * self.heartbeat_ms > self.lease_ms:
            raise ValueError("a lease must outlast a lost heartbeat: lease_ms is at least twice heartbeat_ms")


@dataclass(frozen=True, slots=True)
class Wanted:
    """
    What a prover can do. `capacity`: leases that it holds at a time. `run` is another one each time that it is started:
    what an earlier run of it held is nobody's any more.
    """

    prover: str
    kinds: frozenset[str]
    program_version: int
    capacity: int = 1
    run: str = ""


def is_free(job: Job, now_ms: int) -> bool:
    """Nobody works on it and its pause after a failure is over."""
    if job.state is JobState.LEASED:
        return job.lease is not None and job.lease.until_ms <= now_ms
    return job.state is JobState.WAITING and job.not_before_ms <= now_ms


def choose(jobs: Iterable[Job], wanted: Wanted, now_ms: int) -> Job | None:
    """The first that fits: `jobs` come by due time. None also where the prover's hands are full."""
    held, found = 0, None
    for job in jobs:
        is_left = is_left_behind(job, wanted)
        if job.lease is not None and job.lease.prover == wanted.prover and job.lease.until_ms > now_ms and not is_left:
            held += 1
        elif found is None and _fits(job, wanted) and (is_left or is_free(job, now_ms)):
            found = job
    return found if held < wanted.capacity else None


def is_left_behind(job: Job, wanted: Wanted) -> bool:
    """By an earlier run of the same prover."""
    lease = job.lease
    return bool(lease and wanted.run and lease.run and lease.prover == wanted.prover and lease.run != wanted.run)


def _fits(job: Job, wanted: Wanted) -> bool:
    return job.kind in wanted.kinds and job.program_version == wanted.program_version


def leased(job: Job, prover: str, now_ms: int, settings: Settings, run: str = "") -> Job:
    """With a new fence. A lease that ran out before counts as an attempt."""
    lapsed = job.state is JobState.LEASED
    lease = Lease(prover, job.fences + 1, now_ms, now_ms + settings.lease_ms, run=run)
    return dataclasses.replace(
        job, state=JobState.LEASED, fences=lease.fence, attempts=job.attempts + lapsed, lease=lease, reason=""
    )


def is_worn_out(job: Job, settings: Settings) -> bool:
    """Its lease has run out once too often."""
    return job.state is JobState.LEASED and job.attempts + 1 >= settings.attempts_most


def held(job: Job, prover: str, fence: int) -> Lease:
    """The lease, if it is this prover's. Raises `Conflict`."""
    if job.state not in OPEN:
        raise Conflict(f"job {job.job_id} is {job.state.value}")
    if job.lease is None or (job.lease.prover, job.lease.fence) != (prover, fence):
        raise Conflict(f"fence {fence} of job {job.job_id} is not the lease of {prover}: the newest is {job.fences}")
    return job.lease


def extended(job: Job, prover: str, fence: int, progress: str, now_ms: int, settings: Settings) -> Job:
    """By a heartbeat, up to the longest that a lease may be held."""
    lease = held(job, prover, fence)
    until_ms = min(now_ms + settings.lease_ms, lease.granted_at_ms + settings.hold_most_ms)
    return dataclasses.replace(job, lease=dataclasses.replace(lease, until_ms=until_ms, progress=progress))


def released(job: Job, prover: str, fence: int) -> Job:
    """Given back unfinished: free at once, and nobody's fault."""
    held(job, prover, fence)
    return dataclasses.replace(job, state=JobState.WAITING, lease=None)


def failed(job: Job, prover: str, fence: int, reason: str, now_ms: int, settings: Settings) -> Job:
    """To be tried again after a pause, unless it was tried too often."""
    held(job, prover, fence)
    return _after_failure(job, reason, now_ms, settings)


def refused(job: Job, prover: str, fence: int, reason: str) -> Job:
    """Its prover brought an invalid proof: free at once. That is the prover's fault and does not wear the job out."""
    held(job, prover, fence)
    return dataclasses.replace(job, state=JobState.WAITING, lease=None, reason=reason)


def unprovable(job: Job, prover: str, fence: int, reason: str) -> Job:
    """Executing the batch does not give what it claims. Nothing that a prover could do again."""
    held(job, prover, fence)
    return dataclasses.replace(job, state=JobState.UNPROVABLE, lease=None, reason=reason)


def disguised(job: Job, decoy_hash: bytes, decoy_input: bytes) -> Job:
    """Its prover is told of another batch, from another input. All else of the lease is as ever."""
    assert job.lease is not None
    return dataclasses.replace(
        job, lease=dataclasses.replace(job.lease, decoy_hash=decoy_hash, decoy_input=decoy_input)
    )


def seen_through(job: Job, prover: str, fence: int) -> Job:
    """Who was given a decoy says that it cannot be proven, as is right: the job itself goes to whoever comes next."""
    return released(job, prover, fence)


def exhausted(job: Job) -> Job:
    reason = job.reason or "its leases ran out"
    return dataclasses.replace(job, state=JobState.EXHAUSTED, attempts=job.attempts + 1, lease=None, reason=reason)


def proven(job: Job, prover: str, fence: int, proof_hash: bytes, now_ms: int) -> Job:
    """`proof_hash` is that of a proof that was verified."""
    held(job, prover, fence)
    return dataclasses.replace(
        job, state=JobState.PROVEN, reason="", proof_hash=proof_hash, proven_by=prover, proven_at_ms=now_ms
    )


def reopened(job: Job, reason: str, now_ms: int, settings: Settings) -> Job:
    """Made again: the L1 refused the proof, or somebody has mended what made the job fail."""
    fresh = dataclasses.replace(job, proof_hash=b"", proven_by="", proven_at_ms=0, attempts=0, lease=None)
    return _after_failure(fresh, reason, now_ms, settings)


def withdrawn(job: Job) -> Job:
    """The batch is none any more."""
    return dataclasses.replace(
        job, state=JobState.WITHDRAWN, lease=None, proof_hash=b"", reason="the batch was taken back"
    )


def _after_failure(job: Job, reason: str, now_ms: int, settings: Settings) -> Job:
    attempts = job.attempts + 1
    if attempts >= settings.attempts_most:
        return exhausted(dataclasses.replace(job, reason=reason))
    pause = min(settings.retry_ms << (attempts - 1), settings.retry_most_ms)
    return dataclasses.replace(
        job, state=JobState.WAITING, attempts=attempts, lease=None, reason=reason, not_before_ms=now_ms + pause
    )
