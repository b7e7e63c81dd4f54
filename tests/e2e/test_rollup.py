"""
`kubectl apply -f examples/rollup.yaml`: a rollup that settles, keeps what it made, and lives on when something is killed.

One rollup for all of these tests, in the order in which they stand: starting one is most of the time that they take.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from e2e import pods, rollups
from e2e.rollups import EXAMPLE, Rollup
from e2e.whole_cluster import Cluster, KubectlFailed
from ethrex_node.dev import accounts
from ethrex_operator.kube.objects import naming
from ethrex_operator.topology import dev_accounts

ETHER = 10**18
STRANGER = "0x" + "59" * 20
SENDER = accounts.derive()[5]


@pytest.fixture(scope="module")
def rollup(cluster: Cluster, operator: str) -> Iterator[Rollup]:
    with rollups.applied(cluster) as found:
        yield found


def test_a_deposit_arrives_and_its_batch_is_verified(rollup: Rollup) -> None:
    balance = rollup.deposit(dev_accounts.ADDRESSES[5], ETHER)
    rollup.wait("batch verified", lambda: rollup.figures().batches.verified > 0)

    assert balance == ETHER


@pytest.mark.parametrize("what", rollups.KINDS)
def test_of_what_a_user_applied_nothing_is_anybody_elses_but_finalizers(rollup: Rollup, what: str) -> None:
    found = json.loads(rollup.kubectl("get", what, "-o", "json", "--show-managed-fields"))["metadata"]["managedFields"]
    others = [one["fieldsV1"] for one in found if not one["manager"].startswith("kubectl")]

    assert others
    for fields in others:
        assert fields.keys() <= {"f:status", "f:metadata"}
        assert fields.get("f:metadata", {}).keys() <= {"f:finalizers"}


def test_money_goes_there_and_back_by_services_alone(rollup: Rollup) -> None:
    """A user's pod beside it, which knows the names of two Services."""

    def ethrex(name: str, *words: str) -> None:
        urls = ("--rpc-url", "http://rollup-rpc:1729", "--l1-rpc-url", "http://l1:8545", "--key", "dev:7", "--json")
        rollup.cluster.apply(pods.pod(name, pods.NODE_IMAGE, "l2", *words, *urls), namespace=rollup.namespace)
        rollup.cluster.wait_until_done(name, rollup.namespace, "claimed")
        rollup.kubectl("delete", "pod", name)

    ethrex("deposits", "deposit", "2eth", "--wait")
    ethrex("withdraws", "withdraw", "1eth", "--to", STRANGER, "--claim")

    assert int(rollup.ask("l1", 8545, "eth_getBalance", STRANGER, "latest"), 16) == ETHER
    assert int(rollup.ask("rollup-sequencer", 1729, "eth_getBalance", STRANGER, "latest"), 16) == 0


@pytest.mark.parametrize(
    "child",
    [
        "service/rollup-sequencer",
        "configmap/rollup-sequencer-files",
        "networkpolicy/rollup-sequencer",
        "serviceaccount/provers",
        "service/l1",
    ],
)
def test_what_somebody_deletes_is_made_again_with_one_event(rollup: Rollup, child: str) -> None:
    before = rollup.get(child)["metadata"]["uid"]
    told = len(rollup.events("Recreated"))

    rollup.kubectl("delete", child)
    rollup.wait("drift repaired", lambda: rollup.is_there(child) and rollup.get(child)["metadata"]["uid"] != before)
    rollup.wait("drift repaired", lambda: len(rollup.events("Recreated")) > told)

    assert len(rollup.events("Recreated")) == told + 1


