"""What has to be known of the world before all workloads of a rollup can be named, and how a deployer's result is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from .workload import Part


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

    @classmethod
    def read(cls, result: bytes, chain_id: int) -> Contracts:
        """Out of what `ethrex l2 deploy --result` wrote. Raises `BadResult`."""
        try:
            chains = json.loads(result)["chains"]
            of = next(one for one in chains if one["chainId"] == chain_id)
            return cls(
                l1_chain_id=int(of["l1ChainId"]),
                proposer=str(of["proposer"]),
                bridge=str(of["bridge"]),
                registry=str(of["registry"]),
                attested_verifier=str(of["attestedVerifier"]),
                timelock=of.get("timelock"),
                deployed_at_block=int(of["deployedAtBlock"]),
                program_version=int(of["programVersion"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError, StopIteration) as error:
            raise BadResult(f"not the result of a deployment of chain {chain_id}: {error!r}") from error


Signers = Mapping[str, str]  # the addresses that the provers of a pool sign with, by the pool's namespace/name
