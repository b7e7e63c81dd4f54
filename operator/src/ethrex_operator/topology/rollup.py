"""
An `EthrexRollup` as workloads: the deployer that registers it, sequencer, followers; what keeps its data has modules of its own
(`archive`, `committee`).

The sequencer's process has the roles watcher, committer, coordinator and settler in it. Before each start it writes the
chain's deployment file from L1, which has to be as the plan says; so nothing is handed from the deployer to it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from ..api.pool import ProverPool
from ..api.rollup import EthrexRollup
from . import archive, bootstrap, committee, dev_accounts, l1, running, settlement, signing
from .errors import Unmet
from .facts import L1
from .settlement import Settlement
from .signing import Signer
from .workload import (
    Admission,
    Argument,
    Door,
    File,
    Guest,
    Guests,
    InVolume,
    Lifetime,
    OwnAddress,
    OwnPort,
    Port,
    Probes,
    Program,
    Reach,
    Text,
    UrlOf,
    Workload,
)

RPC: Final = Port(l1.RPC.name, 1729, Reach.PUBLIC)
COORDINATOR: Final = Port("coordinator", 3900, Reach.PROVERS)
METRICS: Final = running.METRICS
DATA: Final = "data"
GUESTS: Final = "guests"
ADMISSION: Final = "--proof-coordinator."
SEQUENCER: Final = "sequencer"
FOLLOWER: Final = "follower"
STOP_SECONDS: Final = 60
POOL_ID_CHARACTERS: Final = 128 - 1 - 63  # what a coordinator takes as an id, without a dot and a pod's name
POOL_HASH_CHARACTERS: Final = 16


@dataclass(frozen=True, slots=True)
class Operator:
    """Whoever counts jobs and cordons provers: a service account."""

    namespace: str
    account: str = "ethrex-operator"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A rollup with all that it refers to, resolved."""

    rollup: EthrexRollup
    l1: L1
    settlement: Settlement
    pools: tuple[ProverPool, ...]
    operator: Operator


def registrar(wanted: Wanted, at: L1) -> Workload:
    """The deployer that brings the chain to L1. `at` is the L1 as seen from where it runs. Raises `Unmet`."""
    return settlement.registrar(wanted.rollup, wanted.settlement, at, _registered(wanted))


def workloads(wanted: Wanted) -> tuple[Workload, ...]:
    """The chain, once its contracts are there: the sequencer first. Raises `Unmet`."""
    planned = settlement.plan(wanted.settlement, (_registered(wanted),), hand_over=False)
    rollup, at = wanted.rollup, wanted.l1
    followers = (_follower(wanted, planned, number) for number in range(rollup.spec.followers.replicas))
    return (
        _sequencer(wanted, _keys(rollup, at), planned),
        *followers,
        *archive.workloads(rollup, at, planned),
        *committee.workloads(rollup, at, planned, sequencer_name(rollup)),
    )


def door(rollup: EthrexRollup) -> Door:
    """Where users come: to the followers that keep up, and where there are none to the sequencer."""
    return Door(f"{rollup.name}-rpc", FOLLOWER if rollup.spec.followers.replicas else SEQUENCER, RPC)


def spared(rollup: EthrexRollup) -> tuple[str, ...]:
    """Roles of which a drain takes one pod at a time: those that stand in for each other. One alone could only hold it up."""
    return (FOLLOWER,) if rollup.spec.followers.replicas > 1 else ()


def _registered(wanted: Wanted) -> dict[str, Any]:
    """As a plan has it. Raises `Unmet`."""
    signers = tuple(pool_signer(pool, wanted.l1).address for pool in wanted.pools if pool.spec.backend == "attested")
    if "attested" in wanted.rollup.spec.proving.policy.require and not signers:
        raise Unmet(
            "NoProvers", "spec.proving.policy asks for attested proofs and spec.proving.pools names no such pool"
        )
    members = committee.planned(wanted.rollup, wanted.l1)
    return settlement.chain(wanted.rollup, _keys(wanted.rollup, wanted.l1).committer.address, signers, members)


