"""A rollup that was applied as users apply it, and what tests ask it."""

from __future__ import annotations

import json
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eth_account import Account

from e2e.whole_cluster import Cluster, KubectlFailed
from ethrex_node.rollup.settlement import contracts
from ethrex_operator.chain import figures
from ethrex_operator.ctl import dev_funds

EXAMPLE: Final = Path(__file__).parents[2] / "examples" / "rollup.yaml"
CHAIN_ID: Final = 65_536_999
KINDS: Final = ("ethrexl1node/l1", "ethrexrollup/rollup", "proverpool/provers")


@dataclass(frozen=True, slots=True)
class Rollup:
    cluster: Cluster
    namespace: str

    def kubectl(self, *words: str, given: str | None = None) -> str:
        return self.cluster.kubectl("-n", self.namespace, *words, given=given)

    def get(self, what: str) -> dict[str, Any]:
        kind, _, name = what.partition("/")
        return self.cluster.get(kind, name, self.namespace)

    def is_there(self, what: str) -> bool:
        try:
            self.get(what)
        except KubectlFailed:
            return False
        return True

    def names(self, kind: str, labels: str = "") -> list[str]:
        return self.kubectl("get", kind, "-o", "name", "-l", labels).split()

    def condition(self, what: str, type: str) -> tuple[str, str]:
        found = self.get(what).get("status", {}).get("conditions", [])
        return next(((one["status"], one["reason"]) for one in found if one["type"] == type), ("", ""))

    def is_ready(self) -> bool:
        return all(self.condition(what, "Ready")[0] == "True" for what in KINDS)

    def wait(self, what: str, holds: Any) -> Any:
        return self.cluster.wait_for(what, holds, self.namespace)

    def ask(self, service: str, port: int, method: str, *params: Any) -> Any:
        with self.cluster.forward(f"service/{service}", port, self.namespace) as address:
            return call(address, method, *params)

    def metrics(self) -> bytes:
        """The sequencer's page."""
        with (
            self.cluster.forward("service/rollup-sequencer", 9090, self.namespace) as address,
            urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer,
        ):
            return bytes(answer.read())

    def figures(self) -> figures.Rollup:
        return figures.read(self.metrics())

    def commits(self) -> list[int]:
        """The batches that L1's log says were committed, as often as they were."""
        proposer = self.get("ethrexrollup/rollup")["status"]["contracts"]["proposer"]
        asked = {"address": proposer, "fromBlock": "0x0", "topics": ["0x" + contracts.BATCH_COMMITTED.topic.hex()]}
        return sorted(int(one["topics"][2], 16) for one in self.ask("l1", 8545, "eth_getLogs", asked))

    def deposit(self, account: str, wei: int) -> int:
        """From a dev account of L1 to the same one here; what it has when it arrives."""
        bridge = self.get("ethrexrollup/rollup")["status"]["contracts"]["bridge"]
        data = f"{dev_funds.DEPOSIT}{CHAIN_ID:064x}{account[2:]:0>64}"
        self.ask("l1", 8545, "eth_sendTransaction", {"from": account, "to": bridge, "value": hex(wei), "data": data})
        return int(
            self.wait(
                "deposit arrived",
                lambda: int(self.ask("rollup-sequencer", 1729, "eth_getBalance", account, "latest"), 16),
            )
        )

    def take_l1_away(self) -> None:
        """Nobody answers there until `give_l1_back`; its volume stays."""
        self.kubectl("patch", "ethrexl1node", "l1", "--type=merge", "-p", '{"spec":{"paused":true}}')
        self.wait("condition told", lambda: self.condition("ethrexl1node/l1", "Paused")[0] == "True")
        self.kubectl("scale", "statefulset", "l1", "--replicas=0")
        self.wait("children gone", lambda: not self.is_there("pod/l1-0"))

    def give_l1_back(self) -> None:
        """The operator puts back what was changed of a resource that is not paused any more."""
        self.kubectl("patch", "ethrexl1node", "l1", "--type=merge", "-p", '{"spec":{"paused":false}}')

    def events(self, reason: str) -> list[str]:
        found = json.loads(self.kubectl("get", "events.events.k8s.io", "-o", "json"))["items"]
        return [one["note"] for one in found if one["reason"] == reason]


def call(address: str, method: str, *params: Any) -> Any:
    """The result of JSON-RPC at an address that is forwarded."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    request = urllib.request.Request(f"http://{address}", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        found = json.load(answer)
    assert "error" not in found, f"{method}: {found['error']}"
    return found["result"]


def transfer(key: bytes, nonce: int, to: str, wei: int) -> str:
    """A signed transaction of the rollup."""
    transaction = {
        "nonce": nonce,
        "to": to,
        "gas": 200_000,
        "value": wei,
        "chainId": CHAIN_ID,
        "maxFeePerGas": 10**11,
        "maxPriorityFeePerGas": 10**9,
    }
    return "0x" + str(Account.from_key(key).sign_transaction(transaction).raw_transaction.hex()).removeprefix("0x")


@contextmanager
def namespace(cluster: Cluster, name: str | None = None) -> Iterator[Rollup]:
    """A place for one, where restricted pod security is enforced."""
    name = name or f"rollup-{uuid.uuid4().hex[:6]}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    yield Rollup(cluster, name)
    cluster.kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")


@contextmanager
def applied(cluster: Cluster, manifest: str | None = None, *, within: str | None = None) -> Iterator[Rollup]:
    """Ready: the example, or `manifest` with the same names; in the namespace `within`, or one of any name."""
    with namespace(cluster, within) as made:
        made.kubectl("apply", "-f", "-", given=manifest or EXAMPLE.read_text())
        made.wait("rollup ready", made.is_ready)
        yield made
