"""Plans are carried out on a real dev L1: once, in pieces, again, and not at all where something is wrong with them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ethrex_node.dev import accounts
from ethrex_node.rollup import deploy
from ethrex_node.rollup.deploy import plan, steps
from ethrex_node.rollup.l1 import signers
from ethrex_node.rollup.l1.client import L1Client
from ethrex_node.rollup.settlement import contracts
from unit.rollup import l1_process
from unit.rollup.whole.deployment import OWNER, plan_of, text

CHAIN_ID = 4242
OTHER = accounts.derive()[5]
COMMAND = str(Path(sys.executable).with_name("ethrex"))


@pytest.fixture
def l1() -> Iterator[l1_process.L1]:
    with l1_process.dev_chain("--dev.block-time", "0") as running:
        yield running


class Stop(Exception):
    pass


async def carry_out(client: L1Client, wanted: plan.Plan, path: Path, stop_after: int | None = None) -> deploy.Survey:
    """What was left before. Ends with `Stop` after so many steps, as a crash would."""

    def told(done: int, of: int, name: str) -> None:
        if done == stop_after:
            raise Stop

    found = await deploy.survey(client, wanted, path)
    if found.pending:
        await deploy.carry_out(client, signers.local(OWNER.key), found, told)
    return found


async def left(client: L1Client, wanted: plan.Plan, path: Path) -> int:
    return len((await deploy.survey(client, wanted, path)).pending)


async def test_a_plan_that_was_carried_out_has_nothing_left(asking: L1Client, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    wanted = plan.read(plan_of(CHAIN_ID), path)

    found = await carry_out(asking, wanted, path)

    assert len(found.pending) == found.steps > 10
    assert await left(asking, wanted, path) == 0
    for creation in found.contracts.every:
        head = await asking.head()
        assert await asking.code(creation.address, head.number), creation.name


@pytest.mark.parametrize("stop_after", [1, 4, 8, 11, 13])
async def test_a_crash_between_two_steps_is_taken_up_where_it_was(
    asking: L1Client, tmp_path: Path, stop_after: int
) -> None:
    path = tmp_path / "plan.json"
    wanted = plan.read(plan_of(CHAIN_ID), path)

    with pytest.raises(Stop):
        await carry_out(asking, wanted, path, stop_after)
    again = await carry_out(asking, wanted, path)

    assert len(again.pending) <= again.steps - stop_after
    assert await left(asking, wanted, path) == 0


async def test_a_chain_more_uses_the_contracts_that_are_there(asking: L1Client, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    first = await carry_out(asking, plan.read(plan_of(CHAIN_ID), path), path)

    second = await carry_out(asking, plan.read(plan_of(CHAIN_ID, CHAIN_ID + 1), path), path)

    assert second.contracts == first.contracts
    assert {one.step.name.split(" chain ")[-1] for one in second.pending} == {str(CHAIN_ID + 1)}


async def test_what_is_written_for_a_chain_can_be_written_again(asking: L1Client, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    wanted = plan.read(plan_of(CHAIN_ID), path)
    found = await carry_out(asking, wanted, path)
    (written,) = await deploy.record(asking, wanted, found, tmp_path / "first")

    adopted = await carry_out(asking, wanted, path)
    (again,) = await deploy.record(asking, wanted, adopted, tmp_path / "second")

    assert written.read_bytes() == again.read_bytes()
    deployed = deploy.load(again)
    assert deployed.proposer == found.contracts.proposer.address
    assert deployed.genesis.exists()


async def test_another_genesis_under_a_chain_s_id_is_refused(asking: L1Client, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    await carry_out(asking, plan.read(plan_of(CHAIN_ID), path), path)
    given = plan_of(CHAIN_ID)
    given["chains"][0]["genesis"]["timestamp"] = 7

    with pytest.raises(deploy.Occupied, match=f"chain {CHAIN_ID} is registered"):
        await deploy.survey(asking, plan.read(given, path), path)


async def test_what_l1_would_refuse_is_told_before_anything_is_sent(
    asking: L1Client, l1: l1_process.L1, tmp_path: Path
) -> None:
    path = tmp_path / "plan.json"
    given = plan_of(CHAIN_ID)
    given["chains"][0]["inclusionDelaySeconds"] = given["chains"][0]["takeoverDelaySeconds"] = 60
    before = l1.nonce(OWNER.address)

    with pytest.raises(deploy.Preflight, match=rf"register chain {CHAIN_ID}: ParameterInvalid"):
        await deploy.survey(asking, plan.read(given, path), path)

    assert l1.nonce(OWNER.address) == before


def validium(*chain_ids: int, **more: Any) -> dict[str, Any]:
    given = plan_of(*chain_ids, **more)
    members = [text(account.address) for account in accounts.derive()[5:8]]
    for chain in given["chains"]:
        chain["dataCommittee"] = {"members": members, "threshold": 2}
    return given


async def test_validiums_get_their_committee_and_share_one_that_is_the_same(asking: L1Client, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    wanted = plan.read(validium(CHAIN_ID, CHAIN_ID + 1), path)

    found = await carry_out(asking, wanted, path)

    assert [one.step.name for one in found.pending].count("create the DataCommittee") == 1
    written = await deploy.record(asking, wanted, found, tmp_path / "out")
    committees = {deploy.load(file).data_committee for file in written}
    assert len(committees) == 1
    (committee,) = committees
    assert committee is not None
    head = (await asking.head()).number
    for chain_id in (CHAIN_ID, CHAIN_ID + 1):
        answer = await asking.call(found.contracts.proposer.address, contracts.STATUS.call(chain_id), head)
        assert contracts.status_of(answer).data_availability == committee
    owner = steps.OWNER.result(await asking.call(committee, steps.OWNER.call(), head))
    assert owner == (text(OWNER.address),)
    assert await left(asking, wanted, path) == 0


async def test_a_timelock_owns_the_committees_that_come_with_it(asking: L1Client, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    me = text(OWNER.address)
    timelock = {"delaySeconds": 60, "proposers": [me], "executors": [me]}

    found = await carry_out(asking, plan.read(validium(CHAIN_ID, timelock=timelock), path), path)

    assert found.contracts.timelock is not None
    ((_, committee),) = found.contracts.committees
    answer = await asking.call(committee.address, steps.OWNER.call(), (await asking.head()).number)
    assert steps.OWNER.result(answer) == (text(found.contracts.timelock.address),)


async def test_how_a_chain_publishes_is_fixed_for_its_life(asking: L1Client, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    await carry_out(asking, plan.read(plan_of(CHAIN_ID), path), path)

    with pytest.raises(deploy.Occupied, match="registered with no data committee"):
        await deploy.survey(asking, plan.read(validium(CHAIN_ID), path), path)


async def test_a_timelock_owns_what_was_handed_over(asking: L1Client, l1: l1_process.L1, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    me = text(OWNER.address)
    timelock = {"delaySeconds": 60, "proposers": [me], "executors": [me]}

    found = await carry_out(asking, plan.read(plan_of(CHAIN_ID, timelock=timelock), path), path)

    assert found.contracts.timelock is not None
    asked = {"to": text(found.contracts.bridge.address), "data": "0x" + steps.OWNER.call().hex()}
    owner = l1.ask("eth_call", asked, "latest")
    assert owner[-40:] == found.contracts.timelock.address.hex()
    with pytest.raises(deploy.NotOwner, match="up to " + text(found.contracts.timelock.address)):
        await deploy.survey(asking, plan.read(plan_of(CHAIN_ID, 7, timelock=timelock), path), path)


def upgraded(activation_batch: int, expires_at: int = 0) -> dict[str, Any]:
    """The plan with a second version of the program, which another signs for."""
    given = plan_of(CHAIN_ID)
    upgrade = {"programVersion": 2, "activationBatch": activation_batch, "attestedSigners": [text(OTHER.address)]}
    given["chains"][0]["proofs"] |= {"upgrades": [upgrade], "expiresAt": expires_at}
    return given


async def test_a_version_more_is_registered_with_its_batch_and_the_old_one_ended(
    asking: L1Client, tmp_path: Path
) -> None:
    path = tmp_path / "plan.json"
    await carry_out(asking, plan.read(plan_of(CHAIN_ID), path), path)

    found = await carry_out(asking, plan.read(upgraded(50), path), path)
    (written,) = await deploy.record(asking, plan.read(upgraded(50), path), found, tmp_path / "out")
    ended = await carry_out(asking, plan.read(upgraded(50, 1_000), path), path)

    signer = f"register the attested signer {text(OTHER.address)} for version 2 of chain {CHAIN_ID}"
    registered = f"register program version 2 of chain {CHAIN_ID}"
    assert [one.step.name for one in found.pending] == [registered, signer]
    assert [one.step.name for one in ended.pending] == [f"end program version 1 of chain {CHAIN_ID}"]
    assert (deploy.load(written).program_version, deploy.load(written).upgrades) == (1, (2,))
    registry, head = found.contracts.registry.address, (await asking.head()).number
    for version, expected in ((1, (0, 1_000, True, False)), (2, (50, 0, True, False))):
        answer = await asking.call(registry, steps.VERSION_OF.call(CHAIN_ID, version), head)
        assert steps.VERSION_OF.result(answer) == (expected,)
    assert await left(asking, plan.read(upgraded(50, 1_000), path), path) == 0
    with pytest.raises(deploy.Occupied, match="registered from batch 50 on, the plan has 51"):
        await deploy.survey(asking, plan.read(upgraded(51), path), path)


def with_upgrades(*upgrades: dict[str, Any]) -> dict[str, Any]:
    chain = {"chainId": 5, "committers": [text(OTHER.address)]}
    zk = {"verifier": text(OTHER.address), "key": "0x" + "11" * 32}
    return {"chains": [chain | {"proofs": {"required": ["sp1"], "sp1": zk, "upgrades": list(upgrades)}}]}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (with_upgrades({"programVersion": 2}), r"upgrades\.0\.activationBatch: Field required"),
        (with_upgrades({"programVersion": 2, "activationBatch": 9}), "sp1 is required and has no .* in version 2"),
        (with_upgrades({"programVersion": 1, "activationBatch": 9}), "have to rise"),
        ({"salt": "0x05"}, "salt: .*64 hexadecimal digits"),
        ({"owner": "0x" + "00" * 20}, "owner: .*zero address"),
        ({"sals": 1}, "sals: Extra inputs"),
        ({"chains": [{"chainId": 0, "committers": [text(OTHER.address)]}]}, r"chains\.0\.chainId: "),
        ({"chains": [{"chainId": 5, "committers": []}]}, r"chains\.0\.committers: "),
        ({"chains": [{"chainId": 5, "committers": [text(OTHER.address)]}] * 2}, "chain 5 is planned twice"),
        (
            {"chains": [{"chainId": 5, "committers": [text(OTHER.address)], "proofs": {"required": ["sp1"]}}]},
            "sp1 is required and has no verifier",
        ),
        (
            {"chains": [{"chainId": 5, "committers": [text(OTHER.address)], "proofs": {"required": []}}]},
            "nothing is required",
        ),
        (
            {"chains": [{"chainId": 5, "committers": [text(OTHER.address)], "dataCommittee": "0x12"}]},
            r"dataCommittee\.there: .*40 hexadecimal digits",
        ),
        (
            {
                "chains": [
                    {
                        "chainId": 5,
                        "committers": [text(OTHER.address)],
                        "dataCommittee": {"members": [text(OTHER.address)], "threshold": 2},
                    }
                ]
            },
            "2 signatures are asked for, there are 1 members",
        ),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused_by_name(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(plan_of(CHAIN_ID) | change))

    with pytest.raises(deploy.PlanInvalid, match=told):
        plan.load(path)


@pytest.mark.parametrize("content", [b"", b"[", b"\xff\xfe", b"[" * 100_000])
def test_a_file_that_is_no_plan_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(content)

    with pytest.raises(deploy.PlanInvalid):
        plan.load(path)


def run(*arguments: str, key: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin"} | ({} if key is None else {"KEY": key})
    return subprocess.run([COMMAND, "l2", "deploy", *arguments], env=environment, capture_output=True, text=True)


def test_the_command_tells_plans_and_does(l1: l1_process.L1, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(plan_of(CHAIN_ID)))
    common = ("--plan", str(file), "--eth-rpc-url", l1.url, "--out", str(tmp_path / "out"), "--json")

    dry = run(*common, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    told = json.loads(dry.stdout)
    assert l1.head() == 0
    assert told["costWei"] > 0
    assert len(told["pending"]) == told["steps"]

    nobody = run(*common)
    assert nobody.returncode == 2
    assert "--key names nobody" in nobody.stderr
    stranger = run(*common, "--key", "env:KEY", key=OTHER.key.hex())
    assert stranger.returncode == 2
    assert f"the plan's owner is {text(OWNER.address)}" in stranger.stderr

    done = run(*common, "--key", "env:KEY", key=OWNER.key.hex())
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["contracts"] == told["contracts"]
    assert deploy.load(tmp_path / "out" / f"{CHAIN_ID}.json").chain_id == CHAIN_ID
    assert json.loads(run(*common, "--dry-run").stdout)["pending"] == []