def sequencer_name(rollup: EthrexRollup) -> str:
    return f"{rollup.name}-sequencer"


def l1_id(rollup: EthrexRollup) -> object:
    """Which L1 it settles on."""
    return settlement.l1_id(rollup.spec.l1, rollup.namespace)


def audience(rollup: EthrexRollup) -> str:
    """What tokens for the coordinator of a rollup are made for."""
    return audience_of(rollup.namespace, rollup.name)


def audience_of(namespace: str, name: str) -> str:
    return f"rollup.{namespace}.{name}.ethrex.dev"


def pool_id(pool: ProverPool) -> str:
    """
    What coordinators call it: pools of many namespaces come to one. Its provers' ids begin with it and end with a pod's name, and
    coordinators take 128 characters: what would be longer ends with a hash instead.
    """
    whole = f"{pool.namespace}.{pool.name}"
    if len(whole) <= POOL_ID_CHARACTERS:
        return whole
    its = hashlib.sha256(whole.encode()).hexdigest()[:POOL_HASH_CHARACTERS]
    return f"{whole[: POOL_ID_CHARACTERS - len(its) - 1]}-{its}"


def pool_signer(pool: ProverPool, at: L1) -> Signer:
    """What the proofs of a pool are signed with. Raises `Unmet`."""
    return signing.signer(pool.spec.signer, "signer", dev=at.dev, default=dev_accounts.PROVER, path="spec.signer")


@dataclass(frozen=True, slots=True)
class _Keys:
    committer: Signer
    settler: Signer


def _keys(rollup: EthrexRollup, at: L1) -> _Keys:
    asked, dev = rollup.spec.keys, at.dev
    committer = signing.signer(
        asked.committer, "committer", dev=dev, default=dev_accounts.COMMITTER, path="spec.keys.committer"
    )
    if asked.settler is None and not dev:
        return _Keys(committer, committer)
    settler = signing.signer(asked.settler, "settler", dev=dev, default=dev_accounts.SETTLER, path="spec.keys.settler")
    return _Keys(committer, settler)


def _sequencer(wanted: Wanted, keys: _Keys, planned: str) -> Workload:
    rollup, spec = wanted.rollup, wanted.rollup.spec
    name = sequencer_name(rollup)
    files = (
        File(settlement.PLAN, Text(planned)),
        File(GUESTS, Guests(audience(rollup), _guests(wanted))),
        *keys.committer.files,
        *(keys.settler.files if keys.settler is not keys.committer else ()),
        *committee.token(rollup, name),
    )
    return Workload(
        name=name,
        role=SEQUENCER,
        account=name,
        program=Program.NODE,
        image=running.image(spec.image),
        lifetime=Lifetime.SERVICE,
        arguments=_sequencer_arguments(wanted, keys),
        before=(settlement.record(wanted.l1, DATA), *bootstrap.before(rollup, wanted.l1, DATA)),
        ports=(RPC, COORDINATOR, METRICS),
        files=files,
        volumes=(running.volume(DATA, spec.sequencer.storage),),
        probes=Probes(METRICS.name),
        resources=running.resources(spec.sequencer.resources),
        placement=running.placement(spec.sequencer.placement),
        labels=running.labels(spec.sequencer.placement, spec.metrics),
        annotations=spec.sequencer.placement.annotations,
        stop_seconds=STOP_SECONDS,
    )


