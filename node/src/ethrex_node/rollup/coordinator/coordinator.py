"""
The queue of proofs, in the store: each call is one synced transaction around a decision of `queue`.

What a caller was told has been written, so neither a lease nor a proof is lost by a restart. Inputs lie under their hash,
once for all kinds; `forget` lets everything of a batch go when L1 has verified it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from prometheus_client.core import Metric

from ethrex_node import _native
from ethrex_node.observe import metrics
from ethrex_node.rollup import attested
from ethrex_node.rollup.coordinator import decoys, queue
from ethrex_node.rollup.coordinator.errors import BadRequest, Conflict, InvalidProof, NotAllowed, NotFound
from ethrex_node.rollup.coordinator.verifiers import Statement, Verifier
from ethrex_node.rollup.store import Store, Txn, schema
from ethrex_node.rollup.store.environment import Table, key
from ethrex_node.rollup.store.schema import Job, JobState, Lease, Prover

log = logging.getLogger(__name__)

R = TypeVar("R")

FORGOTTEN_MS: Final = 7 * 86_400_000
DICE: Final = secrets.SystemRandom()  # a prover must not foresee which of its leases is a decoy


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """One proof that a batch needs; `input` is the versioned prover input."""

    batch: int
    kind: str
    program_version: int
    batch_hash: bytes
    input: bytes
    gas: int
    due_ms: int


class Coordinator:
    """Lives as long as the store under it. `verifiers` by kind: a kind without one is not handed out."""

    def __init__(
        self,
        store: Store,
        verifiers: Mapping[str, Verifier],
        settings: queue.Settings,
        now_ms: Callable[[], int],
        chance: Callable[[], float] = DICE.random,
    ) -> None:
        self.settings = settings
        self.listeners: list[Callable[[Job], None]] = []
        self.events: Counter[str] = Counter()
        self.is_closed = False  # no job is handed out: another coordinator has them
        self._store = store
        self._verifiers = dict(verifiers)
        self._now_ms = now_ms
        self._chance = chance

    # for the sequencer and the settler

    async def add(self, new: NewJob) -> Job:
        """Ask for a proof. The same again changes nothing; another batch under the same number is a `Conflict`."""
        if new.kind not in self._verifiers:
            raise BadRequest(f"proofs of kind {new.kind!r} cannot be verified here")
        input_hash = _native.keccak256(new.input)
        job = Job(
            job_id=f"{new.batch}-{new.kind}-{new.program_version}",
            batch=new.batch,
            kind=new.kind,
            program_version=new.program_version,
            batch_hash=new.batch_hash,
            input_hash=input_hash,
            gas=new.gas,
            created_ms=self._now_ms(),
            due_ms=new.due_ms,
        )

        def change(txn: Txn) -> Job:
            known = txn.get(schema.JOBS, job_key(job.job_id))
            if known is not None:
                if known.state is JobState.WITHDRAWN:
                    return _begun(txn, dataclasses.replace(job, fences=known.fences), new.input)
                if (known.batch_hash, known.input_hash) != (job.batch_hash, job.input_hash):
                    raise Conflict(f"job {job.job_id} is there for another batch; forget that first")
                return known
            return _begun(txn, job, new.input)

        return await self._store.write(change)

    def proofs(self, batch: int) -> dict[str, bytes]:
        """The verified proofs of a batch, by kind."""
        with self._store.read() as txn:
            jobs = [job for _, job in txn.scan(schema.JOBS, prefix=key(batch)) if job.state is JobState.PROVEN]
            found = [(job.kind, txn.get(schema.PROOFS, job.proof_hash)) for job in jobs]
        return {kind: row.data for kind, row in found if row is not None}

    async def reopen(self, job_id: str, reason: str) -> Job:
        """Have a proof made again: the L1 refused it, or what made the job fail was mended."""

        def change(txn: Txn) -> Job:
            job = _job(txn, job_id)
            if job.state is JobState.PROVEN:
                _count(txn, job.proven_by, self._now_ms(), invalid_proofs=1)
                txn.delete(schema.PROOFS, job.proof_hash)
            fresh = queue.reopened(job, reason, self._now_ms(), self.settings)
            _put(txn, fresh, job)
            return fresh

        log.warning("a proof is made again", extra={"job": job_id, "reason": reason})
        return await self._store.write(change)

    async def forget(self, batch: int) -> None:
        """Let go of a batch's jobs, input and proofs: it is verified for good."""

        def change(txn: Txn) -> None:
            for at, job in list(txn.scan(schema.JOBS, prefix=key(batch))):
                txn.delete(schema.JOBS, at)
                txn.delete(schema.JOBS_OPEN, _open_key(job))
                txn.delete(schema.INPUTS, job.input_hash)
                txn.delete(schema.INPUTS, (job.lease and job.lease.decoy_input) or b"-")
                txn.delete(schema.PROOFS, job.proof_hash or b"-")

        await self._store.write(change)

    # for provers

    async def lease(self, wanted: queue.Wanted, pool: str, owner: str = "") -> Job | None:
        """
        The next job for a prover, leased to it; none for one that is cordoned, or whose `owner`, the name that its token
        has, is. Raises `NotAllowed` where one under this name has signed a decoy.
        """
        if self.is_closed:
            return None
        worn_out: list[Job] = []
        disguise = await self._disguise(wanted) if self._chance() < self.settings.decoy_rate else None

        def change(txn: Txn) -> Job | None:
            now = self._now_ms()
            if _is_distrusted(txn, wanted.prover, owner):
                raise NotAllowed(f"{wanted.prover} signed a batch that it did not execute")
            prover = _seen(txn, wanted.prover, pool, now)
            if prover.is_cordoned or _is_cordoned(txn, owner):
                return None
            jobs = []
            for job in list(_open_jobs(txn)):
                is_free = queue.is_free(job, now) or queue.is_left_behind(job, wanted)
                if is_free and queue.is_worn_out(job, self.settings):
                    worn_out.append(queue.exhausted(job))
                    _put(txn, worn_out[-1], job)
                elif job.kind in self._verifiers:
                    jobs.append(job)
            chosen = queue.choose(jobs, wanted, now)
            if chosen is None:
                return None
            given = queue.leased(chosen, wanted.prover, now, self.settings, wanted.run)
            if disguise is not None and disguise[0] == chosen.input_hash:
                decoy = disguise[1]
                txn.put(schema.INPUTS, decoy.input_hash, schema.Bytes(decoy.input))
                given = queue.disguised(given, decoy.batch_hash, decoy.input_hash)
            _put(txn, given, chosen)
            return given

        given = await self._store.write(change)
        for job in worn_out:
            self._alarm(job)
        if given is not None:
            assert given.lease is not None
            self.events["leased"] += 1
            self.events["decoy_given"] += bool(given.lease.decoy_hash)
            log.info("leased", extra={"job": given.job_id, "prover": wanted.prover, "fence": given.lease.fence})
        return given

    async def _disguise(self, wanted: queue.Wanted) -> tuple[bytes, decoys.Decoy] | None:
        """A decoy of the job that this prover would get now, and the hash of the input that it was made of."""
        now = self._now_ms()
        with self._store.read() as txn:
            # Of zero-knowledge proofs there is none for a false statement: no decoy is worth its time there.
            signed = [job for job in _open_jobs(txn) if job.kind in attested.KIND_NUMBERS]
            job = queue.choose(signed, wanted, now)
            row = txn.get(schema.INPUTS, job.input_hash) if job is not None else None
        if job is None or row is None:
            return None
        try:
            return job.input_hash, await asyncio.to_thread(decoys.make, row.data, secrets.token_bytes(32))
        except _native.NativeError as error:
            log.error("no decoy", extra={"job": job.job_id, "reason": str(error)})
            return None

    def input(self, input_hash: bytes, name: str) -> bytes:
        """For a prover under this name that holds a lease on it. Raises `NotFound`, `NotAllowed`."""
        with self._store.read() as txn:
            row = txn.get(schema.INPUTS, input_hash)
            if row is None:
                raise NotFound(f"no input 0x{input_hash.hex()}")
            leases = [job.lease for job in _open_jobs(txn) if job.lease is not None and _is_given(job, input_hash)]
        if not any(_is_of(lease.prover, name) for lease in leases):
            raise NotAllowed(f"{name} holds no lease of a job with this input")
        return row.data

    async def heartbeat(self, job_id: str, prover: str, fence: int, progress: str) -> Job:
        return await self._act(
            job_id,
            prover,
            lambda job, now: queue.extended(job, prover, fence, progress, now, self.settings),
            "heartbeat",
        )

    async def release(self, job_id: str, prover: str, fence: int) -> Job:
        return await self._act(job_id, prover, lambda job, _: queue.released(job, prover, fence), "released")

    async def failure(self, job_id: str, prover: str, fence: int, reason: str, *, is_unprovable: bool) -> Job:
        """What a prover could not do. `is_unprovable`: nobody can, which is right of a decoy."""

        def decide(job: Job, now: int) -> Job:
            if is_unprovable and queue.held(job, prover, fence).decoy_hash:
                return queue.seen_through(job, prover, fence)
            if is_unprovable:
                return queue.unprovable(job, prover, fence, reason)
            return queue.failed(job, prover, fence, reason, now, self.settings)

        with self._store.read() as txn:
            lease = _job(txn, job_id).lease
        if is_unprovable and lease is not None and lease.decoy_hash and lease.fence == fence:
            job = await self._act(job_id, prover, decide, "decoy_refused", decoys=1)
            log.info("a decoy was seen through", extra={"job": job_id, "prover": prover})
            return job
        log.warning("a prover failed", extra={"job": job_id, "prover": prover, "reason": reason})
        job = await self._act(job_id, prover, decide, "failed", failures=1)
        if job.state in (JobState.UNPROVABLE, JobState.EXHAUSTED):
            self._alarm(job)
        return job

    async def proof(self, job_id: str, prover: str, fence: int, proof: bytes, owner: str = "") -> Job:
        """
        Take a proof in: verified, then written. The same again is answered as the first time.

        Raises `InvalidProof`, after it was counted against the prover and its `owner`, the name that its token has, and
        `Conflict` where the lease is another's. A proof of a decoy is one that nobody who executes can make: it ends all
        trust in whoever comes under this name.
        """
        proof_hash = _native.keccak256(proof)
        with self._store.read() as txn:
            job = _job(txn, job_id)
        if job.state is JobState.PROVEN and job.proof_hash == proof_hash:
            return job
        lease = queue.held(job, prover, fence)
        claimed = lease.decoy_hash or job.batch_hash
        try:
            await self._verifiers[job.kind](Statement(claimed, job.program_version), proof)
        except InvalidProof as error:
            await self._refuse(job_id, prover, fence, str(error), owner or prover)
            raise
        if lease.decoy_hash:
            await self._distrust(job_id, prover, owner or prover)
            raise InvalidProof("executing does not give this batch")

        def decide(found: Job, now: int) -> Job:
            if found.state is JobState.PROVEN and found.proof_hash == proof_hash:
                return found
            return queue.proven(found, prover, fence, proof_hash, now)

        done = await self._act(job_id, prover, decide, "proven", proof)
        log.info("proven", extra={"job": job_id, "prover": prover, "batch": done.batch})
        for listener in self.listeners:
            listener(done)
        return done

    async def _refuse(self, job_id: str, prover: str, fence: int, reason: str, owner: str) -> None:
        """
        An invalid proof costs the lease; too many of them cost the prover all further ones, and more of them whoever has
        its token: a prover is called as it likes within that name.
        """

        def change(txn: Txn) -> Prover:
            job, now = _job(txn, job_id), self._now_ms()
            if job.state in queue.OPEN and job.lease is not None and job.lease.fence == fence:
                _put(txn, queue.refused(job, prover, fence, f"invalid proof: {reason}"), job)
            counted = _count_invalid(txn, prover, now, self.settings.invalid_most)
            if owner == prover:
                return counted
            whole = _count_invalid(txn, owner, now, self.settings.invalid_most_of_all)
            return whole if whole.is_cordoned else counted

        counted = await self._store.write(change)
        self.events["invalid"] += 1
        facts = {"job": job_id, "prover": prover, "reason": reason, "cordoned": counted.is_cordoned}
        log.error("an invalid proof was refused", extra=facts)

    async def _distrust(self, job_id: str, prover: str, name: str) -> None:
        """No lease any more, and no proof of theirs that L1 has not verified counts."""

        def change(txn: Txn) -> list[str]:
            now, again = self._now_ms(), []
            named = {at: row for at, row in txn.scan(schema.PROVERS) if _is_of(row.prover_id, name)}
            named |= {key(one): _known(txn, one, now) for one in (name, prover)}
            for at, row in named.items():
                txn.put(schema.PROVERS, at, dataclasses.replace(row, is_distrusted=True))
            for _, job in list(txn.scan(schema.JOBS)):
                if job.state is JobState.PROVEN and _is_of(job.proven_by, name):
                    txn.delete(schema.PROOFS, job.proof_hash)
                    reason = f"{job.proven_by} signs without executing"
                    _put(txn, queue.reopened(job, reason, now, self.settings), job)
                    again.append(job.job_id)
                elif job.state is JobState.LEASED and job.lease is not None and _is_of(job.lease.prover, name):
                    _put(txn, queue.released(job, job.lease.prover, job.lease.fence), job)
            return again

        again = await self._store.write(change)
        self.events["decoy_signed"] += 1
        facts = {"job": job_id, "prover": prover, "identity": name, "made_again": again}
        log.critical("a prover signs what it did not execute: revoke its key on L1", extra=facts)

    # for operators

    async def cordon(self, prover_id: str, *, is_cordoned: bool) -> list[Job]:
        """No further lease for a prover, from the answer on; gives the jobs that it still holds."""

        def change(txn: Txn) -> list[Job]:
            prover = _known(txn, prover_id, self._now_ms())
            kept = dataclasses.replace(prover, is_cordoned=is_cordoned)
            if not is_cordoned:
                kept = dataclasses.replace(kept, invalid_proofs=0, is_distrusted=False)
            txn.put(schema.PROVERS, key(prover_id), kept)
            return [job for job in _open_jobs(txn) if job.lease is not None and job.lease.prover == prover_id]

        now = self._now_ms()
        return [job for job in await self._store.write(change) if job.lease is not None and job.lease.until_ms > now]

    def open_jobs(self) -> list[Job]:
        """Waiting and leased ones, by due time."""
        with self._store.read() as txn:
            return list(_open_jobs(txn))

    def jobs(self, after: bytes, most: int) -> list[tuple[bytes, Job]]:
        """A page of all jobs, by batch, from behind the key `after`; each with its key."""
        return self._page(schema.JOBS, after, most)

    def provers(self, after: bytes, most: int) -> list[tuple[bytes, Prover]]:
        """A page of the provers that were seen."""
        return self._page(schema.PROVERS, after, most)

    def leases_of_provers(self) -> dict[str, Lease]:
        """Leases in force by prover; of several the one that lasts longest."""
        now = self._now_ms()
        leases = [job.lease for job in self.open_jobs() if job.lease is not None and job.lease.until_ms > now]
        return {lease.prover: lease for lease in sorted(leases, key=lambda one: one.until_ms)}

    def metrics(self) -> Iterator[Metric]:
        """A source for `observe.metrics.Metrics.add`."""
        now, states, oldest_ms = self._now_ms(), Counter({state.value: 0.0 for state in JobState}), 0
        with self._store.read() as txn:
            distrusted = sum(row.is_distrusted for _, row in txn.scan(schema.PROVERS))
            for _, job in txn.scan(schema.JOBS):
                states[job.state.value] += 1
                if job.state in queue.OPEN:
                    oldest_ms = max(oldest_ms, now - job.created_ms)
        yield metrics.gauges(
            "proof_jobs", "Proofs to be made and made, of batches that are not verified", "state", states
        )
        yield metrics.gauge("proof_oldest_seconds", "Age of the oldest job without a proof", oldest_ms / 1000)
        yield metrics.gauge("proof_provers_distrusted", "Provers that signed what they did not execute", distrusted)
        yield metrics.counters("proof_events", "What happened at the coordinator", "event", dict(self.events))

    # how

    async def _act(
        self,
        job_id: str,
        prover: str,
        decide: Callable[[Job, int], Job],
        event: str,
        proof: bytes | None = None,
        **counts: int,
    ) -> Job:
        """Apply a decision to a job and note what it says about the prover."""

        def change(txn: Txn) -> Job:
            job, now = _job(txn, job_id), self._now_ms()
            decided = decide(job, now)
            if proof is not None and decided != job:
                assert job.lease is not None
                txn.put(schema.PROOFS, decided.proof_hash, schema.Bytes(proof))
                counts.update(proofs=1, proven_gas=job.gas, proving_ms=max(1, now - job.lease.granted_at_ms))
            _put(txn, decided, job)
            _count(txn, prover, now, **counts)
            return decided

        decided = await self._store.write(change)
        self.events[event] += 1
        return decided

    def _alarm(self, job: Job) -> None:
        self.events[job.state.value] += 1
        facts = {"job": job.job_id, "batch": job.batch, "state": job.state.value, "reason": job.reason}
        log.critical("a batch is not proven and nobody will try again by itself", extra=facts)

    def _page(self, table: Table[R], after: bytes, most: int) -> list[tuple[bytes, R]]:
        with self._store.read() as txn:
            found = []
            for at, row in txn.scan(table, start=after + b"\0" if after else b""):
                found.append((at, row))
                if len(found) == most:
                    break
            return found


