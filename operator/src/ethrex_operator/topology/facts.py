"""What has to be known of the world before all workloads of a rollup can be named, and how a deployer's result is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from .workload import Part

ENTRIES: Final = frozenset(("proposer", "bridge", "registry", "attestedVerifier"))


class BadResult(Exception):
    """A deployer wrote something that is not its result."""


@dataclass(frozen=True, slots=True)
class L1:
    """Where a rollup's L1 answers. `dev` is one whose accounts everybody has the keys of."""

    urls: tuple[Part, ...]
    beacon: Part | None
    dev: bool


@dataclass(frozen=True, slots=True)
class Contracts:
    """Where a rollup settles, once it is there."""

    l1_chain_id: int
    proposer: str
    bridge: str
    registry: str
    attested_verifier: str
    timelock: str | None
    deployed_at_block: int
    program_version: int
    implementations: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, result: bytes, chain_id: int) -> Contracts:
        """Out of what `ethrex l2 deploy --result` wrote. Raises `BadResult`."""
        try:
            told = json.loads(result)
            of = next(one for one in told["chains"] if one["chainId"] == chain_id)
            return cls(
                l1_chain_id=int(of["l1ChainId"]),
                proposer=str(of["proposer"]),
                bridge=str(of["bridge"]),
                registry=str(of["registry"]),
                attested_verifier=str(of["attestedVerifier"]),
                timelock=of.get("timelock"),
                deployed_at_block=int(of["deployedAtBlock"]),
                program_version=int(of["programVersion"]),
                implementations={str(name): str(one) for name, one in told.get("implementations", {}).items()},
            )
        except (ValueError, KeyError, TypeError, AttributeError, StopIteration) as error:
            raise BadResult(f"not the result of a deployment of chain {chain_id}: {error!r}") from error


@dataclass(frozen=True, slots=True)
class Shared:
    """The contracts of a settlement, whoever settles there, and what stood behind each proxy when its code was compared."""

    l1_chain_id: int
    addresses: Mapping[str, str]  # by the names of a status: proposer, bridge, registry, attestedVerifier, timelock
    implementations: Mapping[str, str]

    @classmethod
    def read(cls, result: bytes) -> Shared:
        """Out of what `ethrex l2 deploy --verify --result` wrote. Raises `BadResult`."""
        try:
            told = json.loads(result)
            addresses, behind = dict(told["contracts"]), dict(told["implementations"])
            missing = ENTRIES - addresses.keys()
            if missing or not all(isinstance(one, str) for one in (*addresses.values(), *behind.values())):
                raise ValueError(f"no addresses of {', '.join(sorted(missing))}")
            return cls(int(told["l1ChainId"]), addresses, behind)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadResult(f"not the result of a deployment: {error!r}") from error


Signers = Mapping[str, str]  # the addresses that the provers of a pool sign with, by the pool's namespace/name
