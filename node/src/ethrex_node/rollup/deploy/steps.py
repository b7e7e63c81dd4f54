"""
What a plan comes to: contracts with their addresses, and the steps that bring them about, in order. Pure.

Each step knows from L1 alone whether it is done. So a plan can be run again after a crash at any point, contracts of an
earlier run are adopted, and a plan that has been carried out has nothing left to do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from ethrex_node.config import genesis
from ethrex_node.rollup.deploy import create2
from ethrex_node.rollup.deploy.create2 import Creation, Standing
from ethrex_node.rollup.deploy.errors import Occupied
from ethrex_node.rollup.deploy.plan import (
    ChainPlan,
    CommitteePlan,
    Plan,
    ProofPlan,
    TimelockPlan,
    UpgradePlan,
    VersionPlan,
)
from ethrex_node.rollup.l1.abi import Function
from ethrex_node.rollup.settlement import contracts

INITIALIZE: Final = Function("initialize(address)")
CONNECT_BOTH: Final = Function("connect(address,address)")
CONNECT: Final = Function("connect(address)")
BRIDGE: Final = Function("bridge()", "(address)")
PROPOSER: Final = Function("proposer()", "(address)")
OWNER: Final = Function("owner()", "(address)")
TRANSFER_OWNERSHIP: Final = Function("transferOwnership(address)")
GUARDIAN: Final = Function("guardian()", "(address)")
SET_GUARDIAN: Final = Function("setGuardian(address)")
POLICY: Final = "(uint16,uint8,bool,uint64)"
CURRENT_POLICY: Final = Function("currentPolicy(uint256)", f"(uint32,{POLICY})")
SET_POLICY: Final = Function(f"setPolicy(uint256,{POLICY})")
VERSION_OF: Final = Function("versionOf(uint256,uint32)", "((uint64,uint64,bool,bool))")
REGISTER_VERSION: Final = Function("registerVersion(uint256,uint32,uint64,uint64,uint8[],address[],bytes32[])")
EXPIRE_VERSION: Final = Function("expireVersion(uint256,uint32,uint64)")
REGISTER_SIGNER: Final = Function("registerSigner(uint256,uint32,uint8,address,uint64,bool)")
IS_SIGNER: Final = Function("isSigner(uint256,uint32,uint8,address)", "(bool)")
REGISTER_CHAIN: Final = Function(f"registerChain({contracts.PARAMETERS},bytes32)")
RECORD: Final = Function("record(uint256,uint64)", "((bytes32,uint64,uint64,uint64,uint32,uint32))")
SET_COMMITTER: Final = Function("setCommitter(uint256,address,bool)")

PROXIED: Final = ("OnChainProposer", "CommonBridge", "VerifierRegistry", "AttestedVerifier")
NOBODY: Final = "0x" + bytes(20).hex()


class View(Protocol):
    """L1 at one block."""

    async def has_code(self, address: bytes) -> bool: ...

    async def read(self, to: bytes, function: Function, *arguments: Any) -> tuple[Any, ...] | None:
        """None where no contract answers."""
        ...

    async def would_revert(self, sender: bytes, to: bytes, data: bytes) -> bool: ...


@dataclass(frozen=True, slots=True)
class Step:
    """`name` is said after "to"; `is_owners` where only the contracts' owner may do it."""

    name: str
    to: bytes
    data: bytes
    is_done: Callable[[View], Awaitable[bool]]
    value_wei: int = 0
    is_owners: bool = False


Contract = Creation | Standing


