"""
Deployers in a cluster: whose turn it is, what they said, and whether L1 is still as they found it.

What one account signs on one L1 is done by one deployer after the other, whoever they work for: two would take each other's
nonces. A deployer's Job goes on while nobody leads; what it said is recorded in a status, with the name of its Job, so that
another plan, which is another Job, is seen to be under way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from ..chain import rpc
from ..chain.errors import ChainError
from ..kube import conditions, kinds
from ..kube.children import Change
from ..kube.client import Object
from ..kube.conditions import Condition
from ..kube.objects.naming import Owner
from ..topology.settlement import SIGNER
from . import running
from .world import Key, World

RETRY_SECONDS: Final = 60.0  # whoever was refused is asked again: somebody else may have done what was missing
LOOK_SECONDS: Final = 60.0  # between two looks at what proxies run
IMPLEMENTATION_SLOT: Final = "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc"  # ERC-1967
TURN: Final = "waits until another deployment with the same owner is done"

Rendered = Sequence[Object]  # all objects of one deployer


def job_of(deployer: Rendered) -> str:
    return str(next(one["metadata"]["name"] for one in deployer if one["kind"] == kinds.JOB.name))


async def ensure(
    world: World, owner: Owner, deployers: Sequence[Rendered], others: Rendered
) -> tuple[list[Change], bool]:
    """All children of `owner`; whether every deployer has had its turn. Raises `KubeError`, `NameTaken`."""
    begun = [one for one in deployers if world.children.body(kinds.JOB, owner.namespace, job_of(one)) is not None]
    if len(begun) == len(deployers):
        return await world.children.ensure(owner, _flat(begun, others)), True
    async with world.turns:  # until the Job is made, so that the next one sees it
        for one in deployers:
            if one not in begun and not _is_signing(world, _signer(one)):
                begun.append(one)
                break
        return await world.children.ensure(owner, _flat(begun, others)), len(begun) == len(deployers)


def _is_signing(world: World, account: str) -> bool:
    """Whether a deployer that signs with it is still at work, anywhere that is looked at."""
    return any(not _ended(one) for one in world.children.bodies(kinds.JOB, None, {SIGNER: account}))


def _signer(deployer: Rendered) -> str:
    job = next(one for one in deployer if one["kind"] == kinds.JOB.name)
    return str(job["metadata"]["labels"][SIGNER])


def _flat(deployers: Sequence[Rendered], others: Rendered) -> list[Object]:
    return [*(each for one in deployers for each in one), *others]


def _ended(job: Object) -> dict[str, Object]:
    """By type: Complete or Failed."""
    told = (job.get("status") or {}).get("conditions") or ()
    return {one["type"]: one for one in told if one["status"] == "True" and one["type"] in ("Complete", "Failed")}


@dataclass(frozen=True, slots=True)
class Found:
    """`fields` of the status; `current` where what is recorded is the result of the plan as it is now."""

    deployed: Condition
    verified: Condition
    fields: dict[str, Any]
    current: bool
    why: str = ""  # it is not


@dataclass(frozen=True, slots=True)
class Asked:
    """A deployer of `key`: its Job, and how its result becomes the `contracts` of a status."""

    key: Key
    namespace: str
    job: str
    read: Callable[[bytes], dict[str, Any]]
    urls: Sequence[str]  # of L1; none where somebody else watches the proxies


async def look(world: World, asked: Asked, changes: list[Change]) -> Found:
    """Raises `KubeError`, `BadResult`."""
    status = world.store.status(asked.key)
    before: dict[str, Any] = status.get("contracts") or {}
    if before.get("implementations") and status.get("deployer") == asked.job:
        return await _watched(world, asked, before, changes)
    kept: dict[str, Any] = {name: status[name] for name in ("contracts", "deployer", "chainId") if name in status}
    outcome = await _outcome(world, asked)
    if outcome.result is None:
        return _waiting(before, kept, outcome)
    contracts = asked.read(outcome.result)
    if not before:
        changes.append(Change("Deployed", f"bridge {contracts['bridge']}, proposer {contracts['proposer']}"))
    if contracts.get("implementations") and not before.get("implementations"):
        changes.append(Change("Verified", "the code on L1 is that of this version"))
    fields = {"contracts": contracts, "deployer": asked.job}
    return Found(conditions.yes("Deployed", "Recorded"), _verified(contracts), fields, current=True)


def _verified(contracts: dict[str, Any]) -> Condition:
    if contracts.get("implementations"):
        return conditions.yes("Verified", "ByCode", "the code on L1 is that of this version")
    return conditions.unknown("Verified")


def _waiting(before: dict[str, Any], kept: dict[str, Any], outcome: _Outcome) -> Found:
    verified = _verified(before)
    if not before:
        reason = "Refused" if outcome.refused else "Deploying"
        return Found(conditions.no("Deployed", reason, outcome.reason), verified, kept, False, outcome.reason)
    if outcome.refused and verified.status != conditions.TRUE:
        verified = conditions.no("Verified", "Refused", outcome.reason)
    return Found(conditions.yes("Deployed", "Recorded"), verified, kept, False, outcome.reason)


async def _watched(world: World, asked: Asked, before: dict[str, Any], changes: list[Change]) -> Found:
    """What was compared stays so while the proxies run what they ran then; else the deployer compares again."""
    fields = {"contracts": before, "deployer": asked.job}
    deployed = conditions.yes("Deployed", "Recorded")
    moved = await _moved(world, asked, before)
    if moved is None:
        return Found(deployed, _verified(before), fields, current=True)
    changes.append(Change("ImplementationChanged", moved))
    await world.children.remove(kinds.JOB, asked.namespace, asked.job)
    fields["contracts"] = {name: one for name, one in before.items() if name != "implementations"}
    return Found(deployed, conditions.unknown("Verified", "ImplementationChanged", moved), fields, current=True)


async def _moved(world: World, asked: Asked, before: dict[str, Any]) -> str | None:
    """What a proxy runs that was another then. An L1 that is away says nothing."""
    now = time.monotonic()
    if now - world.looked.get(asked.key, float("-inf")) < LOOK_SECONDS:
        return None
    for address in asked.urls:
        try:
            for name, expected in before["implementations"].items():
                found = await rpc.call(
                    world.session, address, "eth_getStorageAt", before[name], IMPLEMENTATION_SLOT, "latest"
                )
                if str(found)[-40:].lower() != expected[-40:].lower():
                    return f"the proxy {name} at {before[name]} runs 0x{str(found)[-40:]}, it ran {expected}"
        except ChainError:
            continue
        world.looked[asked.key] = now
        return None
    return None


@dataclass(frozen=True, slots=True)
class _Outcome:
    result: bytes | None
    reason: str = ""
    refused: bool = False  # it has given up: the same again would come to the same


async def _outcome(world: World, asked: Asked) -> _Outcome:
    job = world.children.body(kinds.JOB, asked.namespace, asked.job)
    if job is None:
        return _Outcome(None, TURN)
    result, reason = running.result(world, asked.namespace, job)
    if result is not None:
        return _Outcome(result)
    ended = _ended(job)
    if "Complete" in ended:
        await world.children.remove(kinds.JOB, asked.namespace, asked.job)
        return _Outcome(None, "its pod is gone with what it said: it runs again")
    if "Failed" not in ended:
        return _Outcome(None, reason)
    since = datetime.fromisoformat(ended["Failed"]["lastTransitionTime"])
    if (datetime.now(UTC) - since).total_seconds() > RETRY_SECONDS:
        await world.children.remove(kinds.JOB, asked.namespace, asked.job)
    return _Outcome(None, reason, refused=True)