def test_what_somebody_changes_is_put_back(rollup: Rollup) -> None:
    rollup.kubectl("patch", "networkpolicy", "l1", "--type=merge", "-p", '{"spec":{"ingress":[]}}')
    rollup.kubectl("label", "configmap", "rollup-sequencer-files", f"{naming.OWNER}-", "--overwrite")

    rollup.wait("drift repaired", lambda: rollup.get("networkpolicy/l1")["spec"]["ingress"])
    rollup.wait(
        "drift repaired",
        lambda: naming.OWNER in rollup.get("configmap/rollup-sequencer-files")["metadata"]["labels"],
    )


def test_a_sequencer_killed_in_the_middle_of_a_batch_loses_nothing_and_commits_nothing_twice(rollup: Rollup) -> None:
    raw = rollups.transfer(SENDER.key, 0, STRANGER, 1)
    sent = rollup.ask("rollup-sequencer", 1729, "eth_sendRawTransaction", raw)
    receipt = rollup.wait(
        "transaction sealed", lambda: rollup.ask("rollup-sequencer", 1729, "eth_getTransactionReceipt", sent)
    )
    before = int(rollup.ask("rollup-sequencer", 1729, "eth_blockNumber"), 16)
    made = rollup.figures().batches.made
    uid = rollup.get("pod/rollup-sequencer-0")["metadata"]["uid"]

    rollup.kubectl("delete", "pod", "rollup-sequencer-0", "--grace-period=0", "--force")
    rollup.wait(
        "role back",
        lambda: (
            rollup.is_there("pod/rollup-sequencer-0") and rollup.get("pod/rollup-sequencer-0")["metadata"]["uid"] != uid
        ),
    )
    rollup.cluster.wait_until_ready("rollup-sequencer-0", rollup.namespace)
    rollup.wait("role back", rollup.is_ready)
    rollup.wait("batch verified", lambda: rollup.figures().batches.verified > made)
    kept = rollup.ask("rollup-sequencer", 1729, "eth_getTransactionReceipt", sent)
    commits = rollup.commits()

    assert int(rollup.ask("rollup-sequencer", 1729, "eth_blockNumber"), 16) >= before
    assert kept["blockHash"] == receipt["blockHash"]
    assert commits == list(range(1, len(commits) + 1))


def test_a_changed_setting_rolls_its_pod_and_no_other(rollup: Rollup) -> None:
    l1 = rollup.get("pod/l1-0")["metadata"]["uid"]
    before = rollup.get("pod/rollup-sequencer-0")["metadata"]["uid"]

    rollup.kubectl(
        "patch", "ethrexrollup", "rollup", "--type=merge", "-p", '{"spec":{"batching":{"endAfterSeconds":5}}}'
    )
    rollup.wait(
        "role back",
        lambda: (
            rollup.is_there("pod/rollup-sequencer-0")
            and rollup.get("pod/rollup-sequencer-0")["metadata"]["uid"] != before
            and rollup.is_ready()
        ),
    )

    assert "--committer.commit-time 5" in " ".join(
        rollup.get("pod/rollup-sequencer-0")["spec"]["containers"][0]["args"]
    )
    assert rollup.get("pod/l1-0")["metadata"]["uid"] == l1


def test_a_pool_is_scaled_by_its_scale_subresource(rollup: Rollup) -> None:
    rollup.kubectl("scale", "proverpool", "provers", "--replicas=2")
    rollup.wait("role back", lambda: rollup.get("proverpool/provers")["status"].get("readyReplicas") == 2)
    rollup.kubectl("scale", "proverpool", "provers", "--replicas=1")
    rollup.wait("role back", lambda: len(rollup.names("jobs")) == 2)  # the deployer's and one prover's

    assert rollup.get("proverpool/provers")["status"]["desiredReplicas"] == 1