@dataclass(frozen=True, slots=True)
class Contracts:
    """The contracts of a plan; what has a name of its own is reached through its proxy."""

    implementations: tuple[Creation, ...]  # of the proxies that are made
    proposer: Contract
    bridge: Contract
    registry: Contract
    attested_verifier: Contract
    adapters: tuple[tuple[str, bytes, Creation], ...]  # kind, verifier behind it
    timelock: Contract | None
    committees: tuple[tuple[CommitteePlan, Creation], ...]

    @property
    def proxies(self) -> tuple[Contract, ...]:
        """In the order of `PROXIED`."""
        return (self.proposer, self.bridge, self.registry, self.attested_verifier)

    @property
    def every(self) -> tuple[Contract, ...]:
        """In the order in which they are made."""
        adapters = tuple(creation for _, _, creation in self.adapters)
        committees = tuple({creation.address: creation for _, creation in self.committees}.values())
        timelock = (self.timelock,) if self.timelock else ()
        return (*self.implementations, *self.proxies, *adapters, *timelock, *committees)

    def committee(self, chain: ChainPlan) -> bytes | None:
        """Whom L1 asks about a validium's payloads; None for a chain that publishes them."""
        asked = chain.data_committee
        if isinstance(asked, CommitteePlan):
            return next(made.address for its, made in self.committees if its == asked)
        return asked

    @property
    def entries(self) -> Mapping[str, Contract]:
        """What others call, by the names of a deployment's file."""
        found = {
            "proposer": self.proposer,
            "bridge": self.bridge,
            "registry": self.registry,
            "attestedVerifier": self.attested_verifier,
        }
        return found if self.timelock is None else found | {"timelock": self.timelock}

    def adapter(self, kind: str, verifier: bytes) -> bytes:
        return next(made.address for its, behind, made in self.adapters if (its, behind) == (kind, verifier))


def contracts_of(plan: Plan) -> Contracts:
    implementations: tuple[Creation, ...] = ()
    proxies: list[Contract] = []
    timelock: Contract | None = None
    if plan.contracts is not None:
        there = plan.contracts
        addresses = (there.proposer, there.bridge, there.registry, there.attested_verifier)
        proxies += [Standing(f"{name} proxy", address) for name, address in zip(PROXIED, addresses, strict=True)]
        timelock = None if there.timelock is None else Standing("Timelock", there.timelock)
    else:
        implementations = tuple(create2.creation(name, plan.salt) for name in PROXIED)
        initializer = INITIALIZE.call(_text(plan.owner))
        proxies += [create2.proxy(implementation, plan.salt, initializer) for implementation in implementations]
        timelock = None if plan.timelock is None else _timelock(plan.timelock, plan.salt)
    proposer, bridge, registry, attested_verifier = proxies
    committees = tuple(_committees(plan, plan.owner if timelock is None else timelock.address))
    return Contracts(
        *(implementations, proposer, bridge, registry, attested_verifier),
        *(tuple(_adapters(plan)), timelock, committees),
    )


def _timelock(asked: TimelockPlan, salt: bytes) -> Creation:
    proposers, executors = ([_text(one) for one in parties] for parties in (asked.proposers, asked.executors))
    types = ("uint256", "address[]", "address[]")
    return create2.creation("Timelock", salt, types, (asked.delay_seconds, proposers, executors))


def _committees(plan: Plan, owner: bytes) -> Iterator[tuple[CommitteePlan, Creation]]:
    for chain in plan.chains:
        asked = chain.data_committee
        if isinstance(asked, CommitteePlan):
            arguments = (_text(asked.owner or owner), [_text(one) for one in asked.members], asked.threshold)
            yield asked, create2.creation("DataCommittee", plan.salt, ("address", "address[]", "uint256"), arguments)


