"""
An old leader writes nothing once a new one has begun, whatever kept it: judged by the API server's audit log.

While it is away, somebody deletes services all the time, so that both would have something to write.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import pytest

from e2e import audit, installed, rollups
from e2e.audit import Asked
from e2e.rollups import Rollup
from e2e.whole_cluster import Cluster

ACCOUNT = installed.RELEASE  # the chart calls it by the release
AWAY_SECONDS = 30.0
API_PORT = 6443
TABLE = "e2e-black-hole"

pytestmark = [pytest.mark.long, pytest.mark.own_cluster]


@pytest.fixture(scope="module")
def rollup(cluster: Cluster, operator: str) -> Iterator[Rollup]:
    with rollups.applied(cluster) as found:
        yield found


def process_of(pod: str) -> psutil.Process:
    """The operator's own, which the pod's name tells from others."""
    for one in psutil.process_iter():
        try:
            if "ethrex-operator" in " ".join(one.cmdline()) and one.environ().get("HOSTNAME") == pod:
                return one
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    raise AssertionError(f"no process of pod {pod}")


@contextmanager
def stopped(_: Cluster, __: str, pod: str) -> Iterator[None]:
    process = process_of(pod)
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        if process.is_running():
            process.send_signal(signal.SIGCONT)


@contextmanager
def without_api(cluster: Cluster, operator: str, pod: str) -> Iterator[None]:
    """What its pod sends to the API server is lost, also on connections that it has."""
    address = cluster.get("pod", pod, operator)["status"]["podIP"]
    rules = f"""
        table ip {TABLE} {{
            chain in {{
                type filter hook input priority -200;
                ip saddr {address} tcp dport {API_PORT} drop
            }}
        }}
    """
    subprocess.run(cluster.inside("nft", "-f", "-"), input=rules, text=True, check=True)
    try:
        yield
    finally:
        subprocess.run(cluster.inside("nft", "delete", "table", "ip", TABLE), check=True)


def written(cluster: Cluster, operator: str) -> list[Asked]:
    """By any operator, but to its lease."""
    found = audit.of_account(cluster, operator, ACCOUNT)
    return [one for one in found if one.is_write and one.resource != "leases"]


@pytest.mark.parametrize("kept_away", [stopped, without_api])
def test_an_old_leader_writes_nothing_after_the_new_ones_first(
    rollup: Rollup, operator: str, kept_away: Callable[[Cluster, str, str], Iterator[None]]
) -> None:
    cluster = rollup.cluster
    old = installed.holder(cluster, operator)
    begun = time.time()

    with kept_away(cluster, operator, old):  # type: ignore[attr-defined]
        rollup.kubectl("delete", "service", "l1", "--wait=false")
        rollup.wait("new leader", lambda: installed.holder(cluster, operator) not in ("", old))
        new = installed.holder(cluster, operator)
        rollup.wait("drift repaired", lambda: rollup.is_there("service/l1"))
        while time.time() < begun + AWAY_SECONDS:
            rollup.kubectl("delete", "service", "l1", "--wait=false", "--ignore-not-found")
            time.sleep(0.5)
    rollup.kubectl("delete", "service", "l1", "--wait=false", "--ignore-not-found")
    rollup.wait("old leader wakes", lambda: restarts(rollup, operator, old) > 0)
    rollup.wait("drift repaired", lambda: rollup.is_there("service/l1"))

    writes = [one for one in written(cluster, operator) if one.received > begun]
    first = min(one.received for one in writes if one.pod == new)
    assert [one for one in writes if one.pod == old and one.is_done and one.answered > first] == []


def restarts(rollup: Rollup, operator: str, pod: str) -> int:
    """Of an operator that found its lease lost."""
    try:
        statuses = rollup.cluster.get("pod", pod, operator)["status"]["containerStatuses"]
    except (KeyError, AssertionError):
        return 0
    return int(statuses[0]["restartCount"])
