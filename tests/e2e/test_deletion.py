"""A rollup that is deleted settles first, and is found again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e import rollups
from e2e.rollups import EXAMPLE, Rollup
from e2e.whole_cluster import Cluster
from ethrex_operator.topology import dev_accounts

pytestmark = pytest.mark.long
ROLLUP = "ethrexrollup/rollup"
ETHER = 10**18
FRIEND = dev_accounts.ADDRESSES[6]


@pytest.fixture(scope="module")
def rollup(cluster: Cluster, operator: str) -> Iterator[Rollup]:
    with rollups.applied(cluster) as found:
        yield found


def balance(rollup: Rollup) -> int:
    return int(rollup.ask("rollup-sequencer", 1729, "eth_getBalance", FRIEND, "latest"), 16)


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
