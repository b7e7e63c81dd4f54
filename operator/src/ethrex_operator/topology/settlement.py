"""
The contracts on L1: the plan that a deployer follows, and the deployers.

A settlement has a deployer that makes its contracts, or compares those that are adopted, and one for each rollup that it
registers. All of them run beside the settlement: its owner's key is nowhere else. A rollup without a settlement has one
deployer that does both.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import Any, Final

from ..api.base import GROUP
from ..api.rollup import EthrexRollup
from ..api.running import Image
from ..api.settlement import L1 as AskedL1
from ..api.settlement import EthrexSettlement, ExistingContracts, Timelock
from . import dev_accounts, running, signing
from .errors import Unmet
from .facts import L1
from .signing import Signer
from .workload import Argument, File, FileOf, InVolume, Joined, Lifetime, Part, Program, ResultFile, Text, Workload

PLAN: Final = "plan.json"
ROLE: Final = "deployer"
SIGNER: Final = f"{GROUP}/signs-on-l1"  # a label: deployers with the same one share an account, so its nonces


@dataclass(frozen=True, slots=True)
class Settlement:
    """Whose contracts, and what their addresses follow from. One that has a `name` is shared."""

    salt: str
    owner: Signer
    guardian: str | None = None
    timelock: Timelock | None = None
    contracts: ExistingContracts | None = None
    adopted: bool = False
    name: str | None = None
    namespace: str = ""
    image: Image = field(default_factory=Image)


def of(found: EthrexSettlement, l1: L1) -> Settlement:
    """Raises `Unmet`."""
    spec = found.spec
    owner = signing.signer(spec.owner, "owner", dev=l1.dev, default=dev_accounts.OWNER, path="spec.owner")
    return Settlement(
        salt=spec.salt or salt_of(found.namespace, found.name),
        owner=owner,
        guardian=spec.guardian,
        timelock=spec.timelock,
        contracts=spec.contracts,
        adopted=spec.mode == "Adopt",
        name=found.name,
        namespace=found.namespace,
        image=spec.image,
    )


def own(rollup: EthrexRollup, l1: L1) -> Settlement:
    """That of a rollup which names none. Raises `Unmet`."""
    owner = signing.signer(None, "owner", dev=l1.dev, default=dev_accounts.OWNER, path="spec.settlement (its owner)")
    return Settlement(salt_of(rollup.namespace, rollup.name), owner, image=rollup.spec.image)


def refuse_elsewhere(found: EthrexSettlement, rollup: EthrexRollup) -> None:
    """Raises `Unmet`."""
    if l1_id(found.spec.l1, found.namespace) != l1_id(rollup.spec.l1, rollup.namespace):
        raise Unmet(
            "SettlementElsewhere", f"spec.settlement: EthrexSettlement {found.name} is on another L1 than spec.l1"
        )


def l1_id(asked: AskedL1, namespace: str) -> object:
    """Which L1 somebody in `namespace` means: two namespaces may each have one of the same name."""
    ref = asked.ref
    return asked.urls if ref is None else (ref.namespace or namespace, ref.name)


def salt_of(namespace: str, name: str) -> str:
    """Never of a UID: whoever deletes and applies again finds the same addresses."""
    return "0x" + hashlib.sha256(f"ethrex.dev/settlement/{namespace}/{name}".encode()).hexdigest()


def plan(settlement: Settlement, chains: tuple[dict[str, Any], ...], *, hand_over: bool) -> str:
    """As `ethrex l2 deploy --plan` takes it. Whoever only reads a plan asks for no hand-over."""
    timelock = settlement.timelock
    wanted: dict[str, Any] = {
        "salt": settlement.salt,
        "owner": settlement.owner.address,
        "guardian": settlement.guardian,
        "timelock": timelock.model_dump() | {"handOver": hand_over} if timelock else None,
        "contracts": settlement.contracts.model_dump() if settlement.contracts else None,
        "chains": chains,
    }
    return json.dumps(_without_none(wanted), indent=2) + "\n"


def chain(
    rollup: EthrexRollup, committer: str, signers: tuple[str, ...], committee: dict[str, Any] | None
) -> dict[str, Any]:
    """A rollup as a plan has it. `signers` are the accounts of attested provers."""
    spec = rollup.spec
    return {
        "chainId": spec.chain_id,
        "committers": [committer],
        "nativeToken": spec.native_token,
        "dataCommittee": committee,
        "genesis": _genesis(rollup, committer),
        "proofs": {
            "required": spec.proving.policy.require,
            "minimum": spec.proving.policy.minimum,
            "requireZk": spec.proving.policy.require_zk,
            "programVersion": spec.proving.program_version,
            "attestedSigners": sorted(set(signers)),
        },
        "inclusionDelaySeconds": spec.delays.inclusion_seconds,
        "takeoverDelaySeconds": spec.delays.takeover_seconds,
        "proofWindowSeconds": spec.delays.proof_window_seconds,
    }


def deployer(found: EthrexSettlement, settlement: Settlement, l1: L1) -> Workload:
    """Makes the contracts of a settlement, without a chain; compares them. Where they are adopted it makes none."""
    at_once = settlement.timelock is not None and settlement.timelock.hand_over == "AtOnce"
    planned = plan(settlement, (), hand_over=at_once)
    its = l1_id(found.spec.l1, found.namespace)
    return _deployer(deployer_name(found), settlement, l1, its, planned, signs=not settlement.adopted)


def deployer_name(found: EthrexSettlement) -> str:
    return f"{found.name}-contracts"


def registrar(rollup: EthrexRollup, settlement: Settlement, l1: L1, registered: dict[str, Any]) -> Workload:
    """Registers a rollup; where it has no settlement, makes its contracts before. `l1` as the deployer reaches it."""
    is_held = settlement.timelock is not None and settlement.timelock.hand_over == "Held"
    planned = plan(settlement, (registered,), hand_over=not is_held)
    its = l1_id(rollup.spec.l1, rollup.namespace)
    made = _deployer(registrar_name(rollup), settlement, l1, its, planned, signs=True)
    if settlement.name is not None:
        return made
    return replace(made, placement=running.placement(rollup.spec.sequencer.placement))


def registrar_name(rollup: EthrexRollup) -> str:
    """Unique among the children of the rollup, or of the settlement, whose rollups may come from many namespaces."""
    ref = rollup.spec.settlement
    if ref is None:
        return f"{rollup.name}-deployer"
    return f"{ref.name}-chain-{hashlib.sha256(f'{rollup.namespace}/{rollup.name}'.encode()).hexdigest()[:6]}"


def _deployer(name: str, settlement: Settlement, l1: L1, its_id: object, planned: str, *, signs: bool) -> Workload:
    signing_as: tuple[Argument, ...] = ("--key", settlement.owner.reference) if signs else ()
    account = hashlib.sha256(f"{settlement.owner.address} {its_id}".encode()).hexdigest()[:32]
    return Workload(
        name=name,
        role=ROLE,
        account=name,
        program=Program.NODE,
        image=running.image(settlement.image),
        lifetime=Lifetime.TASK,
        arguments=(
            *("l2", "deploy", "--plan", FileOf(PLAN), *urls("--eth-rpc-url", l1), *signing_as, "--verify"),
            *("--out", "/tmp/deployment", "--result", ResultFile()),
        ),
        files=(File(PLAN, Text(planned)), *(settlement.owner.files if signs else ())),
        labels={SIGNER: account},
    )


def record(l1: L1, volume: str) -> tuple[Argument, ...]:
    """Writes the chain's deployment file, where L1 is as the plan says: what runs beside it begins with that."""
    return (
        *("l2", "deploy", "--plan", FileOf(PLAN), *urls("--eth-rpc-url", l1)),
        *("--out", InVolume(volume, "deployment")),
    )


