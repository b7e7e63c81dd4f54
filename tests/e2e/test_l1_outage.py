"""A rollup whose L1 is away says so and goes on serving; when L1 is back its batches go there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e import rollups
from e2e.rollups import Rollup
from e2e.whole_cluster import Cluster
from ethrex_node.dev import accounts
from ethrex_operator.topology import dev_accounts

pytestmark = pytest.mark.long
ROLLUP = "ethrexrollup/rollup"
SENDER, KEY = dev_accounts.ADDRESSES[6], accounts.derive()[6].key


@pytest.fixture(scope="module")
def rollup(cluster: Cluster, operator: str) -> Iterator[Rollup]:
    with rollups.applied(cluster) as found:
        found.deposit(SENDER, 10**18)
        found.wait("batch verified", lambda: found.figures().batches.verified > 0)
        yield found


def block(rollup: Rollup) -> int:
    return int(rollup.ask("rollup-sequencer", 1729, "eth_blockNumber"), 16)


def test_l1_goes_and_comes_back(rollup: Rollup) -> None:
    begun = rollup.figures().batches
    rollup.take_l1_away()
    rollup.wait("l1 noticed", lambda: rollup.condition(ROLLUP, "L1Reachable") == ("False", "NoAnswer"))
    sent = rollup.ask("rollup-sequencer", 1729, "eth_sendRawTransaction", rollups.transfer(KEY, 0, "0x" + "77" * 20, 5))
    rollup.wait("transaction sealed", lambda: rollup.ask("rollup-sequencer", 1729, "eth_getTransactionReceipt", sent))
    away, stalled = block(rollup), rollup.condition(ROLLUP, "Stalled")
    rollup.wait("blocks go on", lambda: block(rollup) > away + 3)
    ready = rollup.condition(ROLLUP, "Ready")
    pod = rollup.get("pod/rollup-sequencer-0")["metadata"]["uid"]
    rollup.give_l1_back()
    rollup.wait("l1 noticed", lambda: rollup.condition(ROLLUP, "L1Reachable")[0] == "True")
    rollup.wait("batch verified", lambda: rollup.figures().batches.verified > begun.made)
    rollup.wait("rollup ready", rollup.is_ready)

    assert stalled[0] == "False"
    assert ready[0] == "False"
    assert rollup.get("pod/rollup-sequencer-0")["metadata"]["uid"] == pod
