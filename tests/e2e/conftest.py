"""Clusters for the tests below, one for a session; a namespace under restricted pod security for each test."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator

import pytest

from e2e import installed, waits, whole_cluster
from e2e.whole_cluster import Cluster

TEST_SECONDS = 900  # the first one waits for images and cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    try:
        with whole_cluster.running() as found:
            yield found
    except whole_cluster.Unavailable as error:
        unavailable(str(error))


def unavailable(reason: str) -> None:
    """Skip, or fail where REQUIRE_E2E says that nothing may be missing."""
    if os.environ.get("REQUIRE_E2E") == "1":
        pytest.fail(f"REQUIRE_E2E: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def operator(cluster: Cluster) -> Iterator[str]:
    """The namespace of an operator that the chart has installed."""
    try:
        with installed.operator(cluster) as namespace:
            yield namespace
    except installed.NoHelm as error:
        unavailable(str(error))


@pytest.fixture
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """Where nothing may run that is more than the restricted pod security standard allows. Goes with all that is in it."""
    test = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower().removeprefix("test_"))[:40].strip("-")
    name = f"{test}-{uuid.uuid4().hex[:6]}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    cluster.wait_for("kubectl answers", lambda: cluster.kubectl("-n", name, "get", "serviceaccounts", "-o", "name"))
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/e2e/" in item.path.as_posix() and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TEST_SECONDS))
    if os.environ.get("E2E_KUBECONFIG"):
        left = [item for item in items if item.get_closest_marker("own_cluster") is not None]
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if waits.taken:
        terminalreporter.section("times on the cluster")
        for line in waits.summary():
            terminalreporter.write_line(line)
