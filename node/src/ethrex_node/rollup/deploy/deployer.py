"""
Carry a plan out: ask L1 what is left, try it there without sending, send it, and look that it had its effect.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ethrex_node import _native
from ethrex_node.rollup.deploy import create2, deployment, plan, steps
from ethrex_node.rollup.deploy.errors import DeployError, NotOwner, Preflight, StepFailed
from ethrex_node.rollup.l1 import answers, errors, fees, signers
from ethrex_node.rollup.l1.abi import Function
from ethrex_node.rollup.l1.client import L1Client
from ethrex_node.rollup.outbox import Call, Outbox, Settings
from ethrex_node.rollup.settlement import contracts, reverts
from ethrex_node.rollup.store import Store
from ethrex_node.rollup.store.schema import TABLES

log = logging.getLogger(__name__)

ROUND_SECONDS: Final = 0.25
GAS_MARGIN_PERCENT: Final = 125  # what L1 does between the trial and the block may cost a little more
IN_FLIGHT: Final = 16  # what pools keep of one account for sure
MAP_BYTES: Final = 1 << 28


@dataclass(frozen=True, slots=True)
class Pending:
    """A step that is left, with the gas that it used when it was tried."""

    step: steps.Step
    gas: int


@dataclass(frozen=True, slots=True)
class Survey:
    """How far L1 is from the plan. Costs are in wei, at what L1 asks now."""

    contracts: steps.Contracts
    chains: tuple[steps.Chain, ...]
    pending: tuple[Pending, ...]
    steps: int
    market: answers.Market

    @property
    def gas(self) -> int:
        return sum(one.gas for one in self.pending)

    @property
    def cost_wei(self) -> int:
        offered = fees.first(self.market, fees.Policy(), has_blobs=False)
        per_gas = min(offered.max_fee_per_gas, self.market.base_fee + offered.max_priority_fee_per_gas)
        return self.gas * per_gas + sum(one.step.value_wei for one in self.pending)


class _View:
    """L1 at one block (`steps.View`)."""

    def __init__(self, client: L1Client, number: int) -> None:
        self._client = client
        self._number = number

    async def has_code(self, address: bytes) -> bool:
        return bool(await self._client.code(address, self._number))

    async def read(self, to: bytes, function: Function, *arguments: Any) -> tuple[Any, ...] | None:
        try:
            answer = await self._client.call(to, function.call(*arguments), self._number)
        except errors.CallFailed:
            return None
        return function.result(answer) if answer else None

    async def would_revert(self, sender: bytes, to: bytes, data: bytes) -> bool:
        try:
            await self._client.call(to, data, self._number, sender)
        except errors.CallFailed:
            return True
        return False


async def survey(client: L1Client, wanted: plan.Plan, path: Path) -> Survey:
    """What is left of a plan. Raises `DeployError`, also for what L1 would refuse; `L1Error`."""
    made = steps.contracts_of(wanted)
    chains = tuple(_chain(client, made, chain, path) for chain in wanted.chains)
    view = _View(client, (await client.head()).number)
    every = steps.steps(wanted, chains)
    left = [one for one in every if not await one.is_done(view)]
    if any(one.to == create2.DEPLOYER for one in left) and not await view.has_code(create2.DEPLOYER):
        raise DeployError(
            f"L1 {client.chain_id} has no deterministic deployment proxy at 0x{create2.DEPLOYER.hex()}: "
            "it is put there once for everybody, by the transaction that its authors publish"
        )
    await _refuse_foreign(view, made, wanted, left)
    gas = await _tried(client, wanted.owner, left)
    pending = tuple(Pending(*one) for one in zip(left, gas, strict=True))
    return Survey(made, chains, pending, len(every), await client.market())


def _chain(client: L1Client, made: steps.Contracts, chain: plan.ChainPlan, path: Path) -> steps.Chain:
    first = plan.genesis_of(chain, path)
    proposer = made.proposer.address
    statement = _native.genesis_batch(first.json, l1_chain_id=client.chain_id, proposer=proposer, salt=chain.salt)
    return steps.Chain(chain, first, statement)


async def _refuse_foreign(view: _View, made: steps.Contracts, wanted: plan.Plan, left: Sequence[steps.Step]) -> None:
    """What belongs to a timelock by now is changed through it."""
    owners = {one.address: await view.read(one.address, steps.OWNER) for one in made.proxies}
    mine = "0x" + wanted.owner.hex()
    foreign: dict[str, list[steps.Step]] = {}
    for step in (one for one in left if one.is_owners):
        owner = owners.get(step.to)
        if owner is not None and owner[0] != mine:
            foreign.setdefault(owner[0], []).append(step)
    for address, its in foreign.items():
        raise NotOwner(address, [(one.name, one.to, one.data) for one in its])


async def _tried(client: L1Client, owner: bytes, left: Sequence[steps.Step]) -> list[int]:
    """Gas of each step, one after the other. Raises `Preflight`."""
    if not left:
        return []
    calls = [(one.to, one.data, one.value_wei) for one in left]
    found = await client.simulate(owner, calls)
    for step, outcome in zip(left, found, strict=True):
        if outcome.error is not None:
            raise Preflight(step.name, reverts.told(outcome.data) or outcome.error)
    return [outcome.gas_used for outcome in found]


async def carry_out(
    client: L1Client,
    signer: signers.Signer,
    found: Survey,
    told: Callable[[int, int, str], None] = lambda done, of, name: None,
) -> None:
    """
    Send what is left, and wait until L1 has it. `told` hears of each step that is done.

    Raises `StepFailed`, `L1Error`, `SignerError`.
    """
    with tempfile.TemporaryDirectory(prefix="ethrex-deploy-") as folder:
        store = Store.open(Path(folder) / "outbox", TABLES, map_bytes=MAP_BYTES)
        try:
            settings = Settings(most_in_flight=IN_FLIGHT)
            outbox = Outbox(store, client, signer, settings, lambda: int(time.time() * 1000))
            await _send(outbox, found.pending, told)
        finally:
            store.close()
    view = _View(client, (await client.head()).number)
    for one in found.pending:
        if not await one.step.is_done(view):
            raise StepFailed(one.step.name, "L1 took it without effect")


async def _send(outbox: Outbox, pending: Sequence[Pending], told: Callable[[int, int, str], None]) -> None:
    for one in pending:
        gas = one.gas * GAS_MARGIN_PERCENT // 100
        call = Call(to=one.step.to, data=one.step.data, value_wei=one.step.value_wei, gas_limit=gas)
        await outbox.record(one.step.name, call)
    done = 0
    while done < len(pending):
        await outbox.round()
        entry = outbox.find(pending[done].step.name)
        assert entry is not None, "it was recorded"
        if entry.mined is None:
            await asyncio.sleep(ROUND_SECONDS)
            continue
        if not entry.mined.succeeded:
            raise StepFailed(entry.purpose, f"transaction 0x{entry.mined.transaction_hash.hex()} reverted")
        done += 1
        told(done, len(pending), entry.purpose)


async def record(client: L1Client, wanted: plan.Plan, found: Survey, folder: Path) -> list[Path]:
    """Write the file of each chain. Raises `DeployError` where L1 does not say when a chain was registered."""
    made = found.contracts
    written = []
    for chain in found.chains:
        proofs = chain.plan.proofs
        left = deployment.Deployment(
            l1_chain_id=client.chain_id,
            chain_id=chain.plan.chain_id,
            proposer=made.proposer.address,
            bridge=made.bridge.address,
            registry=made.registry.address,
            attested_verifier=made.attested_verifier.address,
            timelock=None if made.timelock is None else made.timelock.address,
            data_committee=made.committee(chain.plan),
            deployed_at_block=await _registered_at(client, made.proposer.address, chain.plan.chain_id),
            salt=chain.plan.salt,
            program_version=proofs.program_version,
            upgrades=tuple(one.program_version for one in proofs.upgrades),
            proof_kinds=proofs.required or proofs.kinds[: proofs.minimum],
            genesis=Path(),
        )
        written.append(deployment.write(folder, left, chain.genesis))
    return written


async def _registered_at(client: L1Client, proposer: bytes, chain_id: int) -> int:
    """The block of L1 in which a chain came to be: its queue has nothing before it."""
    topics = [contracts.CHAIN_REGISTERED.topic, chain_id.to_bytes(32, "big")]
    last = (await client.head()).number
    while last >= 0:
        first = max(0, last - client.logs_per_request + 1)
        logs = await client.logs(proposer, topics, first, last)
        if logs:
            return logs[-1].block_number
        last = first - 1
    raise DeployError(f"L1 has no log of the registration of chain {chain_id}: its nodes do not keep it")
