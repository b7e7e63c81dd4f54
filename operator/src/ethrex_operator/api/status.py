"""What is told back. Every list is bounded; heights and rates are metrics."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Part(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, use_attribute_docstrings=True, frozen=True
    )


class ConditionStatus(Part):
    type: Annotated[str, Field(max_length=64)]
    status: Literal["True", "False", "Unknown"]
    reason: Annotated[str, Field(max_length=128)]
    message: Annotated[str, Field(max_length=1024)] = ""
    observed_generation: int = 0
    last_transition_time: Annotated[str, Field(max_length=64)]


Conditions = Annotated[
    tuple[ConditionStatus, ...],
    Field(max_length=24, json_schema_extra={"x-kubernetes-list-map-keys": ["type"]}),
]


class Status(Part):
    observed_generation: int | None = None
    conditions: Conditions | None = None


class Endpoints(Part):
    rpc: Annotated[str, Field(max_length=512)] | None = None


class ContractsStatus(Part):
    """Where the contracts are on L1."""

    l1_chain_id: int
    proposer: str
    bridge: str
    registry: str
    attested_verifier: str
    timelock: str | None = None
    deployed_at_block: int | None = None
    implementations: Annotated[dict[str, str], Field(max_length=8)] | None = None
    """What stood behind each proxy when the code was last compared."""


class L1NodeStatus(Status):
    endpoints: Endpoints | None = None


class SettlementStatus(Status):
    contracts: ContractsStatus | None = None
    deployer: Annotated[str, Field(max_length=63)] | None = None
    """The Job that `contracts` are the result of."""
    rollups: Annotated[tuple[Annotated[str, Field(max_length=81)], ...], Field(max_length=128)] | None = None
    """Namespace and name of those that settle here, as many as fit."""


class RollupStatus(Status):
    chain_id: int | None = None
    """Of the chain that the contracts were recorded for."""
    contracts: ContractsStatus | None = None
    deployer: Annotated[str, Field(max_length=63)] | None = None
    """The Job that `contracts` are the result of."""
    endpoints: Endpoints | None = None


class PoolStatus(Status):
    replicas: int | None = None
    ready_replicas: int | None = None
    desired_replicas: int | None = None
    selector: Annotated[str, Field(max_length=512)] | None = None


OF: Final[dict[str, type[Status]]] = {
    "EthrexL1Node": L1NodeStatus,
    "EthrexSettlement": SettlementStatus,
    "EthrexRollup": RollupStatus,
    "ProverPool": PoolStatus,
}
