"""``ProverPool``: provers of one backend, that serve the rollups that name them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .base import Key, Model, Money, Resource, Rule, Seconds
from .references import SigningKey
from .running import Image, Metrics, Placement, Resources
from .settlement import AllowedRollups

Profile = Literal[
    "none",
    "nvidia-gpu",
    "nvidia-mig",
    "gke-tdx",
    "gke-snp",
    "aks-cvm",
    "kata-tdx",
    "kata-snp",
    "kata-gpu-tdx",
    "kata-gpu-snp",
]


class Accelerator(Model):
    """The device that a prover has: what it asks of a node, by a profile with room for what is special."""

    profile: Profile = "none"
    count: Annotated[int, Field(ge=1, le=16)] = 1
    resource_name: Annotated[str, Field(max_length=253)] | None = None
    """Instead of the profile's, such as nvidia.com/mig-1g.10gb."""


class Scaling(Model):
    mode: Literal["Planner", "External", "Fixed"] = "Planner"
    """Planner: by work, deadlines and money. External: whoever writes spec.replicas, an HPA or KEDA. Fixed: you."""
    min: Annotated[int, Field(ge=0, le=1000)] = 0
    max: Annotated[int, Field(ge=0, le=1000)] = 4
    warm_floor: Annotated[int, Field(ge=0, le=1000)] = 0
    """So many stay while a rollup is attached, whether there is work or not."""
    scale_up_delay_seconds: Seconds = 0
    scale_down_delay_seconds: Seconds = 0
    pause_scale_up: bool = False
    pause_scale_down: bool = False

    rules = (
        Rule("self.min <= self.max", "min is above max", lambda scaling: scaling.min <= scaling.max, "min"),
        Rule(
            "self.warmFloor <= self.max",
            "warmFloor is above max",
            lambda scaling: scaling.warm_floor <= scaling.max,
            "warmFloor",
        ),
    )


class Cost(Model):
    """Left out, capacity is free."""

    price_per_hour: Money | None = None
    """Of one prover."""
    budget_per_day: Money | None = None

    rules = (
        Rule(
            "!has(self.budgetPerDay) || has(self.pricePerHour)",
            "budgetPerDay needs pricePerHour",
            lambda cost: cost.budget_per_day is None or cost.price_per_hour is not None,
            "pricePerHour",
        ),
    )


class Fairness(Model):
    default_weight: Annotated[int, Field(ge=1, le=1000)] = 1
    max_share_percent: Annotated[int, Field(ge=1, le=100)] = 100


class Drain(Model):
    grace_period_seconds: Annotated[int, Field(ge=1, le=86_400)] = 600
    """How long a prover may go on with the job in hand when it is told to leave."""


class PoolSpec(Model):
    backend: Literal["attested", "tee", "sp1", "risc0"] = "attested"
    image: Image = Image()
    signer: SigningKey | None = None
    """Of an attested or TEE backend: what L1 knows the proofs by. May be left out on a dev L1."""
    allowed_rollups: AllowedRollups = AllowedRollups()
    accelerator: Accelerator = Accelerator()
    scaling: Scaling = Scaling()
    replicas: Annotated[int, Field(ge=0, le=1000)] | None = None
    """Of modes External and Fixed."""
    cost: Cost = Cost()
    fairness: Fairness = Fairness()
    drain: Drain = Drain()
    cache_volume_claim: Key | None = None
    """A claim in the same namespace with proving keys and circuits, that every prover has read-only at ``/cache``."""
    resources: Resources = Resources()
    placement: Placement = Placement()
    metrics: Metrics = Metrics()
    paused: bool = False

    rules = (
        Rule(
            "has(self.replicas) == (self.scaling.mode != 'Planner')",
            "replicas is needed with scaling.mode External or Fixed, and only there",
            lambda spec: (spec.replicas is not None) == (spec.scaling.mode != "Planner"),
            "replicas",
        ),
        Rule("self.backend == oldSelf.backend", "backend cannot be changed: make another pool", path="backend"),
    )


class ProverPool(Resource):
    """Provers of one kind."""

    kind: Literal["ProverPool"]
    spec: PoolSpec
