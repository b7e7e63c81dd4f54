"""
The plan of a deployment: which contracts, whose, and which chains settle through them.

One file says all of it, so that the same file can be run again: after a crash, to add a chain, or by somebody who only
wants to know the addresses. Addresses follow from salt and owner alone.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Discriminator, Field, Tag, ValidationError, model_validator

from ethrex_node.config import errors as config_errors
from ethrex_node.config import genesis, plain_json
from ethrex_node.rollup import genesis as rollup_genesis
from ethrex_node.rollup.deploy.errors import PlanInvalid
from ethrex_node.rollup.deploy.fields import Address, ChainId, File, Hash, Party, Seconds

Kind = Literal["attested", "tee", "sp1", "risc0"]
KINDS: Final[tuple[Kind, ...]] = ("attested", "tee", "sp1", "risc0")
DAY: Final = 86_400
SIGNED: Final = ("attested", "tee")


class GenesisPlan(File):
    """The first state: a genesis file beside the plan, or what to make one of."""

    file: Path | None = None
    timestamp: Seconds = 0
    base_fee_wei: Annotated[int, Field(ge=7)] = 10**9
    balances_wei: dict[str, Annotated[int, Field(ge=0)]] = Field(default={})
    gas_limit: Annotated[int, Field(ge=4_000_000, lt=1 << 63)] = 30_000_000
    fee_recipient: Address = bytes(20)
    base_fee_vault: Address | None = None
    operator_fee_per_gas_wei: Annotated[int, Field(ge=0, lt=1 << 63)] = 0
    operator_fee_vault: Address | None = None
    data_fee_vault: Address | None = None


class ZeroKnowledge(File):
    """A verifier contract on L1 that is there already, and the program's key."""

    verifier: Party
    key: Hash


class VersionPlan(File):
    """
    A version of the program, who signs for it and its keys. No batch with it is committed from `expires_at` on, in seconds
    of L1; 0 is never.
    """

    program_version: Annotated[int, Field(ge=1, lt=1 << 32)] = 1
    expires_at: Seconds = 0
    attested_signers: Annotated[tuple[Party, ...], Field(max_length=64)] = ()
    tee_signers: Annotated[tuple[Party, ...], Field(max_length=64)] = ()
    sp1: ZeroKnowledge | None = None
    risc0: ZeroKnowledge | None = None

    @property
    def has_verifiers(self) -> tuple[Kind, ...]:
        """The kinds that somebody signs for, or that have a key."""
        found = (self.attested_signers, self.tee_signers, self.sp1, self.risc0)
        return tuple(kind for kind, named in zip(KINDS, found, strict=True) if named)


class UpgradePlan(VersionPlan):
    """A version after the first one: the chain's batches are made of it from `activation_batch` on."""

    activation_batch: Annotated[int, Field(ge=1, lt=1 << 64)]


