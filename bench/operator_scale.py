"""
One operator and a fleet: a thousand rollups with all children, as in ``examples/rollup.yaml``, each in a namespace of its own.

etcd, API server and operator are real. `PodsStandIn` makes pods and says that they are ready, `ChainsStandIn` is all L1s and
sequencers. What the operator did is read from the API server's audit log. ``OPERATOR_SCALE_ROLLUPS`` makes the fleet smaller;
all single values are written to the file that is named at the end.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psutil
import yaml
from e2e import whole_cluster
from e2e.whole_cluster import Cluster
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from ethrex_operator.kube import errors, kinds
from ethrex_operator.kube.client import Kube

from . import peers
from .measure import Measurement, progress

ROLLUPS: Final = int(os.environ.get("OPERATOR_SCALE_ROLLUPS", "1000"))
CHANGES: Final = 100
CHANGE_EVERY: Final = 0.5  # seconds
IDLE_SECONDS: Final = 60.0
CALM_SECONDS: Final = 45.0  # after the last change, so that every look after it is done
READY_WITHIN: Final = 1800.0
SEEN_WITHIN: Final = 600.0
AT_ONCE: Final = 8
SYSTEM: Final = "ethrex-system"
ACCOUNT: Final = "ethrex-operator"
USER: Final = f"system:serviceaccount:{SYSTEM}:{ACCOUNT}"
WRITES: Final = frozenset(("create", "update", "patch", "delete"))
EXAMPLE: Final = peers.ROOT / "examples" / "rollup.yaml"

Object = dict[str, Any]


def run() -> Iterator[Measurement]:
    try:
        with ExitStack() as stack:
            cluster = stack.enter_context(whole_cluster.control_plane())
            fleet = stack.enter_context(Fleet.on(cluster))
            yield from _measured(fleet)
    except whole_cluster.Unavailable as error:
        raise peers.PeerMissing(str(error)) from error


def _measured(fleet: Fleet) -> Iterator[Measurement]:
    raw: dict[str, Any] = {"rollups": ROLLUPS}
    half = ROLLUPS // 2
    raw["half_ready_seconds"] = fleet.grown(0, half)
    waits = fleet.changed(half)
    raw["change_to_applied_seconds"] = waits
    raw["all_ready_seconds"] = fleet.grown(half, ROLLUPS)
    time.sleep(CALM_SECONDS)
    resources, children = fleet.figure("resources"), fleet.figure("children")
    progress(f"operator-scale: {ROLLUPS} rollups: {resources:.0f} resources, {children:.0f} children and pods")
    raw["resources"], raw["children"] = resources, children
    writes, seconds = fleet.idle(raw)
    first = fleet.operator.peak_mb()
    raw["restart_seconds"] = fleet.restarted(resources)
    raw["peak_rss_mb"] = [first, fleet.operator.peak_mb()]
    raw["load_average"] = os.getloadavg()
    kept = Path(tempfile.mkdtemp(prefix="operator-scale-")) / "raw.json"
    kept.write_text(json.dumps(raw))
    progress(f"operator-scale: all values are in {kept}")
    name = f"operator, {ROLLUPS} rollups"
    yield Measurement(f"{name}: peak RSS", max(raw["peak_rss_mb"]), None, 256, "MB", lower=True)
    yield Measurement(f"{name}: restart to all re-checked", raw["restart_seconds"], None, 60, "s", lower=True)
    yield Measurement(
        f"operator, {half} rollups: change to applied p95", _percentile(waits, 0.95), None, 1, "s", lower=True
    )
    yield Measurement(
        f"{name}: idle writes", writes / (resources * seconds / 60), None, 0.1, "per object, min", lower=True
    )


@dataclass(slots=True)
class Operator:
    """The process, started again under the same name."""

    command: list[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    found: psutil.Process | None = None

    def start(self) -> None:
        with self.log.open("ab") as printed:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=printed, stderr=printed)
        self.found = _until(lambda: self._python(), 60.0)

    def stop(self) -> None:
        if self.process is not None and self.found is not None:
            if self.found.is_running():
                self.found.send_signal(signal.SIGTERM)
            self.process.wait(60)

    def lives(self) -> bool:
        """Raises AssertionError where it ended by itself."""
        assert self.process is not None
        assert self.process.poll() is None, f"the operator ended: {self.log.read_text()[-2000:]}"
        return True

    def cpu_seconds(self) -> float:
        assert self.found is not None
        times = self.found.cpu_times()
        return float(times.user + times.system)

    def peak_mb(self) -> float:
        """The most that it ever had resident."""
        assert self.found is not None
        lines = Path(f"/proc/{self.found.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) / 1000

    def _python(self) -> psutil.Process | None:
        """What is below ``nsenter``, which has to fork to be inside."""
        assert self.lives()
        assert self.process is not None
        for one in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.Error):  # what the shells before it ran may end while it is asked
                words = one.cmdline()
                if "run" in words and "python" in words[0]:
                    return one
        return None


@dataclass(slots=True)
class Fleet:
    cluster: Cluster
    operator: Operator
    docs: list[Object]
    began: dict[str, float] = field(default_factory=dict)

    @classmethod
    @contextmanager
    def on(cls, cluster: Cluster) -> Iterator[Fleet]:
        state = cluster.state
        assert state is not None
        cluster.kubectl("apply", "--server-side", "-f", str(peers.ROOT / "crds"))
        cluster.kubectl("create", "namespace", SYSTEM)
        cluster.kubectl("-n", SYSTEM, "create", "serviceaccount", ACCOUNT)
        bound = (f"--serviceaccount={SYSTEM}:{ACCOUNT}", "--clusterrole=cluster-admin")
        cluster.kubectl("create", "clusterrolebinding", ACCOUNT, *bound)
        _own_names(cluster, state)
        python = [sys.executable, "-m"]
        inside = cluster.inside("env", f"PYTHONPATH={peers.ROOT}:{peers.ROOT / 'tests'}", *python)
        command = cluster.inside(
            *(
                str(Path(sys.executable).parent / "ethrex-operator"),
                "run",
                "--kubeconfig",
                str(_kubeconfig(cluster, state)),
            ),
            *("--own-namespace", SYSTEM, "--service-account", ACCOUNT, "--metrics-addr", "127.0.0.1"),
            *("--log-level", "warning"),
        )
        operator = Operator(command, state / "logs" / "operator.log")
        docs = [one for one in yaml.safe_load_all(EXAMPLE.read_text()) if one]
        with (
            _running([*inside, "bench.stand_ins.chains"], state / "logs" / "chains.log"),
            _running(
                [*inside, "bench.stand_ins.pods", "--kubeconfig", str(state / "pki" / "admin.kubeconfig")],
                state / "logs" / "pods.log",
            ),
        ):
            operator.start()
            try:
                yield cls(cluster, operator, docs)
            finally:
                operator.stop()

    def grown(self, first: int, end: int) -> float:
        """Seconds from the first manifest to the last one ready."""
        began = time.monotonic()
        asyncio.run(self._apply(first, end))
        progress(f"operator-scale: {end} rollups are applied after {time.monotonic() - began:.0f} s")
        _until(lambda: (self.operator.lives() and asyncio.run(self._are_ready(end))) or None, READY_WITHIN, every=3.0)
        took = time.monotonic() - began
        progress(
            f"operator-scale: {end} rollups are ready after {took:.0f} s, operator {self.operator.cpu_seconds():.0f} s of CPU"
        )
        return took

    def changed(self, count: int) -> list[float]:
        """Of a changed setting: seconds until the last child that follows from it is applied."""
        time.sleep(CALM_SECONDS)
        chosen = random.Random(7).sample(range(count), min(CHANGES, count))
        asyncio.run(self._change(chosen))
        time.sleep(10.0)
        asked: dict[str, float] = {}
        applied: dict[str, float] = {}
        for event in self.audited():
            namespace, resource = event["objectRef"].get("namespace", ""), event["objectRef"]["resource"]
            if resource == "ethrexrollups" and event["verb"] == "patch" and event["user"]["username"] != USER:
                asked[namespace] = _time(event["requestReceivedTimestamp"])
            elif resource == "statefulsets" and event["user"]["username"] == USER and namespace in asked:
                applied.setdefault(namespace, _time(event["stageTimestamp"]))
        missing = [one for one in asked if one not in applied]
        assert asked, "the audit log knows no change"
        assert not missing, f"changes of {missing[:5]} were not applied"
        waits = sorted(applied[one] - asked[one] for one in asked)
        told = " ".join(f"p{int(part * 100)} {_percentile(waits, part):.3f}" for part in (0.5, 0.9, 0.95, 0.99, 1.0))
        progress(f"operator-scale: {len(waits)} changes at {count} rollups: {told} s")
        return waits

    def idle(self, raw: dict[str, Any]) -> tuple[int, float]:
        """API writes of a while in which nothing happens, and how long that was. Lease renewals are counted apart."""
        began, cpu = time.time(), self.operator.cpu_seconds()
        requests = self.requests()
        time.sleep(IDLE_SECONDS)
        seconds = time.time() - began
        writes = len(self.written(began))
        raw["idle"] = {
            "seconds": seconds,
            "writes": writes,
            "lease_renewals": len(self.written(began, leases=True)),
            "cpu_seconds": self.operator.cpu_seconds() - cpu,
            "requests": self.requests() - requests,
        }
        progress(f"operator-scale: idle: {raw['idle']}")
        return writes, seconds

    def restarted(self, resources: float) -> float:
        """Seconds from the start of another process to the last resource that it has looked at."""
        self.operator.stop()
        since, began = time.time(), time.monotonic()
        self.operator.start()
        _until(
            lambda: (
                (self.operator.lives() and self.figure("resources") == resources and self.figure("unseen") == 0) or None
            ),
            SEEN_WITHIN,
            every=0.5,
        )
        took, cpu = time.monotonic() - began, self.operator.cpu_seconds()
        writes = len(self.written(since))
        progress(f"operator-scale: all looked at {took:.1f} s after a restart, {cpu:.1f} s of CPU, {writes} writes")
        return took

    def requests(self) -> float:
        return sum(one.value for one in self._samples() if one.name == "ethrex_operator_requests_total")

    def figure(self, name: str) -> float:
        return float(next((one.value for one in self._samples() if one.name == f"ethrex_operator_{name}"), -1))

    def written(self, since: float, *, leases: bool = False) -> list[Object]:
        """What the operator wrote, but its lease; or that alone."""
        return [
            one
            for one in self.audited()
            if one["user"]["username"] == USER
            and one["verb"] in WRITES
            and _time(one["stageTimestamp"]) >= since
            and (one["objectRef"]["resource"] == "leases") == leases
        ]

    def audited(self) -> Iterator[Object]:
        """What the API server has answered so far; the oldest first."""
        assert self.cluster.audit is not None
        for path in sorted(self.cluster.audit.parent.glob("audit*.log")):
            for line in path.open():
                event = json.loads(line)
                if event["stage"] == "ResponseComplete" and "objectRef" in event:
                    yield event

    def _samples(self) -> list[Sample]:
        command = self.cluster.inside("curl", "-s", "--max-time", "5", "http://127.0.0.1:8080/metrics")
        printed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        return [one for family in text_string_to_metric_families(printed) for one in family.samples]

    async def _apply(self, first: int, end: int) -> None:
        kube, gate = await Kube.connect(self.cluster.kubeconfig), asyncio.Semaphore(AT_ONCE)

        async def one(number: int) -> None:
            async with gate:
                name = _namespace(number)
                space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
                await kube.request("POST", "/api/v1/namespaces", space)
                for doc in self.docs:
                    await kube.create(doc | {"metadata": doc["metadata"] | {"namespace": name}})

        await asyncio.gather(*(one(number) for number in range(first, end)))
        await kube.close()

    async def _are_ready(self, count: int) -> bool:
        kube = await Kube.connect(self.cluster.kubeconfig)
        try:
            for kind in (kinds.ROLLUP, kinds.POOL, kinds.L1_NODE):
                ready = 0
                async for page, _ in kube.pages(kind, None):
                    ready += sum(_is_ready(one) for one in page)
                if ready < count:
                    return False
        except errors.Away:
            return False
        finally:
            await kube.close()
        return True

    async def _change(self, chosen: list[int]) -> None:
        kube = await Kube.connect(self.cluster.kubeconfig)
        for number in chosen:
            patch = {"spec": {"batching": {"endAfterSeconds": 11}}}
            path = kinds.ROLLUP.path(_namespace(number), "rollup")
            await kube.request("PATCH", path, patch, content="application/merge-patch+json")
            await asyncio.sleep(CHANGE_EVERY)
        await kube.close()


def _namespace(number: int) -> str:
    return f"team-{number:04}"


def _is_ready(given: Object) -> bool:
    conditions = (given.get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _kubeconfig(cluster: Cluster, state: Path) -> Path:
    """The operator's access, from inside the cluster's network: by a token of its service account."""
    admin = yaml.safe_load((state / "pki" / "admin.kubeconfig").read_text())
    token = cluster.kubectl("-n", SYSTEM, "create", "token", ACCOUNT, "--duration=24h").strip()
    for user in admin["users"]:
        user["user"] = {"token": token}
    made = state / "operator.kubeconfig"
    made.write_text(yaml.safe_dump(admin))
    return made


def _own_names(cluster: Cluster, state: Path) -> None:
    """`ChainsStandIn` is the DNS of the cluster's namespaces, of nobody else's."""
    resolv = state / "resolv.conf"
    resolv.write_text("nameserver 127.0.0.1\n")
    subprocess.run(cluster.inside("mount", "--bind", str(resolv), "/etc/resolv.conf"), check=True)


@contextmanager
def _running(command: list[str], log: Path) -> Iterator[None]:
    with log.open("wb") as printed, subprocess.Popen(command, stdout=printed, stderr=printed) as process:
        try:
            _until(lambda: "ready" in log.read_text() or None, 60.0)
            yield
        finally:
            for child in psutil.Process(process.pid).children(recursive=True):
                child.terminate()
            process.terminate()


def _until(holds: Callable[[], Any], seconds: float, every: float = 0.1) -> Any:
    deadline = time.monotonic() + seconds
    while (found := holds()) is None:
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s")
        time.sleep(every)
    return found


def _time(text: str) -> float:
    return datetime.fromisoformat(text).astimezone(UTC).timestamp()


def _percentile(values: list[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]
