"""The API server takes, refuses and fills in what the models do."""

from __future__ import annotations

import json
from typing import Any

import pytest
from unit.operator.api.manifests import CHANGED, REFUSED, TAKEN, Case

from e2e.whole_cluster import Cluster, KubectlFailed
from ethrex_operator.api import loading


def asked(cluster: Cluster, case: Case) -> dict[str, Any]:
    """What the API server would store."""
    given = json.dumps(case.manifest())
    found: dict[str, Any] = json.loads(
        cluster.kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", given=given)
    )
    return found


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize("case", TAKEN, ids=lambda case: case.name)
def test_what_the_models_take_is_taken_and_filled_in_alike(cluster: Cluster, case: Case) -> None:
    stored = asked(cluster, case)

    assert (
        stored["spec"]
        == loading.read(case.manifest()).model_dump(mode="json", by_alias=True, exclude_none=True)["spec"]
    )


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_what_the_models_refuse_is_refused_at_the_same_field(cluster: Cluster, case: Case) -> None:
    with pytest.raises(KubectlFailed) as refused:
        asked(cluster, case)

    assert case.refused in str(refused.value)


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize(("before", "after"), CHANGED, ids=lambda case: case.name)
def test_a_resource_that_is_there_changes_only_where_nothing_is_lost(
    cluster: Cluster, namespace: str, before: Case, after: Case
) -> None:
    """Rules of the API server alone: on a laptop there is no older object."""
    there = before.manifest()
    there["spec"]["paused"] = True  # it is not about what the operator makes of it
    cluster.apply(there, namespace=namespace)
    wanted = json.dumps(after.manifest() | {"spec": after.manifest()["spec"] | {"paused": True}})
    asked = ("-n", namespace, "replace", "--dry-run=server", "-f", "-")
    if not after.refused:
        cluster.kubectl(*asked, given=wanted)
        return

    with pytest.raises(KubectlFailed) as refused:
        cluster.kubectl(*asked, given=wanted)

    assert f"{after.refused}: Invalid value" in str(refused.value)


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize("name", ["a.b", "a" * 41])
def test_a_name_that_children_could_not_bear_is_refused_by_both(cluster: Cluster, name: str) -> None:
    given = Case("pool", ()).manifest(name)
    with pytest.raises(loading.ManifestInvalid, match=r"metadata\.name"):
        loading.read(given)
    with pytest.raises(KubectlFailed, match=r"metadata\.name: lower case letters"):
        cluster.kubectl("create", "--dry-run=server", "-f", "-", given=json.dumps(given))
