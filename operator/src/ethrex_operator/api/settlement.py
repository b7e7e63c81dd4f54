"""``EthrexSettlement``: the contracts on L1 that rollups share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .base import Address, Hash, Model, Resource, Rule, Seconds, Url
from .references import ObjectRef, SigningKey
from .running import Image, Labels


class L1(Model):
    """The chain that is settled on: a node of ours, or URLs of others'."""

    ref: ObjectRef | None = None
    """An EthrexL1Node."""
    urls: Annotated[tuple[Url, ...], Field(max_length=8)] = ()
    """JSON-RPC of several nodes: what is acted upon has to be said by more than half."""
    beacon_url: Url | None = None
    """A Beacon API, to read blobs back."""

    rules = (
        Rule(
            "has(self.ref) != (size(self.urls) > 0)",
            "exactly one of ref and urls",
            lambda l1: (l1.ref is not None) != bool(l1.urls),
        ),
    )


class Namespaces(Model):
    source: Literal["Same", "All", "Selector"] = Field(default="Same", alias="from")
    match_labels: Labels = Field(default={})

    rules = (
        Rule(
            "self.from == 'Selector' || size(self.matchLabels) == 0",
            "matchLabels are for from: Selector",
            lambda namespaces: namespaces.source == "Selector" or not namespaces.match_labels,
            "matchLabels",
        ),
    )


class AllowedRollups(Model):
    """Which rollups may attach; they name this object in their turn."""

    namespaces: Namespaces = Namespaces()


class Timelock(Model):
    """Who changes implementations, keys and policies afterwards, and how late."""

    delay_seconds: Seconds = 8 * 86_400
    proposers: Annotated[tuple[Address, ...], Field(min_length=1, max_length=16)]
    executors: Annotated[tuple[Address, ...], Field(min_length=1, max_length=16)]
    hand_over: Literal["WithFirstRollup", "AtOnce", "Held"] = "WithFirstRollup"
    """When the contracts become the timelock's: a rollup that comes later is registered by calls of the timelock. Held: not
    until this is changed, so that the owner registers as many as there shall be."""


class ExistingContracts(Model):
    """Where contracts of ours stand already."""

    proposer: Address
    bridge: Address
    registry: Address
    attested_verifier: Address
    timelock: Address | None = None


class SettlementSpec(Model):
    l1: L1
    mode: Literal["Deploy", "Adopt"] = "Deploy"
    """Adopt takes what stands there already and refuses what it does not know by its code."""
    contracts: ExistingContracts | None = None
    """With Adopt: where they are. Left out, salt and owner say it, as they did when the contracts were made."""
    salt: Hash | None = None
    """What the addresses follow from, with the owner. Left out, it is made of namespace and name."""
    owner: SigningKey | None = None
    """Signs the deployment, registers rollups and administers them. May be left out on a dev L1. Only pods of this object have
    the key."""
    guardian: Address | None = None
    """May pause."""
    timelock: Timelock | None = None
    allowed_rollups: AllowedRollups = AllowedRollups()
    image: Image = Image()
    paused: bool = False

    rules = (
        Rule("self.l1 == oldSelf.l1", "l1 cannot be changed: the contracts are there", path="l1"),
        Rule(
            "self.mode == 'Adopt' || !has(self.contracts)",
            "contracts are named for mode Adopt: Deploy makes its own",
            lambda spec: spec.mode == "Adopt" or spec.contracts is None,
            "contracts",
        ),
        Rule(
            "!has(self.contracts) || (!has(self.salt) && !has(self.timelock))",
            "contracts that are named need no salt and have the timelock that they have",
            lambda spec: spec.contracts is None or (spec.salt is None and spec.timelock is None),
            "contracts",
        ),
        Rule(
            "has(self.contracts) == has(oldSelf.contracts) && "
            "(!has(self.contracts) || self.contracts == oldSelf.contracts)",
            "contracts cannot be changed: rollups settle there",
            path="contracts",
        ),
        Rule(
            "has(self.contracts) || (has(self.owner) == has(oldSelf.owner) && (!has(self.owner) || "
            "(has(self.owner.address) == has(oldSelf.owner.address) && (!has(self.owner.address) || "
            "self.owner.address == oldSelf.owner.address) && has(self.owner.devAccount) == "
            "has(oldSelf.owner.devAccount) && (!has(self.owner.devAccount) || "
            "self.owner.devAccount == oldSelf.owner.devAccount))))",
            "owner cannot become another account: the addresses follow from it",
            path="owner",
        ),
        Rule(
            "!has(oldSelf.timelock) || (has(self.timelock) && "
            "self.timelock.delaySeconds == oldSelf.timelock.delaySeconds && "
            "self.timelock.proposers == oldSelf.timelock.proposers && "
            "self.timelock.executors == oldSelf.timelock.executors)",
            "a timelock stays as it was made: what it owns changes only through it",
            path="timelock",
        ),
        Rule(
            "has(self.salt) == has(oldSelf.salt) && (!has(self.salt) || self.salt == oldSelf.salt)",
            "salt cannot be changed: the addresses follow from it",
            path="salt",
        ),
    )


class EthrexSettlement(Resource):
    """Contracts on L1, for one rollup or many."""

    kind: Literal["EthrexSettlement"]
    spec: SettlementSpec
