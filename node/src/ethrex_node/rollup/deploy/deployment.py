"""
The file that a deployment leaves behind for each chain: where its contracts are, and what it starts from.

It holds nothing that L1 does not know; whoever lost it runs the plan again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from ethrex_node import _native
from ethrex_node.config import plain_json
from ethrex_node.config.genesis import Genesis
from ethrex_node.rollup.deploy.errors import PlanInvalid
from ethrex_node.rollup.deploy.fields import Address, ChainId, File, Hash
from ethrex_node.rollup.settlement import contracts


class Deployment(File):
    """
    `genesis` is a file beside this one. A validium has a `data_committee`. `program_version` is the first that the plan
    has, `upgrades` are those after it.
    """

    l1_chain_id: ChainId
    chain_id: ChainId
    proposer: Address
    bridge: Address
    registry: Address
    attested_verifier: Address
    timelock: Address | None = None
    data_committee: Address | None = None
    deployed_at_block: Annotated[int, Field(ge=0)]
    salt: Hash
    program_version: Annotated[int, Field(ge=1)]
    upgrades: tuple[Annotated[int, Field(ge=1)], ...] = ()
    proof_kinds: tuple[str, ...]
    genesis: Path

    @property
    def addresses(self) -> contracts.Addresses:
        return contracts.Addresses(
            self.chain_id, self.proposer, self.bridge, self.attested_verifier, self.deployed_at_block
        )

    def statement(self, first: Genesis) -> bytes:
        """The encoding of the batch before the first."""
        return _native.genesis_batch(first.json, l1_chain_id=self.l1_chain_id, proposer=self.proposer, salt=self.salt)


def load(path: Path) -> Deployment:
    """With `genesis` as a path that can be opened from here. Raises `PlanInvalid`."""
    try:
        found = Deployment.model_validate(plain_json.decode(path.read_bytes()))
    except OSError as error:
        raise PlanInvalid(path, [f"cannot be read: {error.strerror}"]) from error
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise PlanInvalid(path, problems) from error
    except ValueError as error:
        raise PlanInvalid(path, [str(error)]) from error
    return found.model_copy(update={"genesis": path.parent / found.genesis})


def write(folder: Path, deployment: Deployment, first: Genesis) -> Path:
    """Both files, whole or not at all. Gives the path of the deployment's."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{deployment.chain_id}.json"
    beside = deployment.model_copy(update={"genesis": Path(f"{deployment.chain_id}.genesis.json")})
    _replace(folder / beside.genesis, first.json)
    _replace(path, beside.model_dump_json(by_alias=True, indent=2, exclude_none=True).encode() + b"\n")
    return path


def _replace(path: Path, content: bytes) -> None:
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    part.replace(path)
