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


class SettlementSpec(Model):
    l1: L1
    mode: Literal["Deploy", "Adopt"] = "Deploy"
    """Adopt takes what stands there already and refuses what it does not know by its code."""
    salt: Hash | None = None
    """What the addresses follow from, with the owner. Left out, it is made of namespace and name."""
    owner: SigningKey | None = None
    """Signs the deployment. May be left out on a dev L1."""
    guardian: Address | None = None
    """May pause."""
    timelock: Timelock | None = None
    allowed_rollups: AllowedRollups = AllowedRollups()
    image: Image = Image()
    paused: bool = False

    rules = (
        Rule("self.l1 == oldSelf.l1", "l1 cannot be changed: the contracts are there", path="l1"),
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
