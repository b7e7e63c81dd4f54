"""NetworkPolicies let pods in by the operator's labels: no tenant gets a pod that has them, by whatever makes pods."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from e2e import installed
from e2e.whole_cluster import Cluster, KubectlFailed

TENANT = "tenant"
CONTROLLER = f"system:serviceaccount:{installed.NAMESPACE}:{installed.RELEASE}"
ROLE = {"ethrex.dev/role": "prover"}
NAME = {"app.kubernetes.io/name": "ethrex-operator"}
PLAIN = {"app.kubernetes.io/name": "shop"}
SPEC: dict[str, Any] = {
    "restartPolicy": "Never",
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [
        {
            "name": "main",
            "image": "none",
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        }
    ],
}


def pod(labels: dict[str, str]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one", "labels": labels}, "spec": SPEC}


def template(labels: dict[str, str], **spec: Any) -> dict[str, Any]:
    return {"metadata": {"labels": {"for": "test", **labels}}, "spec": {**SPEC, **spec}}


def deployment(labels: dict[str, str]) -> dict[str, Any]:
    spec = {"selector": {"matchLabels": {"for": "test"}}, "template": template(labels, restartPolicy="Always")}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "one"}, "spec": spec}


def job(labels: dict[str, str]) -> dict[str, Any]:
    spec = {"template": template(labels)}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "one"}, "spec": spec}


def cron_job(labels: dict[str, str]) -> dict[str, Any]:
    spec = {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": template(labels)}}}
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "one"}, "spec": spec}


def replication_controller(labels: dict[str, str]) -> dict[str, Any]:
    spec = {"replicas": 0, "selector": {"for": "test"}, "template": template(labels, restartPolicy="Always")}
    return {"apiVersion": "v1", "kind": "ReplicationController", "metadata": {"name": "one"}, "spec": spec}


MAKERS = (pod, deployment, job, cron_job, replication_controller)


@pytest.fixture(scope="module")
def policies(cluster: Cluster, operator: str) -> Iterator[None]:
    """The installed chart's, at work: the API server takes up a new policy after a moment."""
    probe = f"probe-{uuid.uuid4().hex[:6]}"
    cluster.kubectl("create", "namespace", probe)
    cluster.kubectl(
        "create", "clusterrolebinding", probe, "--clusterrole=admin", f"--user={TENANT}", f"--user={CONTROLLER}"
    )
    for make in MAKERS:
        cluster.wait_for("policy at work", lambda make=make: refusal(cluster, probe, make(ROLE)))  # type: ignore[misc]
    yield
    cluster.kubectl("delete", "clusterrolebinding", probe)
    cluster.kubectl("delete", "namespace", probe, "--wait=false")


def refusal(cluster: Cluster, namespace: str, made: dict[str, Any], by: str = TENANT) -> str | None:
    """What a policy says against it; None where it is taken."""
    try:
        cluster.kubectl(
            "-n", namespace, "create", "--dry-run=server", f"--as={by}", "-f", "-", given=yaml.safe_dump(made)
        )
    except KubectlFailed as error:
        if "ValidatingAdmissionPolicy" not in str(error):
            raise
        return str(error)
    return None


@pytest.mark.usefixtures("policies")
@pytest.mark.parametrize("make", MAKERS)
def test_a_tenant_cannot_take_the_operators_labels(cluster: Cluster, namespace: str, make: Any) -> None:
    assert "labels of ethrex.dev/" in (refusal(cluster, namespace, make(ROLE)) or "")
    assert "pods of the operator" in (refusal(cluster, namespace, make(NAME)) or "")


@pytest.mark.usefixtures("policies")
@pytest.mark.parametrize("make", MAKERS)
def test_other_labels_and_the_operator_itself_are_let_through(cluster: Cluster, namespace: str, make: Any) -> None:
    assert refusal(cluster, namespace, make(PLAIN)) is None
    assert refusal(cluster, namespace, make(ROLE), by=CONTROLLER) is None


@pytest.mark.usefixtures("policies")
def test_a_pod_cannot_be_given_the_labels_later(cluster: Cluster, namespace: str) -> None:
    cluster.apply(pod(PLAIN), namespace=namespace)

    with pytest.raises(KubectlFailed, match=r"labels of ethrex\.dev/"):
        cluster.kubectl("-n", namespace, "label", "pod", "one", "ethrex.dev/role=prover", f"--as={TENANT}")
    cluster.kubectl("-n", namespace, "label", "pod", "one", "team=a", f"--as={TENANT}")
