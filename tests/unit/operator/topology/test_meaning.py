"""Fields that say something only of a cluster are named, so that nobody believes in them on one machine."""

from __future__ import annotations

import pytest
import yaml

from ethrex_operator.api import loading
from ethrex_operator.topology import meaning


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ("{network: {dev: {}}}", []),
        ("{network: {dev: {}}, paused: false}", []),
        ("{network: {dev: {}}, paused: true}", ["spec.paused"]),
        ("{network: {dev: {}}, deletion: {policy: Delete}}", ["spec.deletion"]),
        ("{network: {dev: {}}, metrics: {podMonitor: true}}", ["spec.metrics.podMonitor"]),
        ("{network: {dev: {}}, storage: {size: 1Gi}, rpc: {workers: 2}}", ["spec.storage"]),
        ("{network: {dev: {}}, placement: {labels: {a: b}}, image: {}}", ["spec.image", "spec.placement"]),
    ],
)
def test_fields_without_a_meaning_here(spec: str, found: list[str]) -> None:
    document = {"apiVersion": "ethrex.dev/v1alpha1", "kind": "EthrexL1Node", "metadata": {"name": "l1"}}
    resource = loading.read(document | {"spec": yaml.safe_load(spec)})

    assert meaning.only_in_clusters(resource) == found
