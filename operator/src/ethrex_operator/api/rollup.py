"""``EthrexRollup``: one chain, with everything that it takes to seal, publish, prove and verify it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .base import Address, ChainId, Model, Resource, Rule, Seconds, Wei
from .l1node import Rpc
from .references import ObjectRef, SigningKey
from .running import Deletion, Image, Metrics, Placement, Resources, Storage, Tracing
from .settlement import L1

Kind = Literal["attested", "tee", "sp1", "risc0"]


class Fees(Model):
    """Where fees go. Without a vault the base fee is burned."""

    recipient: Address | None = None
    """Gets what users offer above the base fee. Left out, the committer."""
    base_fee_vault: Address | None = None
    operator_fee_per_gas_wei: Annotated[int, Field(ge=0, le=10**15)] = 0
    operator_fee_vault: Address | None = None
    data_fee_vault: Address | None = None

    rules = (
        Rule(
            "self.operatorFeePerGasWei == 0 || has(self.operatorFeeVault)",
            "operatorFeePerGasWei needs an operatorFeeVault",
            lambda fees: fees.operator_fee_per_gas_wei == 0 or fees.operator_fee_vault is not None,
            "operatorFeeVault",
        ),
    )


class Genesis(Model):
    """The first block. It cannot be changed: L1 knows its hash."""

    gas_limit: Annotated[int, Field(ge=4_000_000, le=4_000_000_000)] = 30_000_000
    base_fee_wei: Annotated[int, Field(ge=7, le=10**15)] = 10**9
    balances_wei: Annotated[dict[str, Wei], Field(max_length=256)] = Field(default={})
    """By address. On a real L1 this is money that nobody has deposited."""
    fees: Fees = Fees()


class Sequencer(Model):
    block_time_milliseconds: Annotated[int, Field(ge=100, le=3_600_000)] = 1000
    epoch: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    """The time of a sequencer. After `kubectl ethrex handover` it seals again once this is the next one; it only rises."""
    storage: Storage = Storage()
    resources: Resources = Resources()
    placement: Placement = Placement()
    rpc: Rpc = Rpc(namespaces=("eth", "net", "web3", "txpool", "debug", "ethrex"))

    rules = (
        Rule(
            "!has(oldSelf.epoch) || (has(self.epoch) && self.epoch >= oldSelf.epoch)",
            "an epoch that is over never comes back",
            path="epoch",
        ),
    )


class Batching(Model):
    """When a batch ends."""

    end_after_seconds: Annotated[int, Field(ge=1, le=86_400)] = 60
    """With transactions in it."""
    end_after_idle_seconds: Annotated[int, Field(ge=1, le=604_800)] = 600
    gas_limit: Annotated[int, Field(ge=1_000_000, le=10**12)] = 500_000_000
    blobs: Annotated[int, Field(ge=1, le=6)] = 6


class Commit(Model):
    """What L1 may cost."""

    wait_for_cheap_blobs_seconds: Seconds = 0
    cheap_blob_fee_wei: Annotated[int, Field(ge=0, le=10**15)] = 10**9
    max_fee_per_gas_wei: Annotated[int, Field(ge=1, le=10**15)] = 500 * 10**9
    max_fee_per_blob_gas_wei: Annotated[int, Field(ge=1, le=10**15)] = 500 * 10**9


class Policy(Model):
    """What has to be shown of a batch before L1 takes it as true."""

    require: Annotated[tuple[Kind, ...], Field(max_length=4)] = ("attested",)
    minimum: Annotated[int, Field(ge=0, le=4)] = 0
    """So many of any kind, besides."""
    require_zk: bool = Field(default=False, alias="requireZK")

    rules = (
        Rule(
            "size(self.require) > 0 || self.minimum > 0",
            "nothing is required: anybody could settle anything",
            lambda policy: bool(policy.require) or policy.minimum > 0,
        ),
    )


class PoolRef(Model):
    ref: ObjectRef
    fallback_order: Annotated[int, Field(ge=0, le=100)] = 0
    """Pools with a higher one get work when those before them have no capacity."""


class Proving(Model):
    policy: Policy = Policy()
    verify_within_seconds: Annotated[int, Field(ge=60, le=30 * 86_400)] = 3600
    """When a batch is to be verified after it was sealed: the deadline that provers are scaled by."""
    program_version: Annotated[int, Field(ge=1, le=(1 << 32) - 1)] = 1
    pools: Annotated[tuple[PoolRef, ...], Field(max_length=16)] = ()


class Followers(Model):
    replicas: Annotated[int, Field(ge=0, le=32)] = 0
    max_lag_seconds: Annotated[int, Field(ge=1, le=86_400)] = 30
    """Behind by more, one gets no traffic."""
    storage: Storage = Storage()
    resources: Resources = Resources()
    placement: Placement = Placement()
    rpc: Rpc = Rpc(namespaces=("eth", "net", "web3", "ethrex"))


class Keys(Model):
    """Who signs on L1. On a dev L1 they may be left out: dev accounts do."""

    committer: SigningKey | None = None
    settler: SigningKey | None = None
    """Left out, the committer."""


class Alarms(Model):
    forced_inclusion_seconds: Seconds = 3600
    """`ForcedInclusionTimely` is False while something in L1's queue is due within, and no batch on L1 holds it; at the most
    half of `delays.inclusionSeconds`."""
    low_balance_wei: Wei = "100000000000000000"


class Archive(Model):
    """Keeps the blobs, which L1 forgets after some 18 days. It takes them from `l1.beaconUrl`, on a dev L1 from that."""

    enabled: bool = False
    storage: Storage = Storage()
    resources: Resources = Resources()
    placement: Placement = Placement()


class Member(Model):
    """One of a data committee, that runs here."""

    key: SigningKey | None = None
    """Signs that a payload is kept. On a dev L1 it may be left out, by the first four."""


class Committee(Model):
    """Keeps what a validium does not publish. L1 takes a batch with the signatures of `threshold` members."""

    threshold: Annotated[int, Field(ge=1, le=16)]
    members: Annotated[tuple[Member, ...], Field(min_length=1, max_length=16)]
    storage: Storage = Storage()
    """Of each. Nobody else may have what it keeps."""
    resources: Resources = Resources()
    placement: Placement = Placement()

    rules = (
        Rule(
            "self.threshold <= size(self.members)",
            "threshold is above the number of members",
            lambda committee: committee.threshold <= len(committee.members),
            "threshold",
        ),
        Rule(
            "self.threshold == oldSelf.threshold && self.members == oldSelf.members",
            "threshold and members cannot be changed: L1 knows the chain by them",
            path="members",
        ),
    )


class Delays(Model):
    """The clocks on L1 that protect users."""

    inclusion_seconds: Seconds = 86_400
    takeover_seconds: Seconds = 7 * 86_400
    proof_window_seconds: Annotated[int, Field(ge=1, le=1 << 31)] = 3 * 86_400


class RollupSpec(Model):
    l1: L1
    chain_id: ChainId
    settlement: ObjectRef | None = None
    """An EthrexSettlement on the same L1, which allows it. Left out, the rollup has contracts of its own, whose addresses follow
    from its namespace and name."""
    bootstrap: Literal["New", "L1"] = "New"
    """L1: where a volume has no blocks, the state after the last verified batch is rebuilt from what is published there, and the
    chain goes on from it. New may be changed to L1, which is the cure of `DataLost`; a volume that has blocks goes on with them."""
    mode: Literal["Rollup", "Validium"] = "Rollup"
    committee: Committee | None = None
    """Of mode Validium, and only there."""
    native_token: Address | None = None
    """An ERC-20 on L1 that is the coin of the chain."""
    genesis: Genesis = Genesis()
    delays: Delays = Delays()
    image: Image = Image()
    sequencer: Sequencer = Sequencer()
    batching: Batching = Batching()
    commit: Commit = Commit()
    proving: Proving = Proving()
    followers: Followers = Followers()
    keys: Keys = Keys()
    alarms: Alarms = Alarms()
    archive: Archive = Archive()
    metrics: Metrics = Metrics()
    tracing: Tracing = Tracing()
    deletion: Deletion = Deletion()
    paused: bool = False
    """Nothing is changed while it is; the chain goes on."""

    rules = (
        Rule(
            "has(self.committee) == (self.mode == 'Validium')",
            "committee is needed with mode Validium, and only there",
            lambda spec: (spec.committee is not None) == (spec.mode == "Validium"),
            "committee",
        ),
        Rule(
            "!self.archive.enabled || self.mode == 'Rollup'",
            "a validium publishes no blobs: its committee keeps the data",
            lambda spec: not spec.archive.enabled or spec.mode == "Rollup",
            "archive.enabled",
        ),
        Rule(
            "!self.archive.enabled || has(self.l1.ref) || has(self.l1.beaconUrl)",
            "an archive needs l1.beaconUrl: blobs come from there",
            lambda spec: not spec.archive.enabled or spec.l1.ref is not None or spec.l1.beacon_url is not None,
            "l1.beaconUrl",
        ),
        Rule(
            "self.bootstrap == 'New' || has(self.sequencer.epoch)",
            "bootstrap L1 needs sequencer.epoch, one above the highest that the chain has had: L1 knows none",
            lambda spec: spec.bootstrap == "New" or spec.sequencer.epoch is not None,
            "sequencer.epoch",
        ),
        Rule(
            "self.bootstrap == oldSelf.bootstrap || self.bootstrap == 'L1'",
            "bootstrap cannot go back to New: the chain is on L1, and its data may begin there",
            path="bootstrap",
        ),
        *(
            Rule(f"self.{name} == oldSelf.{name}", f"{name} cannot be changed: L1 knows the chain by it", path=name)
            for name in ("l1", "chainId", "mode", "genesis")
        ),
        *(
            Rule(
                f"has(self.{name}) == has(oldSelf.{name}) && (!has(self.{name}) || self.{name} == oldSelf.{name})",
                f"{name} cannot be changed: the chain's money is there",
                path=name,
            )
            for name in ("nativeToken", "settlement")
        ),
    )


class EthrexRollup(Resource):
    """A rollup: sequencer, publishing, proofs, followers."""

    kind: Literal["EthrexRollup"]
    spec: RollupSpec