def _follower(wanted: Wanted, planned: str, number: int) -> Workload:
    rollup, spec = wanted.rollup, wanted.rollup.spec
    asked = spec.followers
    name = f"{rollup.name}-follower-{number}"
    return Workload(
        name=name,
        role=FOLLOWER,
        account=f"{rollup.name}-follower",
        program=Program.NODE,
        image=running.image(spec.image),
        lifetime=Lifetime.SERVICE,
        arguments=(
            *("l2", "follow", "--deployment", settlement.recorded(rollup, DATA)),
            *("--datadir", InVolume(DATA, bootstrap.CHAIN), *bootstrap.arguments(rollup, DATA), *l1.rpc(asked.rpc)),
            *("--eth.rpc-url", settlement.listed(wanted.l1), "--follow.tag", _tag(wanted)),
            *("--sequencer", UrlOf(sequencer_name(rollup), RPC.name), "--follow.max-lag", str(asked.max_lag_seconds)),
            *running.metrics(),
            *running.tracing(spec.tracing),
        ),
        before=(settlement.record(wanted.l1, DATA), *bootstrap.before(rollup, wanted.l1, DATA)),
        ports=(RPC, METRICS),
        files=(File(settlement.PLAN, Text(planned)),),
        volumes=(running.volume(DATA, asked.storage),),
        probes=Probes(METRICS.name),
        resources=running.resources(asked.resources),
        placement=running.placement(asked.placement),
        labels=running.labels(asked.placement, spec.metrics),
        annotations=asked.placement.annotations,
        stop_seconds=STOP_SECONDS,
    )


def _tag(wanted: Wanted) -> str:
    """The head of L1 that is believed. A dev chain takes nothing back."""
    return "latest" if wanted.l1.dev else "safe"


def _sequencer_arguments(wanted: Wanted, keys: _Keys) -> tuple[Argument, ...]:
    spec = wanted.rollup.spec
    kinds = spec.proving.policy.require
    return (
        *("l2", "sequencer", "--deployment", settlement.recorded(wanted.rollup, DATA)),
        *(
            "--datadir",
            InVolume(DATA, bootstrap.CHAIN),
            *bootstrap.arguments(wanted.rollup, DATA),
            *l1.rpc(spec.sequencer.rpc),
        ),
        *("--eth.rpc-url", settlement.listed(wanted.l1), "--watcher.tag", _tag(wanted)),
        *("--eth.max-fee-per-gas", str(spec.commit.max_fee_per_gas_wei)),
        *("--eth.max-fee-per-blob-gas", str(spec.commit.max_fee_per_blob_gas_wei)),
        *("--eth.low-balance", spec.alarms.low_balance_wei),
        *(("--epoch", str(spec.sequencer.epoch)) if spec.sequencer.epoch is not None else ()),
        *("--block-producer.block-time", f"{spec.sequencer.block_time_milliseconds / 1000:g}"),
        *("--committer.key", keys.committer.reference, "--settler.key", keys.settler.reference),
        *("--committer.commit-time", str(spec.batching.end_after_seconds)),
        *("--committer.idle-time", str(spec.batching.end_after_idle_seconds)),
        *("--committer.batch-gas-limit", str(spec.batching.gas_limit), "--committer.blobs", str(spec.batching.blobs)),
        *("--committer.wait", str(spec.commit.wait_for_cheap_blobs_seconds)),
        *("--committer.cheap-blob-fee", str(spec.commit.cheap_blob_fee_wei)),
        *(("--proof-coordinator.kinds", ",".join(kinds)) if kinds else ()),
        *("--proof-coordinator.addr", OwnAddress(), "--proof-coordinator.port", OwnPort(COORDINATOR.name)),
        *("--proof-coordinator.prove-within", str(spec.proving.verify_within_seconds), Admission(GUESTS, ADMISSION)),
        *committee.arguments(wanted.rollup),
        *running.metrics(),
        *running.tracing(spec.tracing),
    )


def _guests(wanted: Wanted) -> tuple[Guest, ...]:
    """Provers of the pools that are attached, and the operator, which counts jobs and cordons provers."""
    provers = (Guest("prover", pool_id(pool), pool.name, pool.namespace, pool_id(pool)) for pool in wanted.pools)
    return (*provers, Guest("operator", "operator", wanted.operator.account, wanted.operator.namespace))


def url(rollup: EthrexRollup, port: Port, namespace: str) -> UrlOf:
    """As who is in `namespace` reaches it."""
    where = None if rollup.namespace == namespace else rollup.namespace
    return UrlOf(sequencer_name(rollup), port.name, where)


def signers(rollup: EthrexRollup, at: L1) -> frozenset[str]:
    """The accounts on L1 that spend nonces for this rollup. Raises `Unmet`."""
    keys = _keys(rollup, at)
    return frozenset((keys.committer.address, keys.settler.address))
