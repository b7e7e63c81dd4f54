"""A changed node image while batches are on their way: no receipt that was answered is lost, nothing is committed twice."""

from __future__ import annotations

import contextlib
import json
import threading
import time
import urllib.error
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml
from eth_account import Account

from e2e import pods, rollups
from e2e.rollups import CHAIN_ID, EXAMPLE, Rollup
from e2e.whole_cluster import Cluster
from ethrex_node.dev import accounts
from ethrex_node.rollup.settlement import contracts

SENDER = Account.from_key(accounts.derive()[0].key)
FRIEND = "0x" + "77" * 20
OTHER_IMAGE = pods.OPERATOR_IMAGE  # holds the same programs, and is another image


def quick() -> str:
    """The example with a batch every few seconds."""
    found = [one for one in yaml.safe_load_all(EXAMPLE.read_text()) if one]
    for one in found:
        if one["kind"] == "EthrexRollup":
            one["spec"]["batching"] = {"endAfterSeconds": 3, "endAfterIdleSeconds": 2}
    return str(yaml.safe_dump_all(found))


@pytest.fixture(scope="module")
def rollup(cluster: Cluster, operator: str) -> Iterator[Rollup]:
    with rollups.applied(cluster, quick()) as found:
        found.deposit(SENDER.address, 100 * 10**18)
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
            nonce = int(rollups.call(address, "eth_getTransactionCount", SENDER.address, "latest"), 16)
            transaction = {
                "nonce": nonce,
                "to": FRIEND,
                "gas": 21_000,
                "value": 1,
                "chainId": CHAIN_ID,
                "maxFeePerGas": 10**11,
                "maxPriorityFeePerGas": 10**9,
            }
            raw = SENDER.sign_transaction(transaction).raw_transaction.hex().removeprefix("0x")
            try:
                sent = rollups.call(address, "eth_sendRawTransaction", "0x" + raw)
            except AssertionError as error:
                self.refused += "takes no transactions now" in str(error)
                time.sleep(0.2)
                continue
            while not self.stop.is_set() and not (receipt := rollups.call(address, "eth_getTransactionReceipt", sent)):
                time.sleep(0.1)
            if receipt:
                self.receipts.append(receipt)


def committed(rollup: Rollup) -> Counter[int]:
    """How often each batch was committed, by L1's log."""
    proposer = rollup.get("ethrexrollup/rollup")["status"]["contracts"]["proposer"]
    asked = {"address": proposer, "fromBlock": "0x0", "topics": ["0x" + contracts.BATCH_COMMITTED.topic.hex()]}
    logs = rollup.ask("l1", 8545, "eth_getLogs", asked)
    return Counter(int(one["topics"][2], 16) for one in logs)


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
        rollup.wait("handed over", lambda: is_new(rollup, before) and rollup.is_ready())
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
    counted = committed(rollup)
    assert set(counted.values()) == {1}
    assert sorted(counted) == list(range(1, max(counted) + 1))


def is_new(rollup: Rollup, before: str) -> bool:
    with contextlib.suppress(urllib.error.URLError):
        return rollup.is_there("pod/rollup-sequencer-0") and (
            rollup.get("pod/rollup-sequencer-0")["metadata"]["uid"] != before
        )
    return False
