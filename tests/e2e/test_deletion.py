"""A rollup that is deleted settles first; where it cannot, it goes all the same and says what is left."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e import rollups
from e2e.rollups import EXAMPLE, Rollup
from e2e.whole_cluster import Cluster
from ethrex_node.dev import accounts
from ethrex_operator.topology import dev_accounts

pytestmark = pytest.mark.long
ROLLUP = "ethrexrollup/rollup"
ETHER = 10**18
FRIEND, KEY = dev_accounts.ADDRESSES[6], accounts.derive()[6].key
STRANGER = "0x" + "77" * 20


@pytest.fixture(scope="module")
def rollup(cluster: Cluster, operator: str) -> Iterator[Rollup]:
    with rollups.applied(cluster) as found:
        yield found


def balance(rollup: Rollup, account: str = FRIEND) -> int:
    return int(rollup.ask("rollup-sequencer", 1729, "eth_getBalance", account, "latest"), 16)


def deleted(rollup: Rollup, what: str) -> None:
    rollup.kubectl("delete", "ethrexrollup", "rollup", "--wait=false")
    rollup.wait(what, lambda: not rollup.is_there(ROLLUP))
    rollup.wait("children gone", lambda: not rollup.is_there("pod/rollup-sequencer-0"))


def test_what_was_taken_is_verified_on_l1_before_it_goes_and_is_found_again(rollup: Rollup) -> None:
    rollup.deposit(FRIEND, ETHER)
    bridge = rollup.get(ROLLUP)["status"]["contracts"]["bridge"]
    block = int(rollup.ask("rollup-sequencer", 1729, "eth_blockNumber"), 16)

    deleted(rollup, "settled")
    (told,) = rollup.events("Settled")
    volumes = rollup.names("persistentvolumeclaims")
    rollup.kubectl("apply", "-f", str(EXAMPLE))
    rollup.wait("rollup ready", rollup.is_ready)

    assert "L1 has verified every batch" in told
    assert "of 0 batches" not in told
    assert "kept: rollup-sequencer-data" in told
    assert "persistentvolumeclaim/rollup-sequencer-data" in volumes
    assert rollup.get(ROLLUP)["status"]["contracts"]["bridge"] == bridge
    assert int(rollup.ask("rollup-sequencer", 1729, "eth_blockNumber"), 16) >= block
    assert balance(rollup) == ETHER


def test_with_its_l1_down_it_is_abandoned_and_goes_on_later(rollup: Rollup) -> None:
    seen = rollup.figures().batches
    rollup.take_l1_away()
    paid = rollup.ask(
        "rollup-sequencer", 1729, "eth_sendRawTransaction", rollups.transfer(KEY, 0, STRANGER, ETHER // 4)
    )
    rollup.wait("transaction sealed", lambda: rollup.ask("rollup-sequencer", 1729, "eth_getTransactionReceipt", paid))

    deleted(rollup, "abandoned")
    (told,) = rollup.events("Abandoned")
    rollup.give_l1_back()
    rollup.kubectl("apply", "-f", str(EXAMPLE))
    rollup.wait("rollup ready", rollup.is_ready)
    rollup.wait("batch verified", lambda: rollup.figures().batches.verified > seen.made)

    assert "its L1 does not answer" in told
    assert "kept: rollup-sequencer-data" in told
    assert balance(rollup, STRANGER) == ETHER // 4


def test_a_namespace_goes_with_all_that_is_in_it(rollup: Rollup) -> None:
    rollup.deposit(FRIEND, ETHER)
    rollup.cluster.kubectl("delete", "namespace", rollup.namespace, "--wait=false")
    rollup.wait("namespace gone", lambda: not is_there(rollup))
    listed = rollup.cluster.kubectl("-n", "default", "get", "events.events.k8s.io", "-o", "custom-columns=N:.note")

    assert f"{ROLLUP.partition('/')[2]}: its namespace is being deleted" in listed
    assert "nothing is kept" in listed


def is_there(rollup: Rollup) -> bool:
    return f"namespace/{rollup.namespace}" in rollup.cluster.kubectl("get", "namespaces", "-o", "name").split()