def withdraw(txn: Txn, batch: int) -> None:
    """
    The batch was taken back: nobody proves it any more, and another may get its number. Provers that are at it hold
    fences that nobody gets again.
    """
    for at, job in list(txn.scan(schema.JOBS, prefix=key(batch))):
        txn.delete(schema.JOBS_OPEN, _open_key(job))
        txn.delete(schema.INPUTS, job.input_hash)
        txn.delete(schema.PROOFS, job.proof_hash or b"-")
        txn.put(schema.JOBS, at, queue.withdrawn(job))


def job_key(job_id: str) -> bytes:
    """Raises `NotFound` for what is no id of a job."""
    batch = job_id.partition("-")[0]
    if not (batch.isascii() and batch.isdecimal() and int(batch) < 1 << 64):
        raise NotFound(f"no job {job_id!r:.140}")
    return key(int(batch), job_id)


def _begun(txn: Txn, job: Job, prover_input: bytes) -> Job:
    txn.put(schema.INPUTS, job.input_hash, schema.Bytes(prover_input))
    _put(txn, job)
    return job


def _open_key(job: Job) -> bytes:
    return key(job.due_ms, job.batch, job.job_id)


def _job(txn: Txn, job_id: str) -> Job:
    job = txn.get(schema.JOBS, job_key(job_id))
    if job is None:
        raise NotFound(f"no job {job_id!r:.140}")
    return job