def recorded(rollup: EthrexRollup, volume: str) -> Argument:
    """That file."""
    return InVolume(volume, f"deployment/{rollup.spec.chain_id}.json")


def urls(option: str, l1: L1) -> tuple[Argument, ...]:
    """An option that is given once for each URL."""
    given: list[Argument] = []
    for url in l1.urls:
        given += [option, url]
    return tuple(given)


def listed(l1: L1) -> Argument:
    """The URLs as one value."""
    parts: list[Part] = []
    for url in l1.urls:
        parts += [",", url] if parts else [url]
    return Joined(tuple(parts))


def _genesis(rollup: EthrexRollup, committer: str) -> dict[str, Any]:
    asked = rollup.spec.genesis
    return {
        "gasLimit": asked.gas_limit,
        "baseFeeWei": asked.base_fee_wei,
        "balancesWei": {address: int(wei) for address, wei in asked.balances_wei.items()},
        "feeRecipient": asked.fees.recipient or committer,
        "baseFeeVault": asked.fees.base_fee_vault,
        "operatorFeePerGasWei": asked.fees.operator_fee_per_gas_wei,
        "operatorFeeVault": asked.fees.operator_fee_vault,
        "dataFeeVault": asked.fees.data_fee_vault,
    }


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(one) for key, one in value.items() if one is not None}
    return [_without_none(one) for one in value] if isinstance(value, list | tuple) else value