def test_a_horizontal_pod_autoscaler_has_a_pool_that_is_left_to_it(rollup: Rollup) -> None:
    """The cluster's own, which goes up to its least without any figure."""
    autoscaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "provers"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "ethrex.dev/v1alpha1", "kind": "ProverPool", "name": "provers"},
            "minReplicas": 2,
            "maxReplicas": 3,
        },
    }
    scaled = {"scaling": {"mode": "External"}}
    rollup.kubectl("patch", "proverpool", "provers", "--type=merge", "-p", json.dumps({"spec": scaled}))
    rollup.cluster.apply(autoscaler, namespace=rollup.namespace)
    rollup.wait("provers come", lambda: rollup.get("proverpool/provers")["status"].get("readyReplicas") == 2)
    asked = rollup.get("proverpool/provers")["spec"]["replicas"]
    rollup.kubectl("delete", "horizontalpodautoscaler", "provers")
    scaled = {"scaling": {"mode": "Fixed"}}
    rollup.kubectl(
        "patch", "proverpool", "provers", "--type=merge", "-p", json.dumps({"spec": {**scaled, "replicas": 1}})
    )
    rollup.wait("provers go", lambda: len(rollup.names("jobs")) == 2)

    assert asked == 2


def test_nothing_is_changed_while_a_resource_is_paused(rollup: Rollup) -> None:
    rollup.kubectl("patch", "ethrexl1node", "l1", "--type=merge", "-p", '{"spec":{"paused":true}}')
    rollup.wait("drift repaired", lambda: rollup.condition("ethrexl1node/l1", "Paused")[0] == "True")
    rollup.kubectl("delete", "networkpolicy", "l1")
    rollup.kubectl("delete", "service", "provers-0")
    rollup.wait("drift repaired", lambda: rollup.is_there("service/provers-0"))
    is_there = rollup.is_there("networkpolicy/l1")
    rollup.kubectl("patch", "ethrexl1node", "l1", "--type=merge", "-p", '{"spec":{"paused":false}}')
    rollup.wait("drift repaired", lambda: rollup.is_there("networkpolicy/l1"))

    assert not is_there


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ('{"spec":{"chainId":7}}', "chainId cannot be changed"),
        ('{"spec":{"l1":{"urls":["http://elsewhere"]}}}', "exactly one of ref and urls"),
        ('{"spec":{"proving":{"policy":{"require":[]}}}}', "anybody could settle anything"),
    ],
)
def test_what_may_not_be_is_refused_by_the_api_server(rollup: Rollup, change: str, said: str) -> None:
    with pytest.raises(KubectlFailed, match=said):
        rollup.kubectl("patch", "ethrexrollup", "rollup", "--type=merge", "-p", change)


def test_another_operator_goes_on_where_the_leader_was_killed(rollup: Rollup, operator: str) -> None:
    def holder() -> str:
        return str(rollup.cluster.get("lease", "ethrex-operator", operator)["spec"]["holderIdentity"])

    before = holder()
    pod = before.rsplit("-", 1)[0]
    rollup.cluster.kubectl("-n", operator, "delete", "pod", pod, "--grace-period=0", "--force")
    rollup.wait("new leader", lambda: holder() not in ("", before))
    rollup.kubectl("delete", "service", "l1")

    rollup.wait("drift repaired", lambda: rollup.is_there("service/l1"))


def test_what_is_deleted_and_applied_again_finds_its_contracts_and_its_chain(rollup: Rollup) -> None:
    bridge = rollup.get("ethrexrollup/rollup")["status"]["contracts"]["bridge"]
    before = int(rollup.ask("rollup-sequencer", 1729, "eth_blockNumber"), 16)

    rollup.kubectl("delete", "-f", str(EXAMPLE))
    rollup.wait("children gone", lambda: not rollup.names("statefulsets") and not rollup.names("pods"))
    volumes = rollup.names("persistentvolumeclaims")
    rollup.kubectl("apply", "-f", str(EXAMPLE))
    rollup.wait("rollup ready", rollup.is_ready)

    assert len(volumes) == 2
    assert rollup.get("ethrexrollup/rollup")["status"]["contracts"]["bridge"] == bridge
    assert int(rollup.ask("rollup-sequencer", 1729, "eth_blockNumber"), 16) >= before
