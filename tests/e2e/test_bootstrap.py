"""A rollup whose volumes are lost says so, and goes on from the last batch that L1 verified (`bootstrap: L1`)."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from e2e import rollups
from e2e.rollups import EXAMPLE, Rollup
from e2e.whole_cluster import Cluster, KubectlFailed
from ethrex_node.dev import accounts
from ethrex_operator.topology import dev_accounts

pytestmark = pytest.mark.long
ROLLUP = "ethrexrollup/rollup"
VOLUME = "persistentvolumeclaim/rollup-sequencer-data"
ETHER = 10**18
FRIEND, KEY = dev_accounts.ADDRESSES[6], accounts.derive()[6].key
STRANGER = "0x" + "77" * 20


def with_spec(**spec: Any) -> str:
    """The example's rollup, with more said of it."""
    found = next(one for one in yaml.safe_load_all(EXAMPLE.read_text()) if one["kind"] == "EthrexRollup")
    return json.dumps({**found, "spec": {**found["spec"], **spec}})


def balance(rollup: Rollup, account: str) -> int:
    return int(rollup.ask("rollup-sequencer", 1729, "eth_getBalance", account, "latest"), 16)


def test_a_rollup_that_is_made_again_without_its_volumes_goes_on_from_l1(cluster: Cluster, operator: str) -> None:
    with rollups.applied(cluster) as rollup:
        rollup.deposit(FRIEND, ETHER)
        paid = rollups.transfer(KEY, 0, STRANGER, ETHER // 4)
        rollup.ask("rollup-sequencer", 1729, "eth_sendRawTransaction", paid)
        rollup.wait("transaction sealed", lambda: balance(rollup, STRANGER) > 0)
        bridge = rollup.get(ROLLUP)["status"]["contracts"]["bridge"]
        volume = rollup.get(VOLUME)["metadata"]["uid"]

        rollup.kubectl("delete", ROLLUP, "--wait=false")
        rollup.wait("settled", lambda: not rollup.is_there(ROLLUP))
        rollup.wait("children gone", lambda: not rollup.is_there("pod/rollup-sequencer-0"))
        (told,) = rollup.events("Settled")
        rollup.kubectl("delete", VOLUME)
        rollup.kubectl("apply", "-f", "-", given=with_spec(bootstrap="L1", sequencer={"epoch": 2}))
        rollup.wait("rollup ready", rollup.is_ready)
        begun = rollup.figures().batches
        kept = balance(rollup, FRIEND), balance(rollup, STRANGER)
        block = int(rollup.ask("rollup-sequencer", 1729, "eth_blockNumber"), 16)
        again = rollups.transfer(KEY, 1, STRANGER, ETHER // 4)
        rollup.ask("rollup-sequencer", 1729, "eth_sendRawTransaction", again)
        rollup.wait("batch verified", lambda: rollup.figures().batches.verified > begun.made)

        assert "L1 has verified every batch" in told
        assert rollup.get(VOLUME)["metadata"]["uid"] != volume
        assert rollup.get(ROLLUP)["status"]["contracts"]["bridge"] == bridge
        assert begun.verified > 0
        assert block > 1
        assert ETHER // 2 < kept[0] < ETHER
        assert kept[1] == ETHER // 4
        assert balance(rollup, STRANGER) == ETHER // 2


def test_a_lost_volume_is_told_with_its_cure_and_one_word_goes_on_from_l1(cluster: Cluster, operator: str) -> None:
    with rollups.applied(cluster) as rollup:
        rollup.deposit(FRIEND, ETHER)
        rollup.wait("batch verified", lambda: (seen := rollup.figures().batches).verified == seen.made > 0)
        before = rollup.figures().batches.verified
        volume = rollup.get(VOLUME)["metadata"]["uid"]

        rollup.kubectl("delete", VOLUME, "--wait=false")
        rollup.kubectl("delete", "pod", "rollup-sequencer-0", "--wait=false")
        rollup.wait("data lost", lambda: rollup.condition(ROLLUP, "Sequencing") == ("False", "DataLost"))
        stalled, ready = (rollup.condition(ROLLUP, type) for type in ("Stalled", "Ready"))
        told = {one["type"]: one["message"] for one in rollup.get(ROLLUP)["status"]["conditions"]}["Sequencing"]
        change(rollup, {"bootstrap": "L1", "sequencer": {"epoch": 2}})
        rollup.wait("rollup ready", rollup.is_ready)
        kept = balance(rollup, FRIEND)
        rollup.ask("rollup-sequencer", 1729, "eth_sendRawTransaction", rollups.transfer(KEY, 0, STRANGER, ETHER // 4))
        rollup.wait("batch verified", lambda: rollup.figures().batches.verified > before)

        assert rollup.get(VOLUME)["metadata"]["uid"] != volume
        assert (stalled, ready) == (("True", "DataLost"), ("False", "DataLost"))
        assert "spec.bootstrap: L1 and spec.sequencer.epoch: 2" in told
        assert f"L1 has batches up to {before}" in told
        assert len(rollup.events("DataLost")) == 1
        assert kept == ETHER
        assert balance(rollup, STRANGER) == ETHER // 4
        with pytest.raises(KubectlFailed, match="bootstrap cannot go back to New"):
            change(rollup, {"bootstrap": "New"})


def change(rollup: Rollup, spec: dict[str, Any]) -> None:
    rollup.kubectl("patch", ROLLUP, "--type=merge", "-p", json.dumps({"spec": spec}))