class ProofPlan(VersionPlan):
    """What has to be shown of a batch, and by whom; for the first version of the program, and for those after it."""

    required: tuple[Kind, ...] = ("attested",)
    minimum: Annotated[int, Field(ge=0, le=4)] = 0
    require_zk: bool = False
    execution_delay_seconds: Seconds = 0
    accept_without_zk: bool = False
    upgrades: Annotated[tuple[UpgradePlan, ...], Field(max_length=16)] = ()

    @property
    def versions(self) -> tuple[VersionPlan, ...]:
        return (self, *self.upgrades)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Every kind that the first version gets a verifier for."""
        return self.kinds_of(self)

    def kinds_of(self, version: VersionPlan) -> tuple[Kind, ...]:
        """Every kind that a version gets a verifier for."""
        return tuple(kind for kind in KINDS if kind in version.has_verifiers or kind in self.required)

    @model_validator(mode="after")
    def _versions_rise(self) -> ProofPlan:
        numbers = [one.program_version for one in self.versions]
        begin = [one.activation_batch for one in self.upgrades]
        if numbers != sorted(set(numbers)) or begin != sorted(set(begin)):
            raise ValueError("upgrades follow each other: versions and the batches that they begin with have to rise")
        return self

    @model_validator(mode="after")
    def _can_be_met(self) -> ProofPlan:
        for version in self.versions:
            missing = [kind for kind in self.required if kind not in SIGNED and getattr(version, kind) is None]
            if missing:
                number = version.program_version
                raise ValueError(f"{missing[0]} is required and has no verifier and key in version {number}")
        if not self.required and not self.minimum:
            raise ValueError("nothing is required: anybody could settle anything")
        if self.minimum > len(self.kinds):
            raise ValueError(f"{self.minimum} proofs are asked for, {len(self.kinds)} kinds have a verifier")
        return self


class CommitteePlan(File):
    """A data committee that is to be made. `owner` changes members; without one it is whoever owns the contracts."""

    members: Annotated[tuple[Party, ...], Field(min_length=1, max_length=32)]
    threshold: Annotated[int, Field(ge=1)]
    owner: Party | None = None

    @model_validator(mode="after")
    def _can_be_met(self) -> CommitteePlan:
        if len(set(self.members)) < len(self.members):
            raise ValueError("a member is named twice")
        if self.threshold > len(self.members):
            raise ValueError(f"{self.threshold} signatures are asked for, there are {len(self.members)} members")
        return self


def _how_named(value: Any) -> str:
    return "made" if isinstance(value, dict | CommitteePlan) else "there"


DataCommittee = Annotated[
    Annotated[Party, Tag("there")] | Annotated[CommitteePlan, Tag("made")], Discriminator(_how_named)
]


class ChainPlan(File):
    """One rollup, as it is registered on L1."""

    chain_id: ChainId
    salt: Hash = bytes(32)
    admin: Party | None = None
    committers: Annotated[tuple[Party, ...], Field(min_length=1, max_length=16)]
    native_token: Party | None = None
    data_committee: DataCommittee | None = None
    genesis: GenesisPlan = GenesisPlan()
    proofs: ProofPlan = ProofPlan()
    inclusion_delay_seconds: Seconds = DAY
    takeover_delay_seconds: Seconds = 7 * DAY
    proof_window_seconds: Annotated[Seconds, Field(ge=1)] = 3 * DAY
    drain_items: Annotated[int, Field(ge=1, lt=1 << 32)] = 10
    drain_gas: Annotated[int, Field(ge=1, lt=1 << 63)] = 5_000_000
    fee_factor: Annotated[int, Field(ge=1, lt=1 << 32)] = 4


class TimelockPlan(File):
    """Without `hand_over` it is made, and the contracts stay with the owner for now."""

    delay_seconds: Seconds = 8 * DAY
    proposers: Annotated[tuple[Party, ...], Field(min_length=1)]
    executors: Annotated[tuple[Party, ...], Field(min_length=1)]
    hand_over: bool = True


class ContractsPlan(File):
    """Contracts that stand on L1 already, wherever they are."""

    proposer: Party
    bridge: Party
    registry: Party
    attested_verifier: Party
    timelock: Party | None = None


class Plan(File):
    """
    `owner` signs the deployment, and owns it unless a timelock does afterwards. Where `contracts` are named none are made:
    chains are registered with those.
    """

    salt: Hash
    owner: Party
    contracts: ContractsPlan | None = None
    guardian: Party | None = None
    timelock: TimelockPlan | None = None
    chains: Annotated[tuple[ChainPlan, ...], Field(max_length=64)] = ()

    @model_validator(mode="after")
    def _one_timelock(self) -> Plan:
        if self.contracts is not None and self.timelock is not None:
            raise ValueError("contracts that are there have the timelock that they have: contracts.timelock names it")
        return self

    @model_validator(mode="after")
    def _chains_differ(self) -> Plan:
        seen: set[int] = set()
        for chain in self.chains:
            if chain.chain_id in seen:
                raise ValueError(f"chain {chain.chain_id} is planned twice")
            seen.add(chain.chain_id)
        return self


def load(path: Path) -> Plan:
    """A JSON file, or TOML by its suffix. Raises `PlanInvalid` with every problem."""
    try:
        raw = path.read_bytes()
        given = tomllib.loads(raw.decode()) if path.suffix == ".toml" else plain_json.decode(raw)
    except OSError as error:
        raise PlanInvalid(path, [f"cannot be read: {error.strerror}"]) from error
    except (ValueError, RecursionError) as error:
        raise PlanInvalid(path, [str(error)]) from error
    return read(given, path)


def read(given: Any, path: Path) -> Plan:
    """A plan from data; `path` is what its relative paths start from, and what messages name. Raises `PlanInvalid`."""
    try:
        return Plan.model_validate(given)
    except ValidationError as error:
        raise PlanInvalid(path, [_told(one) for one in error.errors()]) from error


def _told(problem: Any) -> str:
    where = ".".join(str(part) for part in problem["loc"])
    return f"{where}: {problem['msg']}" if where else str(problem["msg"])


def genesis_of(chain: ChainPlan, path: Path) -> genesis.Genesis:
    """The genesis that a chain of the plan in the file `path` starts with. Raises `PlanInvalid`."""
    asked = chain.genesis
    try:
        if asked.file is not None:
            found = genesis.load(path.parent / asked.file)
        else:
            balances = {_address(text): wei for text, wei in asked.balances_wei.items()}
            made = rollup_genesis.rollup_genesis(
                chain.chain_id, _rules(chain), balances, timestamp=asked.timestamp, base_fee_wei=asked.base_fee_wei
            )
            found = genesis.check(made, f"the genesis of chain {chain.chain_id}")
    except (config_errors.GenesisInvalid, ValueError) as error:
        raise PlanInvalid(path, [f"chains.{chain.chain_id}.genesis: {error}"]) from error
    if "rollup" not in found.config:
        raise PlanInvalid(path, [f"chains.{chain.chain_id}.genesis: config.rollup is missing, it is no rollup's"])
    if found.chain_id != chain.chain_id:
        raise PlanInvalid(path, [f"chains.{chain.chain_id}.genesis: it is that of chain {found.chain_id}"])
    return found


def _address(text: str) -> bytes:
    if len(text) != 42 or not text.startswith("0x"):
        raise ValueError(f"{text!r:.60} is not an address")
    return bytes.fromhex(text[2:])


def _rules(chain: ChainPlan) -> dict[str, Any]:
    asked = chain.genesis
    rules: dict[str, Any] = {"gasLimit": asked.gas_limit, "feeRecipient": f"0x{asked.fee_recipient.hex()}"}
    if asked.operator_fee_per_gas_wei:
        rules["operatorFeePerGas"] = asked.operator_fee_per_gas_wei
    vaults = {
        "baseFeeVault": asked.base_fee_vault,
        "operatorFeeVault": asked.operator_fee_vault,
        "dataFeeVault": asked.data_fee_vault,
        "nativeToken": chain.native_token,
    }
    return rules | {name: f"0x{address.hex()}" for name, address in vaults.items() if address is not None}
