"""
A `ProverPool` as workloads: one a prover, all with one service account.

A prover serves the rollups that its pool is attached to on both sides, one after the other, by their coordinators.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..api.pool import ProverPool
from ..api.rollup import EthrexRollup
from . import accelerators, running
from . import rollup as rollups
from .errors import Unmet
from .facts import L1, Contracts
from .workload import (
    Argument,
    File,
    FileOf,
    IdentityToken,
    Joined,
    Lifetime,
    OwnAddress,
    OwnName,
    OwnPort,
    Placement,
    Port,
    Probes,
    Program,
    Reach,
    Workload,
)

METRICS: Final = Port("metrics", 9091, Reach.OPERATOR)
LEAVING_SECONDS: Final = 10  # on top of the job in hand
OWN_BACKEND: Final = "attested"  # that our own image has
SIGNED: Final = ("attested", "tee")  # backends whose proofs are signatures that L1 knows


@dataclass(frozen=True, slots=True)
class Served:
    """A rollup that a pool works for, and where it settles."""

    rollup: EthrexRollup
    l1: L1
    contracts: Contracts


def workloads(pool: ProverPool, served: tuple[Served, ...], numbers: tuple[int, ...]) -> tuple[Workload, ...]:
    """One for each number. None while no rollup is served. Raises `Unmet`."""
    if not served:
        return ()
    if pool.spec.backend != OWN_BACKEND and pool.spec.image.reference is None:
        raise Unmet(
            "NoImage", f"spec.backend {pool.spec.backend}: spec.image.reference has to name an image that has it"
        )
    return tuple(_prover(pool, served, number) for number in numbers)


def _prover(pool: ProverPool, served: tuple[Served, ...], number: int) -> Workload:
    first = served[0]
    signed, keys = _signed(pool, served) if pool.spec.backend in SIGNED else ((), ())
    coordinators: list[Argument] = []
    tokens = []
    for one in served:
        token = File(f"{one.rollup.namespace}.{one.rollup.name}.token", _token(one, pool))
        url = rollups.url(one.rollup, rollups.COORDINATOR, pool.namespace)
        coordinators += ["--coordinator", url, "--token-file", FileOf(token.name)]
        tokens.append(token)
    spec = pool.spec
    return Workload(
        name=f"{pool.name}-{number}",
        role="prover",
        account=pool.name,
        program=Program.PROVER,
        image=running.image(spec.image),
        lifetime=Lifetime.WORKER,
        arguments=(
            *("run", "--backend", spec.backend, *coordinators),
            *("--id", Joined((f"{rollups.pool_id(pool)}.", OwnName())), *signed),
            *("--program-version", str(first.contracts.program_version), "--poll", "0.5"),
            *("--grace", str(spec.drain.grace_period_seconds)),
            *("--metrics-addr", OwnAddress(), "--metrics-port", OwnPort(METRICS.name)),
        ),
        ports=(METRICS,),
        files=(*tokens, *keys),
        cache_claim=spec.cache_volume_claim,
        probes=Probes(METRICS.name),
        resources=running.resources(spec.resources),
        placement=_placement(pool),
        labels=running.labels(spec.placement, spec.metrics),
        annotations=spec.placement.annotations,
        stop_seconds=spec.drain.grace_period_seconds + LEAVING_SECONDS,
    )


def _signed(pool: ProverPool, served: tuple[Served, ...]) -> tuple[tuple[Argument, ...], tuple[File, ...]]:
    """What a proof is signed with and for, and the files that takes. Raises `Unmet`."""
    first = served[0]
    if any(one.contracts.attested_verifier != first.contracts.attested_verifier for one in served):
        raise Unmet(
            "ManySettlements", f"the rollups of a pool of backend {pool.spec.backend} settle by one verifier contract"
        )
    signer = rollups.pool_signer(pool, first.l1)
    where = ("--l1-chain-id", str(first.contracts.l1_chain_id), "--verifier", first.contracts.attested_verifier)
    return ("--key", signer.reference, *where), signer.files


def _token(served: Served, pool: ProverPool) -> IdentityToken:
    return IdentityToken(rollups.audience(served.rollup), pool.name)


def _placement(pool: ProverPool) -> Placement:
    return accelerators.placed(pool.spec.accelerator, running.placement(pool.spec.placement))