def _adapters(plan: Plan) -> Iterator[tuple[str, bytes, Creation]]:
    """One a verifier, whatever the number of chains that it serves."""
    seen = set()
    for chain in plan.chains:
        named_by = [
            found
            for version in chain.proofs.versions
            for found in (("sp1", "Sp1Verifier", version.sp1), ("risc0", "Risc0Verifier", version.risc0))
        ]
        for kind, name, named in named_by:
            if named is not None and (kind, named.verifier) not in seen:
                seen.add((kind, named.verifier))
                yield kind, named.verifier, create2.creation(name, plan.salt, ("address",), (_text(named.verifier),))


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain of the plan with the genesis that it starts from; `statement` encodes the batch before its first."""

    plan: ChainPlan
    genesis: genesis.Genesis
    statement: bytes


def steps(plan: Plan, chains: tuple[Chain, ...]) -> list[Step]:
    """In order: a step may need those before it."""
    made = contracts_of(plan)
    found = [_create(one) for one in made.every if isinstance(one, Creation)]
    found += _connections(plan, made)
    for chain in chains:
        found += _chain(plan, made, chain)
    if made.timelock is not None and plan.timelock is not None and plan.timelock.hand_over:
        found += [_hand_over(one, made.timelock) for one in made.proxies]
    return found


def _create(creation: Creation) -> Step:
    async def is_done(view: View) -> bool:
        return await view.has_code(creation.address)

    return Step(f"create the {creation.name}", create2.DEPLOYER, creation.call_data, is_done)


def _connections(plan: Plan, made: Contracts) -> Iterator[Step]:
    proposer, bridge, registry = (_text(one.address) for one in (made.proposer, made.bridge, made.registry))
    both = CONNECT_BOTH.call(proposer, registry)
    yield _when("connect the OnChainProposer", made.proposer, CONNECT_BOTH.call(bridge, registry), BRIDGE, bridge)
    yield _when("connect the CommonBridge", made.bridge, CONNECT.call(proposer), PROPOSER, proposer)
    yield _when("connect the VerifierRegistry", made.registry, CONNECT.call(proposer), PROPOSER, proposer)

    async def is_connected(view: View) -> bool:
        address = made.attested_verifier.address
        return await view.has_code(address) and await view.would_revert(plan.owner, address, both)

    yield Step("connect the AttestedVerifier", made.attested_verifier.address, both, is_connected, is_owners=True)
    if plan.guardian is not None:
        guardian = _text(plan.guardian)
        yield _when("name the guardian", made.proposer, SET_GUARDIAN.call(guardian), GUARDIAN, guardian)


def _when(name: str, of: Contract, data: bytes, asked: Function, wanted: str) -> Step:
    """A step that is done when a view of the contract answers what is wanted."""

    async def is_done(view: View) -> bool:
        return await view.read(of.address, asked) == (wanted,)

    return Step(name, of.address, data, is_done, is_owners=True)


def _chain(plan: Plan, made: Contracts, chain: Chain) -> Iterator[Step]:
    chain_id, proofs = chain.plan.chain_id, chain.plan.proofs
    yield _policy(made, chain_id, proofs)
    for version in proofs.versions:
        yield from _program(made, chain_id, proofs, version)
    yield _registration(plan, made, chain)
    admin = chain.plan.admin or plan.owner
    for committer in chain.plan.committers[1:] if admin == plan.owner else ():
        yield _committer(made, chain_id, committer)


def _policy(made: Contracts, chain_id: int, proofs: ProofPlan) -> Step:
    mask = sum(1 << contracts.KINDS[kind] for kind in proofs.required)
    policy = (mask, proofs.minimum, proofs.require_zk, proofs.execution_delay_seconds)

    async def is_done(view: View) -> bool:
        found = await view.read(made.registry.address, CURRENT_POLICY, chain_id)
        return found is not None and found[1] == policy

    data = SET_POLICY.call(chain_id, policy)
    return Step(f"set the proof policy of chain {chain_id}", made.registry.address, data, is_done, is_owners=True)


def _program(made: Contracts, chain_id: int, proofs: ProofPlan, version: VersionPlan) -> Iterator[Step]:
    """A version with its keys and signers, and its end."""
    yield _version(made, chain_id, proofs, version)
    for kind, signers in (("attested", version.attested_signers), ("tee", version.tee_signers)):
        for signer in signers:
            yield _signer(made, chain_id, proofs, version, kind, signer)
    if version.expires_at:
        yield _expiry(made, chain_id, version)


def _version(made: Contracts, chain_id: int, proofs: ProofPlan, version: VersionPlan) -> Step:
    number = version.program_version
    activation = version.activation_batch if isinstance(version, UpgradePlan) else 0

    async def is_done(view: View) -> bool:
        found = await view.read(made.registry.address, VERSION_OF, chain_id, number)
        if found is None or not found[0][2]:
            return False
        if found[0][0] != activation:
            raise Occupied(
                f"version {number} of chain {chain_id} is registered from batch {found[0][0]} on, the plan has "
                f"{activation}: that is fixed"
            )
        return True

    kinds, verifiers, keys = proofs.kinds_of(version), [], []
    for kind in kinds:
        named = {"sp1": version.sp1, "risc0": version.risc0}.get(kind)
        verifiers.append(made.attested_verifier.address if named is None else made.adapter(kind, named.verifier))
        keys.append(bytes(32) if named is None else named.key)
    data = REGISTER_VERSION.call(
        *(chain_id, number, activation, version.expires_at, [contracts.KINDS[kind] for kind in kinds]),
        *([_text(one) for one in verifiers], keys),
    )
    name = f"register program version {number} of chain {chain_id}"
    return Step(name, made.registry.address, data, is_done, is_owners=True)


def _expiry(made: Contracts, chain_id: int, version: VersionPlan) -> Step:
    number, expires_at = version.program_version, version.expires_at

    async def is_done(view: View) -> bool:
        found = await view.read(made.registry.address, VERSION_OF, chain_id, number)
        return found is not None and found[0][1] == expires_at

    data = EXPIRE_VERSION.call(chain_id, number, expires_at)
    name = f"end program version {number} of chain {chain_id}"
    return Step(name, made.registry.address, data, is_done, is_owners=True)


def _signer(made: Contracts, chain_id: int, proofs: ProofPlan, version: VersionPlan, kind: str, signer: bytes) -> Step:
    which = (chain_id, version.program_version, contracts.KINDS[kind], _text(signer))

    async def is_done(view: View) -> bool:
        return await view.read(made.attested_verifier.address, IS_SIGNER, *which) == (True,)

    data = REGISTER_SIGNER.call(*which, 0, proofs.accept_without_zk)
    program = f"version {version.program_version} of chain {chain_id}"
    name = f"register the {kind} signer {_text(signer)} for {program}"
    return Step(name, made.attested_verifier.address, data, is_done, is_owners=True)


def _registration(plan: Plan, made: Contracts, chain: Chain) -> Step:
    wanted, asked = chain.plan, chain.statement
    committee = made.committee(wanted)
    expected = contracts.hash_of(asked)
    balance = sum(wanted.genesis.balances_wei.values()) if wanted.genesis.file is None else 0

    async def is_done(view: View) -> bool:
        found = await view.read(made.proposer.address, RECORD, wanted.chain_id, 0)
        registered = bytes(32) if found is None else found[0][0]
        if registered not in (bytes(32), expected):
            raise Occupied(
                f"chain {wanted.chain_id} is registered at {_text(made.proposer.address)} with another genesis: "
                f"0x{registered.hex()}, the plan's is 0x{expected.hex()}"
            )
        if registered != expected:
            return False
        status = await view.read(made.proposer.address, contracts.STATUS, wanted.chain_id)
        asks = None if status is None or status[0][4] == contracts.ROLLUP else status[0][5]
        if asks != (None if committee is None else _text(committee)):
            raise Occupied(
                f"chain {wanted.chain_id} is registered with {asks or 'no data committee'}, the plan has "
                f"{'none' if committee is None else _text(committee)}: that is fixed for its life"
            )
        return True

    field = {name: contracts.field_of(asked, name) for name, _ in contracts.BATCH_FIELDS}
    parameters = (
        wanted.chain_id,
        0 if committee is None else 1,
        NOBODY if committee is None else _text(committee),
        NOBODY if wanted.native_token is None else _text(wanted.native_token),
        _text(wanted.admin or plan.owner),
        _text(wanted.committers[0]),
        field["newStateRoot"],
        field["lastBlockHash"],
        contracts.number_of(asked, "lastTimestamp"),
        field["configHash"],
        int(chain.genesis.config["rollup"]["gasLimit"]),
        wanted.inclusion_delay_seconds,
        wanted.takeover_delay_seconds,
        wanted.proof_window_seconds,
        wanted.drain_items,
        wanted.drain_gas,
        wanted.fee_factor,
        balance,
    )
    data = REGISTER_CHAIN.call(parameters, wanted.salt)
    value = 0 if wanted.native_token is not None else balance
    return Step(f"register chain {wanted.chain_id}", made.proposer.address, data, is_done, value, is_owners=True)


def _committer(made: Contracts, chain_id: int, committer: bytes) -> Step:
    which = (chain_id, _text(committer))

    async def is_done(view: View) -> bool:
        return await view.read(made.proposer.address, contracts.IS_COMMITTER, *which) == (True,)

    data = SET_COMMITTER.call(*which, True)
    return Step(f"let {_text(committer)} commit for chain {chain_id}", made.proposer.address, data, is_done)


def _hand_over(proxy: Contract, timelock: Contract) -> Step:
    to = _text(timelock.address)
    return _when(f"give the {proxy.name} to the timelock", proxy, TRANSFER_OWNERSHIP.call(to), OWNER, to)


def _text(address: bytes) -> str:
    return "0x" + address.hex()
