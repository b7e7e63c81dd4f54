"""The operator as users install it: by the chart, with the images of this checkout."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final

from e2e import pods, waits
from e2e.whole_cluster import Cluster

CHART: Final = Path(__file__).parents[2] / "charts" / "ethrex-operator"
RELEASE: Final = "ethrex"
NAMESPACE: Final = "ethrex-system"


class NoHelm(Exception):
    """The chart cannot be installed."""


@contextmanager
def operator(
    cluster: Cluster,
    namespace: str = NAMESPACE,
    release: str = RELEASE,
    values: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[str]:
    """`values` beside those that name the images of this checkout. Raises `NoHelm`."""
    upgrade(cluster, namespace, release, values)
    try:
        yield namespace
    finally:
        uninstall(cluster, namespace, release)


def uninstall(cluster: Cluster, namespace: str = NAMESPACE, release: str = RELEASE) -> None:
    """With what tests made: that goes at the same time as the operator, so nobody is asked what is left."""
    limit = f"{waits.SECONDS['chart installed']:g}s"
    more = ("--no-hooks", "--wait", "--timeout", limit)
    _run(cluster, helm(cluster), namespace, "uninstall", release, "--ignore-not-found", *more)


def upgrade(
    cluster: Cluster,
    namespace: str = NAMESPACE,
    release: str = RELEASE,
    values: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Until its pods are ready. Raises `NoHelm`."""
    begun = time.monotonic()
    repository, _, tag = pods.OPERATOR_IMAGE.rpartition(":")
    usual = {
        "image.repository": repository,
        "image.tag": tag,
        "operands.node": pods.NODE_IMAGE,
        "operands.prover": pods.PROVER_IMAGE,
        "logLevel": "info",
    }
    given = [word for name, value in {**usual, **values}.items() for word in ("--set", f"{name}={value}")]
    limit = f"{waits.SECONDS['chart installed']:g}s"
    more = ("--create-namespace", "--wait", "--timeout", limit)
    _run(cluster, helm(cluster), namespace, "upgrade", "--install", release, str(CHART), *given, *more)
    waits.record("chart installed", time.monotonic() - begun)


def holder(cluster: Cluster, namespace: str = NAMESPACE) -> str:
    """The pod that leads."""
    found = str(cluster.get("lease", "ethrex-operator", namespace)["spec"].get("holderIdentity") or "")
    return found.rpartition("-")[0]


def helm(cluster: Cluster) -> str:
    beside = cluster.program.with_name("helm")
    found = str(beside) if beside.exists() else shutil.which("helm")
    if found is None:
        raise NoHelm("missing: helm (tests/e2e/cluster/deps.sh puts it beside the cluster's program)")
    return found


def _run(cluster: Cluster, program: str, namespace: str, *words: str) -> None:
    command = [program, "--kubeconfig", str(cluster.kubeconfig), "--namespace", namespace, *words]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"helm {words[0]}: {ended.stderr}{ended.stdout}"
