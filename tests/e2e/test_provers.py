"""
Provers come with the work and go with it, and nobody's work is lost when they go.

One rollup whose pool the planner scales from nothing; then the same pool is scaled by hand, up and down under work.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from eth_account import Account
from prometheus_client.parser import text_string_to_metric_families

from e2e import rollups
from e2e.rollups import CHAIN_ID, EXAMPLE, Rollup
from e2e.whole_cluster import Cluster
from ethrex_node.dev import accounts

pytestmark = pytest.mark.long

POOL = "proverpool/provers"
PROVERS = "ethrex.dev/role=prover"
USUAL = ("leased", "proven", "heartbeat", "decoy_given", "decoy_refused")
# The coordinator's ledger as its log tells it: who got a lease, and what came of it.
LEDGER = re.compile(r"coordinator (leased|proven|a decoy was seen through)  job=(\S+)  prover=(\S+)")
MOST = 3
BACKLOG = 12  # batches
ROUNDS = 10  # of two scale-downs each
FOR_EVER = "0x5b600056"  # JUMPDEST PUSH1 0 JUMP: burns all the gas that it is given
BATCH_GAS = 20_000_000
SENDER = Account.from_key(accounts.derive()[0].key)


def planned() -> str:
    """The example with a pool that the planner scales, deadlines that leave no time to wait, and a batch for each work."""
    found = [one for one in yaml.safe_load_all(EXAMPLE.read_text()) if one]
    for one in found:
        if one["kind"] == "EthrexRollup":
            one["spec"]["proving"]["verifyWithinSeconds"] = 60
            one["spec"]["batching"] = {"endAfterSeconds": 10, "endAfterIdleSeconds": 10, "gasLimit": BATCH_GAS}
        if one["kind"] == "ProverPool":
            one["spec"] = {
                "backend": "attested",
                "scaling": {"mode": "Planner", "min": 0, "max": MOST, "pauseScaleUp": True},
                "cost": {"pricePerHour": "1.00", "budgetPerDay": "100"},
            }
    return yaml.safe_dump_all(found)


@pytest.fixture(scope="module")
def rollup(cluster: Cluster, operator: str) -> Iterator[Rollup]:
    with rollups.applied(cluster, planned()) as found:
        found.deposit(SENDER.address, 1_000 * 10**18)
        yield found


def burn(rollup: Rollup, *gas: int) -> None:
    """A transaction for each, which costs a prover the time to burn it again."""
    with rollup.cluster.forward("service/rollup-sequencer", 1729, rollup.namespace) as address:
        first = int(rollups.call(address, "eth_getTransactionCount", SENDER.address, "pending"), 16)
        for nonce, limit in enumerate(gas, first):
            transaction = {
                "nonce": nonce,
                "gas": limit,
                "data": FOR_EVER,
                "value": 0,
                "chainId": CHAIN_ID,
                "maxFeePerGas": 10**11,
                "maxPriorityFeePerGas": 10**9,
            }
            signed = SENDER.sign_transaction(transaction)
            rollups.call(address, "eth_sendRawTransaction", "0x" + signed.raw_transaction.hex().removeprefix("0x"))


def status(rollup: Rollup) -> dict[str, Any]:
    found: dict[str, Any] = rollup.get(POOL).get("status", {})
    return found


def change(rollup: Rollup, spec: dict[str, Any]) -> None:
    rollup.kubectl("patch", POOL, "--type=merge", "-p", json.dumps({"spec": spec}))


def unfinished(rollup: Rollup) -> list[str]:
    """
    Leases that did not end by their own prover's proof: another got the job (they ran out), or the pod is gone and they are
    open. And what else happened at the coordinator: leases that were given back, jobs that failed, proofs that were refused.
    """
    alive = {name.partition("/")[2] for name in rollup.names("pods", PROVERS)}
    found, held = [], dict[str, str]()
    ledger = LEDGER.findall(rollup.kubectl("logs", "rollup-sequencer-0"))
    assert ledger
    for what, job, prover in ledger:
        before = held.pop(job, None)
        if what != "leased" and before != prover:
            found.append(f"{job}: {what} by {prover}, the lease was that of {before}")
        if what == "leased":
            held[job] = prover
            found += [f"{job}: leased to {prover} while {before} had it"] if before else []
    found += [f"{job}: open, and {one} is gone" for job, one in held.items() if one.rpartition(".")[2] not in alive]
    families = text_string_to_metric_families(rollup.metrics().decode())
    samples = (one for family in families for one in family.samples if one.name == "ethrex_proof_events_total")
    events = {one.labels["event"]: one.value for one in samples}
    assert events["proven"] > 0
    return found + [f"{name}: {count}" for name, count in events.items() if count and name not in USUAL]


def verify_all(rollup: Rollup) -> None:
    made = rollup.figures().batches.made
    rollup.wait("backlog proven", lambda: rollup.figures().batches.verified >= made)


def test_provers_come_for_a_backlog_and_go_after_it(rollup: Rollup) -> None:
    chance = random.Random(5)
    burn(rollup, *(chance.randrange(10, 20) * 1_000_000 for _ in range(BACKLOG)))
    rollup.wait("batch verified", lambda: rollup.figures().batches.committed >= BACKLOG)
    nobody = status(rollup)["desiredReplicas"]

    change(rollup, {"scaling": {"pauseScaleUp": False}})
    rollup.wait("provers come", lambda: status(rollup)["desiredReplicas"] > 1)
    said = rollup.condition(POOL, "ScalingActive")
    verify_all(rollup)
    rollup.wait("planned provers go", lambda: len(rollup.names("jobs", PROVERS)) < 2)

    assert nobody == 0
    assert said in {("True", "DeadlinesAtRisk"), ("True", "MoreForDeadlines")}
    assert rollup.condition(POOL, "WithinBudget") == ("True", "MoneyIsLeft")
    assert unfinished(rollup) == []


@pytest.mark.timeout(1800)
def test_no_work_is_lost_when_provers_go(rollup: Rollup) -> None:
    change(rollup, {"replicas": MOST, "scaling": {"mode": "Fixed"}})
    chance = random.Random(6)
    for _ in range(ROUNDS):
        rollup.kubectl("scale", POOL, f"--replicas={MOST}")
        rollup.wait("provers come", lambda: status(rollup).get("readyReplicas") == MOST)
        burn(rollup, *(chance.randrange(1, 20) * 1_000_000 for _ in range(3)))
        rollup.kubectl("scale", POOL, "--replicas=1")
        rollup.wait("provers go", lambda: len(rollup.names("jobs", PROVERS)) == 1)
    verify_all(rollup)

    assert len(rollup.events("ProverLeaves")) >= 2 * ROUNDS
    assert unfinished(rollup) == []


def test_a_prover_that_shall_go_while_its_program_starts_goes_at_once(rollup: Rollup) -> None:
    rollup.kubectl("scale", POOL, f"--replicas={MOST}")
    rollup.wait("provers come", lambda: len(started(rollup)) == MOST)
    rollup.kubectl("scale", POOL, "--replicas=0")

    rollup.wait("provers go", lambda: rollup.names("pods", PROVERS) == [])


def started(rollup: Rollup) -> list[str]:
    """Whose program runs, ready or not."""
    pods = json.loads(rollup.kubectl("get", "pods", "-l", PROVERS, "-o", "json"))["items"]
    states = {one["metadata"]["name"]: one["status"].get("containerStatuses", []) for one in pods}
    return [name for name, found in states.items() if found and "running" in found[0]["state"]]
