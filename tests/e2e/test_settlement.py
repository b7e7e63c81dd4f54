"""
A settlement deploys by itself, registers who names it, adopts what stands there, refuses what it does not know, and is not
deleted while somebody settles by it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import yaml

from e2e import rollups
from e2e.rollups import EXAMPLE, Rollup
from e2e.whole_cluster import Cluster
from ethrex_operator.topology import dev_accounts

pytestmark = pytest.mark.long
MADE, ADOPTED = "ethrexsettlement/made", "ethrexsettlement/adopted"
ENTRIES = ("proposer", "bridge", "registry", "attestedVerifier")


def settlement(name: str, **spec: object) -> str:
    made = {
        "apiVersion": "ethrex.dev/v1alpha1",
        "kind": "EthrexSettlement",
        "metadata": {"name": name},
        "spec": {"l1": {"ref": {"name": "l1"}}, **spec},
    }
    return json.dumps(made)


def with_settlement(name: str) -> str:
    found = [one for one in yaml.safe_load_all(EXAMPLE.read_text()) if one]
    for one in found:
        if one["kind"] == "EthrexRollup":
            one["spec"]["settlement"] = {"name": name}
    return str(yaml.safe_dump_all(found))


@pytest.fixture(scope="module")
def place(cluster: Cluster, operator: str) -> Iterator[Rollup]:
    """An L1 with a settlement that has its contracts, and nobody who settles by it."""
    l1 = EXAMPLE.read_text().split("---\n")[0]
    timelock = {"proposers": ["0x" + "11" * 20], "executors": ["0x" + "22" * 20], "handOver": "Held"}
    with rollups.namespace(cluster) as found:
        found.kubectl("apply", "-f", "-", given=l1)
        found.kubectl("apply", "-f", "-", given=settlement("made", timelock=timelock))
        found.wait("settlement deployed", lambda: found.condition(MADE, "Ready")[0] == "True")
        yield found


def test_it_deploys_and_compares_the_code_without_a_rollup(place: Rollup) -> None:
    status = place.get(MADE)["status"]

    assert place.condition(MADE, "Deployed") == ("True", "Recorded")
    assert place.condition(MADE, "Verified") == ("True", "ByCode")
    assert set(status["contracts"]["implementations"]) == set(ENTRIES)
    assert status["rollups"] == []
    assert place.events("Verified")


def test_what_stands_there_is_adopted_and_a_rollup_settles_by_it(place: Rollup) -> None:
    there = place.get(MADE)["status"]["contracts"]
    named = {name: there[name] for name in ENTRIES}
    place.kubectl("apply", "-f", "-", given=settlement("adopted", mode="Adopt", contracts=named))
    place.wait("settlement deployed", lambda: place.condition(ADOPTED, "Ready")[0] == "True")
    place.kubectl("apply", "-f", "-", given=with_settlement("adopted"))
    place.wait("rollup ready", place.is_ready)
    place.deposit(dev_accounts.ADDRESSES[5], 10**18)
    place.wait("batch verified", lambda: place.figures().batches.verified > 0)

    rollup = place.get("ethrexrollup/rollup")["status"]
    assert rollup["contracts"]["bridge"] == there["bridge"]
    assert place.condition("ethrexrollup/rollup", "Verified") == ("True", "ByCode")
    assert place.get(ADOPTED)["status"]["rollups"] == [f"{place.namespace}/rollup"]


def test_what_is_something_else_is_refused_with_its_reason(place: Rollup) -> None:
    there = place.get(MADE)["status"]["contracts"]
    named = {name: there[name] for name in ENTRIES} | {"bridge": there["registry"]}
    place.kubectl("apply", "-f", "-", given=settlement("wrong", mode="Adopt", contracts=named))
    wrong = "ethrexsettlement/wrong"
    place.wait("settlement deployed", lambda: place.condition(wrong, "Deployed") == ("False", "Refused"))
    told = {one["type"]: one["message"] for one in place.get(wrong)["status"]["conditions"]}

    assert "is not the CommonBridge of this version" in told["Deployed"]
    assert place.condition(wrong, "Ready")[0] == "False"
    assert "contracts" not in place.get(wrong)["status"]


def test_it_is_not_deleted_while_somebody_settles_by_it(place: Rollup) -> None:
    place.kubectl("delete", "ethrexsettlement", "adopted", "--wait=false")
    place.wait("drift repaired", lambda: place.condition(ADOPTED, "Ready") == ("False", "InUse"))
    told = {one["type"]: one["message"] for one in place.get(ADOPTED)["status"]["conditions"]}
    place.kubectl("delete", "ethrexrollup", "rollup", "--wait=false")
    place.wait("settled", lambda: not place.is_there("ethrexrollup/rollup"))
    place.wait("drift repaired", lambda: not place.is_there(ADOPTED))

    assert f"{place.namespace}/rollup" in told["Ready"]
