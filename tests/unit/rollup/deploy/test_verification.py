"""Code on L1 is compared with the artifacts: what was upgraded since, or was never ours, is named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ethrex_node.dev import accounts
from ethrex_node.rollup import artifacts, deploy
from ethrex_node.rollup.deploy import plan, steps, verification
from ethrex_node.rollup.l1 import signers
from ethrex_node.rollup.l1.client import L1Client
from unit.rollup import l1_process
from unit.rollup.deploy.test_deploy import run
from unit.rollup.whole.deployment import OWNER, plan_of, text

CHAIN_ID = 4242
NAMES = {"proposer", "bridge", "registry", "attestedVerifier"}
ME = text(OWNER.address)
TIMELOCK = {"delaySeconds": 60, "proposers": [ME], "executors": [ME]}


@pytest.fixture
def l1() -> Iterator[l1_process.L1]:
    with l1_process.dev_chain("--dev.block-time", "0") as running:
        yield running


async def carried_out(client: L1Client, path: Path, **more: Any) -> deploy.Survey:
    found = await deploy.survey(client, plan.read(plan_of(**more), path), path)
    await deploy.carry_out(client, signers.local(OWNER.key), found)
    return found


def there(made: steps.Contracts) -> dict[str, str]:
    """The contracts as a plan names those that stand already."""
    return {name: text(one.address) for name, one in made.entries.items()}


async def test_contracts_come_without_a_chain_and_are_what_they_should_be(asking: L1Client, tmp_path: Path) -> None:
    found = await carried_out(asking, tmp_path / "plan.json")

    verified = await deploy.compare(asking, found.contracts, whole=True)

    behind = dict(zip(NAMES_IN_ORDER, found.contracts.implementations, strict=True))
    assert verified.implementations == {name: one.address for name, one in behind.items()}


NAMES_IN_ORDER = ("proposer", "bridge", "registry", "attestedVerifier")


async def test_an_upgraded_proxy_is_named(asking: L1Client, l1: l1_process.L1, tmp_path: Path) -> None:
    found = await carried_out(asking, tmp_path / "plan.json")
    bridge = found.contracts.bridge.address
    slot = "0x" + verification.IMPLEMENTATION_SLOT.hex()
    other = found.contracts.implementations[2].address
    l1.ask("anvil_setStorageAt", text(bridge), slot, "0x" + other.rjust(32, b"\0").hex())

    with pytest.raises(deploy.ForeignCode, match=rf"{text(other)}, the implementation of the CommonBridge proxy"):
        await deploy.compare(asking, found.contracts, whole=True)


async def test_one_byte_is_enough_to_be_another_contract(asking: L1Client, l1: l1_process.L1, tmp_path: Path) -> None:
    found = await carried_out(asking, tmp_path / "plan.json")
    address = text(found.contracts.implementations[0].address)
    code = bytearray.fromhex(l1.ask("eth_getCode", address, "latest")[2:])
    code[len(code) // 2] ^= 1
    l1.ask("anvil_setCode", address, "0x" + code.hex())

    with pytest.raises(deploy.ForeignCode, match="is not the OnChainProposer of this version"):
        await deploy.compare(asking, found.contracts, whole=True)


def test_immutables_may_be_anything_and_nothing_else_may() -> None:
    artifact = artifacts.load("OnChainProposer")
    start, length = artifact.immutables[0]
    made = bytearray(artifact.deployed)
    made[start : start + length] = b"\x11" * length

    assert artifact.matches(bytes(made))
    made[start + length] ^= 1
    assert not artifact.matches(bytes(made))
    assert not artifact.matches(b"")


async def test_what_is_missing_is_told_where_nobody_makes_it(asking: L1Client, tmp_path: Path) -> None:
    made = deploy.contracts_of(plan.read(plan_of(), tmp_path / "plan.json"))

    assert (await deploy.compare(asking, made, whole=False)).implementations == {}
    with pytest.raises(deploy.Absent, match="no contract is at 0x"):
        await deploy.compare(asking, made, whole=True)


async def test_a_chain_is_registered_with_contracts_that_are_named(asking: L1Client, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    before = await carried_out(asking, path)

    named = await carried_out(asking, path, contracts=there(before.contracts), salt="0x" + "77" * 32, **chain())

    assert {one.step.name.split(" chain ")[-1] for one in named.pending} == {str(CHAIN_ID)}
    assert set((await deploy.compare(asking, named.contracts, whole=True)).implementations) == NAMES
    (written,) = await deploy.record(asking, plan.read(plan_of(CHAIN_ID), path), named, tmp_path / "out")
    assert deploy.load(written).proposer == before.contracts.proposer.address


def chain() -> dict[str, Any]:
    return {"chains": plan_of(CHAIN_ID)["chains"]}


async def test_named_addresses_that_are_something_else_are_refused(asking: L1Client, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    before = await carried_out(asking, path)
    swapped = there(before.contracts) | {"bridge": text(before.contracts.registry.address)}

    made = deploy.contracts_of(plan.read(plan_of(contracts=swapped), path))

    with pytest.raises(deploy.ForeignCode, match="is not the CommonBridge of this version"):
        await deploy.compare(asking, made, whole=True)


async def test_contracts_stay_with_their_owner_until_they_are_to_be_handed_over(
    asking: L1Client, tmp_path: Path
) -> None:
    """A settlement without rollups keeps its owner: those that come later are registered without the timelock."""
    path = tmp_path / "plan.json"
    held = {"timelock": TIMELOCK | {"handOver": False}}
    await carried_out(asking, path, **held)

    first = await carried_out(asking, path, **held, **chain())
    over = await carried_out(asking, path, timelock=TIMELOCK)

    assert first.contracts.timelock is not None
    assert {one.step.name.split(" chain ")[-1] for one in first.pending} == {str(CHAIN_ID)}
    assert len(over.pending) == 4
    assert all("to the timelock" in one.step.name for one in over.pending)


async def test_all_calls_that_are_up_to_another_owner_are_told(asking: L1Client, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    await carried_out(asking, path, timelock=TIMELOCK)

    with pytest.raises(deploy.NotOwner) as refused:
        await deploy.survey(asking, plan.read(plan_of(CHAIN_ID, timelock=TIMELOCK), path), path)

    assert [name.split(" ")[0] for name, _, _ in refused.value.calls] == ["set", "register", "register", "register"]
    assert str(refused.value).splitlines()[-1].startswith("4 steps are up to 0x")


def test_the_command_says_3_where_asking_again_changes_nothing(l1: l1_process.L1, tmp_path: Path) -> None:
    file, result = tmp_path / "plan.json", tmp_path / "result"
    file.write_text(json.dumps(plan_of()))
    common = ("--plan", str(file), "--eth-rpc-url", l1.url, "--out", str(tmp_path / "out"), "--verify")

    nothing = run(*common)
    done = run(*common, "--key", "env:KEY", "--result", str(result), key=OWNER.key.hex())
    told = json.loads(result.read_text())
    again = run(*common)
    stranger = accounts.derive()[5]
    file.write_text(json.dumps(plan_of(owner=text(stranger.address), contracts=told["contracts"], **chain())))
    foreign = run(*common, "--key", "env:KEY", key=stranger.key.hex())

    assert (nothing.returncode, done.returncode, again.returncode, foreign.returncode) == (3, 0, 0, 3)
    assert "no contract is at 0x" in nothing.stderr
    assert set(told["implementations"]) == NAMES
    assert told["chains"] == []
    assert "the owner of these contracts" in foreign.stderr
