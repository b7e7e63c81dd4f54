"""The contracts on L1: the plan that a deployer follows, and the deployer."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from ..api.rollup import EthrexRollup
from ..api.settlement import EthrexSettlement, Timelock
from . import dev_accounts, running, signing
from .facts import L1
from .signing import Signer
from .workload import Argument, File, FileOf, Joined, Lifetime, Part, Program, ResultFile, Text, Workload

PLAN = "plan.json"


@dataclass(frozen=True, slots=True)
class Settlement:
    """Whose contracts, and what their addresses follow from."""

    salt: str
    owner: Signer
    guardian: str | None = None
    timelock: Timelock | None = None


def of(found: EthrexSettlement, l1: L1) -> Settlement:
    """Raises `Unmet`."""
    spec = found.spec
    owner = signing.signer(spec.owner, "owner", dev=l1.dev, default=dev_accounts.OWNER, path="spec.owner")
    return Settlement(spec.salt or salt_of(found.namespace, found.name), owner, spec.guardian, spec.timelock)


def own(rollup: EthrexRollup, l1: L1) -> Settlement:
    """That of a rollup which names none. Raises `Unmet`."""
    owner = signing.signer(None, "owner", dev=l1.dev, default=dev_accounts.OWNER, path="spec.settlement (its owner)")
    return Settlement(salt_of(rollup.namespace, rollup.name), owner)


def salt_of(namespace: str, name: str) -> str:
    """Never of a UID: whoever deletes and applies again finds the same addresses."""
    return "0x" + hashlib.sha256(f"ethrex.dev/settlement/{namespace}/{name}".encode()).hexdigest()


def plan(rollup: EthrexRollup, settlement: Settlement, committer: str, signers: tuple[str, ...]) -> str:
    """As `ethrex l2 deploy --plan` takes it. `signers` are the accounts of attested provers."""
    spec = rollup.spec
    wanted: dict[str, Any] = {
        "salt": settlement.salt,
        "owner": settlement.owner.address,
        "guardian": settlement.guardian,
        "timelock": settlement.timelock.model_dump() if settlement.timelock else None,
        "chains": [
            {
                "chainId": spec.chain_id,
                "committers": [committer],
                "nativeToken": spec.native_token,
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
        ],
    }
    return json.dumps(_without_none(wanted), indent=2) + "\n"


def deployer(rollup: EthrexRollup, settlement: Settlement, l1: L1, planned: str) -> Workload:
    """Brings the contracts to what the plan says, and says where they are. Running it again changes nothing."""
    name = f"{rollup.name}-deployer"
    return Workload(
        name=name,
        role="deployer",
        account=name,
        program=Program.NODE,
        image=running.image(rollup.spec.image),
        lifetime=Lifetime.TASK,
        arguments=(
            *("l2", "deploy", "--plan", FileOf(PLAN), *urls("--eth-rpc-url", l1)),
            *("--key", settlement.owner.reference, "--out", "/tmp/deployment", "--result", ResultFile()),
        ),
        files=(File(PLAN, Text(planned)), *settlement.owner.files),
        placement=running.placement(rollup.spec.sequencer.placement),
    )


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