def _put(txn: Txn, job: Job, before: Job | None = None) -> None:
    """The row, and its place among the open ones. A decoy goes with its lease."""
    txn.put(schema.JOBS, job_key(job.job_id), job)
    decoy = before.lease.decoy_input if before is not None and before.lease is not None else b""
    if decoy and (job.lease is None or job.lease.decoy_input != decoy):
        txn.delete(schema.INPUTS, decoy)
    if job.state in queue.OPEN:
        if before is None or before.state not in queue.OPEN:
            txn.put(schema.JOBS_OPEN, _open_key(job), schema.JobId(job.job_id))
    else:
        txn.delete(schema.JOBS_OPEN, _open_key(job))


def _open_jobs(txn: Txn) -> Iterator[Job]:
    for _, pointer in txn.scan(schema.JOBS_OPEN):
        yield _job(txn, pointer.job_id)


def _known(txn: Txn, prover_id: str, now_ms: int) -> Prover:
    return txn.get(schema.PROVERS, key(prover_id)) or Prover(prover_id, "", now_ms)


def _is_distrusted(txn: Txn, prover_id: str, name: str) -> bool:
    rows = (txn.get(schema.PROVERS, key(one)) for one in {prover_id, name or prover_id})
    return any(row is not None and row.is_distrusted for row in rows)


