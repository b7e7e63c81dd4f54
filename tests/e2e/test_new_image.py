"""A changed node image while batches are on their way: no receipt that was answered is lost, nothing is committed twice."""

from __future__ import annotations

import contextlib
import json
import threading
import time
import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from e2e import pods, rollups
from e2e.rollups import Rollup
from e2e.whole_cluster import Cluster
from ethrex_node.dev import accounts

pytestmark = pytest.mark.long
SENDER = accounts.derive()[0]
SENDER_ADDRESS = "0x" + SENDER.address.hex()
FRIEND = "0x" + "77" * 20
OTHER_IMAGE = pods.OPERATOR_IMAGE  # holds the same programs, and is another image


@pytest.fixture(scope="module")
def rollup(cluster: Cluster, operator: str) -> Iterator[Rollup]:
    with rollups.applied(cluster) as found:
        found.deposit(SENDER_ADDRESS, 100 * 10**18)
        found.wait("batch verified", lambda: found.figures().batches.verified > 0)
        yield found


@dataclass
class User:
    """Sends one transaction after the other for as long as it lives, whatever becomes of its connection."""

    rollup: Rollup
    receipts: list[dict[str, Any]] = field(default_factory=list)
    refused: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self.stop.is_set():
            with contextlib.suppress(AssertionError, OSError):  # the pod goes, and the forwarded port with it
                target = "service/rollup-sequencer"
                with self.rollup.cluster.forward(target, 1729, self.rollup.namespace) as address:
                    self._send(address)
            time.sleep(0.5)

    def _send(self, address: str) -> None:
        while not self.stop.is_set():
            nonce = int(rollups.call(address, "eth_getTransactionCount", SENDER_ADDRESS, "latest"), 16)
            raw = rollups.transfer(SENDER.key, nonce, FRIEND, 1)
            try:
                sent = rollups.call(address, "eth_sendRawTransaction", raw)
            except AssertionError as error:
                self.refused += "takes no transactions now" in str(error)
                time.sleep(0.2)
                continue
            while not self.stop.is_set() and not (receipt := rollups.call(address, "eth_getTransactionReceipt", sent)):
                time.sleep(0.1)
            if receipt:
                self.receipts.append(receipt)


def test_a_changed_image_with_batches_in_flight(rollup: Rollup) -> None:
    before = rollup.get("pod/rollup-sequencer-0")["metadata"]["uid"]
    user = User(rollup)
    thread = threading.Thread(target=user.run)
    thread.start()
    try:
        rollup.wait("deposit arrived", lambda: len(user.receipts) > 5)
        answered = list(user.receipts)
        made = rollup.figures().batches.made
        change = json.dumps({"spec": {"image": {"reference": OTHER_IMAGE}}})
        rollup.kubectl("patch", "ethrexrollup", "rollup", "--type=merge", "-p", change)
        rollup.wait("handed over", lambda: is_new(rollup, before) and seals(rollup))
        rollup.wait("deposit arrived", lambda: len(user.receipts) > len(answered) + 3)
    finally:
        user.stop.set()
        thread.join()
    rollup.wait("batch verified", lambda: rollup.figures().batches.verified > made + 1)

    assert rollup.get("pod/rollup-sequencer-0")["spec"]["containers"][0]["image"] == OTHER_IMAGE
    assert len(rollup.events("HandedOver")) == 1
    assert len(rollup.events("Rolled")) == 1
    for receipt in user.receipts:
        found = rollup.ask("rollup-sequencer", 1729, "eth_getTransactionReceipt", receipt["transactionHash"])
        assert found is not None, receipt
        assert found["blockHash"] == receipt["blockHash"]
    commits = rollup.commits()
    assert commits == list(range(1, len(commits) + 1))


def seals(rollup: Rollup) -> bool:
    up_to_date, sealing = (rollup.condition("ethrexrollup/rollup", one)[0] for one in ("UpToDate", "Sequencing"))
    return up_to_date == sealing == "True"


def is_new(rollup: Rollup, before: str) -> bool:
    with contextlib.suppress(urllib.error.URLError):
        return rollup.is_there("pod/rollup-sequencer-0") and (
            rollup.get("pod/rollup-sequencer-0")["metadata"]["uid"] != before
        )
    return False
