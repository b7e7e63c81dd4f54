"""What observers see of jobs and provers, as JSON values. Pure; holds no input and no proof."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ethrex_node.rollup.sequencer.draining import State
from ethrex_node.rollup.store.schema import Job, JobState, Lease, Prover


def queue(open_jobs: Sequence[Job]) -> dict[str, Any]:
    """Sums by kind and program version: what a scaler needs to know first."""
    groups: dict[tuple[str, int], list[Job]] = {}
    for one in open_jobs:
        groups.setdefault((one.kind, one.program_version), []).append(one)
    return {"queues": [_group(kind, version, jobs) for (kind, version), jobs in sorted(groups.items())]}


def _group(kind: str, version: int, jobs: Sequence[Job]) -> dict[str, Any]:
    waiting = [one for one in jobs if one.state is JobState.WAITING]
    return {
        "kind": kind,
        "programVersion": version,
        "waiting": len(waiting),
        "leased": len(jobs) - len(waiting),
        "waitingGas": sum(one.gas for one in waiting),
        "openGas": sum(one.gas for one in jobs),
        "oldestCreated": min(one.created_ms for one in jobs),
        "nextDue": min(one.due_ms for one in jobs),
    }


def job(row: Job) -> dict[str, Any]:
    lease = row.lease
    return {
        "job": row.job_id,
        "batch": row.batch,
        "kind": row.kind,
        "programVersion": row.program_version,
        "gas": row.gas,
        "created": row.created_ms,
        "dueAt": row.due_ms,
        "state": row.state.value,
        "attempts": row.attempts,
        "reason": row.reason,
        "prover": row.proven_by or (lease.prover if lease is not None else None),
        "leasedAt": lease.granted_at_ms if lease is not None else None,
        "leaseUntil": lease.until_ms if lease is not None and row.state is JobState.LEASED else None,
        "progress": lease.progress if lease is not None else "",
        "provenAt": row.proven_at_ms or None,
    }


def prover(row: Prover, lease: Lease | None) -> dict[str, Any]:
    """`provenGas` in `provingMilliseconds`: over all its proofs. Their difference between two looks is what it did since."""
    state = "cordoned" if row.is_cordoned or row.is_distrusted else "idle" if lease is None else "busy"
    return {
        "prover": row.prover_id,
        "pool": row.pool,
        "state": state,
        "leaseUntil": lease.until_ms if lease is not None else None,
        "lastSeen": row.last_seen_ms,
        "proofs": row.proofs,
        "invalidProofs": row.invalid_proofs,
        "failures": row.failures,
        "distrusted": row.is_distrusted,
        "provenGas": row.proven_gas,
        "provingMilliseconds": row.proving_ms,
        "gasPerSecond": round(row.proven_gas * 1000 / row.proving_ms) if row.proving_ms else None,
    }


def drain(state: State) -> dict[str, Any]:
    """How far a sequencer is that shall come to an end."""
    return {
        "draining": state.draining,
        "drained": state.drained,
        "pool": state.pool,
        "openTransactions": state.open_transactions,
        "batches": {"made": state.made, "committed": state.committed, "verified": state.verified},
    }