def _is_given(job: Job, input_hash: bytes) -> bool:
    """To whoever holds its lease."""
    assert job.lease is not None
    return input_hash == (job.lease.decoy_input or job.input_hash)


def _seen(txn: Txn, prover_id: str, pool: str, now_ms: int) -> Prover:
    known = txn.get(schema.PROVERS, key(prover_id))
    if known is None:
        _forget_gone(txn, now_ms)
        known = Prover(prover_id, pool, now_ms)
    seen = dataclasses.replace(known, pool=pool or known.pool, last_seen_ms=now_ms)
    txn.put(schema.PROVERS, key(prover_id), seen)
    return seen


def _forget_gone(txn: Txn, now_ms: int) -> None:
    """
    Pods are called otherwise each time: those that have not come for days are not told of any more.

    But who was cordoned for invalid proofs, or signed a decoy, stays so until an operator says otherwise.
    """
    for at, row in list(txn.scan(schema.PROVERS)):
        is_distrusted = row.is_distrusted or (row.is_cordoned and row.invalid_proofs > 0)
        if row.last_seen_ms + FORGOTTEN_MS < now_ms and not is_distrusted:
            txn.delete(schema.PROVERS, at)


def _count(txn: Txn, prover_id: str, now_ms: int, **more: int) -> Prover:
    """Add to a prover's figures."""
    known = _seen(txn, prover_id, "", now_ms)
    counted = dataclasses.replace(known, **{name: getattr(known, name) + value for name, value in more.items()})
    txn.put(schema.PROVERS, key(prover_id), counted)
    return counted


def _count_invalid(txn: Txn, prover_id: str, now_ms: int, most: int) -> Prover:
    """One more invalid proof, and the cordon where that is one too many."""
    counted = _count(txn, prover_id, now_ms, invalid_proofs=1)
    if counted.invalid_proofs >= most:
        counted = dataclasses.replace(counted, is_cordoned=True)
        txn.put(schema.PROVERS, key(prover_id), counted)
    return counted


def _is_cordoned(txn: Txn, prover_id: str) -> bool:
    known = txn.get(schema.PROVERS, key(prover_id)) if prover_id else None
    return known is not None and known.is_cordoned


def _is_of(prover: str, name: str) -> bool:
    return prover == name or prover.startswith(name + ".")
