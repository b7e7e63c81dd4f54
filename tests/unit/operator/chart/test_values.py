"""What the chart makes of its values, and which it refuses."""

from __future__ import annotations

import pytest

from ethrex_operator import main
from ethrex_operator.topology import running

from .rendering import NAMESPACE, Refused, kinds, one, render


def test_defaults_render_two_restricted_replicas() -> None:
    deployment = one(render(), "Deployment")

    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert deployment["spec"]["replicas"] == 2
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@pytest.mark.parametrize("value", ["", "watchNamespace=tenant"])
def test_no_role_touches_secrets_or_takes_everything(value: str) -> None:
    roles = [each for each in render(value) if each["kind"] in ("Role", "ClusterRole")]

    rules = [rule for role in roles for rule in role["rules"]]
    assert rules
    for rule in rules:
        assert "secrets" not in rule["resources"]
        assert "*" not in (*rule["apiGroups"], *rule["resources"], *rule["verbs"])


def test_watching_one_namespace_needs_nothing_of_the_whole_cluster() -> None:
    objects = render("watchNamespace=tenant")

    assert not [kind for kind in kinds(objects) if kind.startswith(("Cluster", "ValidatingAdmission"))]
    assert one(objects, "Role")["metadata"]["namespace"] == "tenant"
    assert "--namespace=tenant" in one(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]["args"]


def test_labels_of_namespaces_are_watched_by_who_serves_them_all_and_by_nobody_else() -> None:
    def watched(*values: str) -> set[str]:
        rules = [rule for one in render(*values) if "rules" in one for rule in one["rules"]]
        return {verb for rule in rules if "namespaces" in rule["resources"] for verb in rule["verbs"]}

    assert {"list", "watch"} <= watched()
    assert not {"list", "watch"} & watched("watchNamespace=tenant")


def test_everything_else_lies_in_the_namespace_of_the_release() -> None:
    placed = {each["metadata"]["namespace"] for each in render() if "namespace" in each["metadata"]}

    assert placed == {NAMESPACE}


def test_a_digest_goes_before_a_tag() -> None:
    digest = "sha256:" + "ab" * 32

    deployment = one(render(f"image.digest={digest}", "image.tag=v9"), "Deployment")

    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == f"ethrex-operator@{digest}"


@pytest.mark.parametrize(
    ("value", "absent"),
    [
        ("podDisruptionBudget.enabled=false", "PodDisruptionBudget"),
        ("replicas=1", "PodDisruptionBudget"),
        ("networkPolicy.enabled=false", "NetworkPolicy"),
        ("admission.enabled=false", "ValidatingAdmissionPolicy"),
        ("uninstall.refuseWithResources=false", "Job"),
    ],
)
def test_parts_can_be_left_out(value: str, absent: str) -> None:
    assert absent in kinds(render())
    assert absent not in kinds(render(value))


def test_pod_monitors_of_the_operator_and_of_what_it_runs_are_made_when_asked_for() -> None:
    objects = render("podMonitor.enabled=true")
    scoped = render("podMonitor.enabled=true", "watchNamespace=tenant")
    operands = one(objects, "PodMonitor", "release-operands")["spec"]

    assert "PodMonitor" not in kinds(render())
    assert one(objects, "PodMonitor")
    assert operands["selector"]["matchLabels"] == {running.POD_MONITOR: "true"}
    assert operands["namespaceSelector"] == {"any": True}
    assert one(scoped, "PodMonitor", "release-operands")["spec"]["namespaceSelector"] == {"matchNames": ["tenant"]}


@pytest.mark.parametrize(
    ("kind", "name", "asks"), [("Pod", "release-leads", "check"), ("Job", "release-uninstall", "left")]
)
def test_what_asks_once_is_restricted_too_and_watches_what_the_operator_does(kind: str, name: str, asks: str) -> None:
    found = one(render("watchNamespace=tenant"), kind, name)
    pod = found["spec"] if kind == "Pod" else found["spec"]["template"]["spec"]
    (container,) = pod["containers"]

    assert container["args"] == [asks, "--namespace=tenant"]
    assert pod["serviceAccountName"] == "release"
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert asks in main.operator.commands


def test_traces_go_where_they_are_asked_for_and_nowhere_by_default() -> None:
    def arguments(*values: str) -> str:
        return " ".join(one(render(*values), "Deployment")["spec"]["template"]["spec"]["containers"][0]["args"])

    assert "tracing" not in arguments()
    assert "--tracing-endpoint=http://c:4318 --tracing-ratio=0.5" in arguments(
        "tracing.endpoint=http://c:4318", "tracing.ratio=0.5"
    )


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("tracing.endpoint=collector", "endpoint"),
        ("tracing.ratio=2", "ratio"),
        ("replica=2", "replica"),
        ("replicas=many", "replicas"),
        ("replicas=6", "replicas"),
        ("logLevel=loud", "logLevel"),
        ("watchNamespace=Not_A_Name", "watchNamespace"),
        ("image.repository=", "repository"),
        ("image.digest=sha256:12", "digest"),
        ("image.pullPolicy=Sometimes", "pullPolicy"),
        ("image.name=x", "image"),
        ("resources.limits.memory=much", "memory"),
        ("networkPolicy.enabled=perhaps", "networkPolicy"),
        ("podMonitor.on=true", "podMonitor"),
        ("imagePullSecrets[0].secret=x", "imagePullSecrets"),
    ],
)
def test_values_that_mean_nothing_are_refused_by_name(value: str, named: str) -> None:
    with pytest.raises(Refused, match=named):
        render(value)
