"""
A Kubernetes of one node for a session of tests, with the images of this checkout: started by ``cluster/up.sh`` in
namespaces of its own, ended with all that it wrote. Or a kind cluster, where ``E2E_KUBECONFIG`` names one.

A session that was killed leaves its cluster running; the next one ends it, since its folder bears the pid of its owner.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import psutil
import yaml

from e2e import kubeconfigs, waits

T = TypeVar("T")
Object = dict[str, Any]

HERE: Final = Path(__file__).parent
SCRIPTS: Final = HERE / "cluster"
RUNNING: Final = Path(tempfile.gettempdir()) / "ethrex-e2e"  # a folder for each session, named by its pid
TOOLS: Final = ("unshare", "nsenter", "ip", "nft", "curl", "ctr", "containerd", "runc", "buildah", "mmdebstrap")
NODE_ADDRESS: Final = "198.18.0.1"
NODE_PORTS: Final = (30_000, 30_001, 30_002, 30_003)  # those of the node that are reached from outside
CGROUPS_V1: Final = Path("/sys/fs/cgroup/memory")
KIND: Final = "kind-ethrex"  # the only context of E2E_KUBECONFIG that is taken


class Unavailable(Exception):
    """What this machine lacks to run a cluster."""


class KubectlFailed(Exception):
    """The message is what kubectl said."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """
    `node_ports`: where this machine reaches a port of the node, for Services of type NodePort. `state`: the folder of a
    cluster of our own, None of a kind cluster.
    """

    kubeconfig: Path
    program: Path  # kubectl
    node_ports: Mapping[int, str]
    state: Path | None = None

    def kubectl(self, *arguments: str, given: str | None = None) -> str:
        """What it prints. `given` goes to its standard input. Raises `KubectlFailed`."""
        ended = subprocess.run(
            self._command(*arguments),
            input=given,
            capture_output=True,
            text=True,
            timeout=waits.SECONDS["kubectl answers"],
            check=False,
        )
        if ended.returncode != 0:
            raise KubectlFailed(f"kubectl {' '.join(arguments)}: {ended.stderr.strip()}")
        return ended.stdout

    def apply(self, *objects: Object, namespace: str = "default") -> None:
        self.kubectl("-n", namespace, "apply", "-f", "-", given=yaml.safe_dump_all(objects))

    def get(self, kind: str, name: str, namespace: str = "default") -> Object:
        found: Object = json.loads(self.kubectl("-n", namespace, "get", kind, name, "-o", "json"))
        return found

    def wait_for(self, what: str, condition: Callable[[], T | None], namespace: str = "default") -> T:
        """As `waits.until`; a failure shows the namespace's pods and its last events."""
        return waits.until(what, condition, lambda: self.described(namespace))

    def wait_until_ready(self, pod: str, namespace: str = "default") -> Object:
        def ready() -> Object | None:
            found = self.get("pod", pod, namespace)
            conditions = {one["type"]: one["status"] for one in found["status"].get("conditions", [])}
            return found if conditions.get("Ready") == "True" else None

        return self.wait_for("pod ready", ready, namespace)

    def wait_until_done(self, pod: str, namespace: str = "default", within: str = "pod done") -> str:
        """What a pod that ends by itself has printed. Fails where it fails. `within` is a row of `waits.SECONDS`."""

        def done() -> str | None:
            phase: str = self.get("pod", pod, namespace)["status"]["phase"]
            return phase if phase in ("Succeeded", "Failed") else None

        phase = self.wait_for(within, done, namespace)
        printed = self.kubectl("-n", namespace, "logs", pod)
        assert phase == "Succeeded", f"pod {pod}: {phase}\n{printed}"
        return printed

    @contextmanager
    def forward(self, target: str, port: int, namespace: str = "default") -> Iterator[str]:
        """The address here (``127.0.0.1:41231``) by which a port of a pod or Service (``service/chain``) is reached."""
        command = self._command("-n", namespace, "port-forward", target, f":{port}", "--address", "127.0.0.1")
        with (
            tempfile.TemporaryFile("w+") as printed,
            subprocess.Popen(command, stdout=printed, stderr=subprocess.STDOUT, text=True) as process,
        ):

            def address() -> str | None:
                printed.seek(0)
                said = printed.read()
                assert process.poll() is None, f"port-forward {target}: {said}"
                _, found, rest = said.partition("Forwarding from ")
                return rest.split(" ", 1)[0] if found else None

            try:
                yield waits.until("port forwarded", address)
            finally:
                process.terminate()

    def inside(self, *command: str) -> list[str]:
        """A command as it is run inside the cluster's namespaces, by its node's root. Of a cluster of our own only."""
        assert self.state is not None
        return ["env", f"STATE={self.state}", "bash", str(SCRIPTS / "in.sh"), *command]

    @property
    def audit(self) -> Path | None:
        """The API server's audit log, a line an event."""
        return None if self.state is None else self.state / "logs" / "audit.log"

    def described(self, namespace: str) -> str:
        """Pods, and the last events, for whoever looks why something did not come."""
        pods = self.kubectl("-n", namespace, "get", "pods", "-o", "wide")
        events = self.kubectl("-n", namespace, "get", "events", "--sort-by=.lastTimestamp")
        return "\n".join([pods, *events.splitlines()[-15:]])

    def _command(self, *arguments: str) -> list[str]:
        return [str(self.program), "--kubeconfig", str(self.kubeconfig), *arguments]


@contextmanager
def running() -> Iterator[Cluster]:
    """Raises `Unavailable`, `kubeconfigs.ForeignCluster`."""
    if named := os.environ.get("E2E_KUBECONFIG"):
        yield _of_kind(Path(named))
        return
    program = _checked()
    _end_abandoned()
    archive = _script("images built", "images.sh").splitlines()[-1]
    with _started(program, {}) as (found, settings):
        _script("images loaded", "cluster/load.sh", archive, settings=settings)
        yield found


@contextmanager
def control_plane() -> Iterator[Cluster]:
    """etcd and the API server alone: no node, and no controller but the ones that somebody starts. Raises `Unavailable`."""
    program = _checked()
    _end_abandoned()
    with _started(program, {"CONTROL_PLANE_ONLY": "1"}) as (found, _):
        yield found


@contextmanager
def _started(program: Path, more: Mapping[str, str]) -> Iterator[tuple[Cluster, Mapping[str, str]]]:
    state = RUNNING / str(os.getpid())
    state.mkdir(parents=True)
    api, *ports = _free_ports(1 + len(NODE_PORTS))
    node_ports = {inside: f"127.0.0.1:{outside}" for inside, outside in zip(NODE_PORTS, ports, strict=True)}
    settings = {
        **_settings(state),
        **more,
        "API_ADDR": f"127.0.0.1:{api}",
        "FORWARDS": " ".join(f"{outside}={NODE_ADDRESS}:{inside}" for inside, outside in node_ports.items()),
    }
    try:
        _script("cluster up", "cluster/up.sh", settings=settings)
        kubeconfigs.own(state / "kubeconfig")
        yield Cluster(state / "kubeconfig", program / "kubectl", node_ports, state), settings
    finally:
        _script("cluster down", "cluster/down.sh", "--purge", settings=settings)


def _of_kind(kubeconfig: Path) -> Cluster:
    """One that somebody made by ``kind.yaml`` and loaded the images into."""
    kubeconfigs.own(kubeconfig, context=KIND)
    found = shutil.which("kubectl")
    if found is None:
        raise Unavailable("missing: kubectl")
    return Cluster(kubeconfig, Path(found), {port: f"127.0.0.1:{port}" for port in NODE_PORTS})


def _checked() -> Path:
    """The folder of the cluster's program."""
    if os.geteuid() != 0:
        raise Unavailable("a cluster of this machine's own needs root")
    if not CGROUPS_V1.exists():
        raise Unavailable("the cluster's scripts know the first version of control groups only: use kind (README)")
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        raise Unavailable(f"missing: {', '.join(missing)} (tests/e2e/cluster/deps.sh installs them)")
    shown = subprocess.run(
        ["bash", "-c", '. "$1/env.sh"; echo "$BIN"', "bash", SCRIPTS], capture_output=True, text=True, check=True
    )
    program = Path(shown.stdout.strip())
    if not (program / "hyper").exists():
        raise Unavailable(f"{program} has no Kubernetes yet: tests/e2e/cluster/build.sh makes it (some ten minutes)")
    return program


def _end_abandoned() -> None:
    for state in RUNNING.glob("*"):
        if not psutil.pid_exists(int(state.name)):
            _script("cluster down", "cluster/down.sh", "--purge", settings=_settings(state))


def _settings(state: Path) -> dict[str, str]:
    return {"STATE": str(state), "CGROUP": f"ethrex-e2e-{state.name}"}


def _script(stage: str, script: str, *arguments: str, settings: Mapping[str, str] | None = None) -> str:
    """What it prints. What it starts outlives it, so it writes to files and not to pipes, which would never end."""
    begun = time.monotonic()
    with tempfile.TemporaryFile("w+") as printed, tempfile.TemporaryFile("w+") as complaints:
        ended = subprocess.run(
            ["bash", str(HERE / script), *arguments],
            env={**os.environ, **(settings or {})},
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=complaints,
            timeout=waits.SECONDS[stage],
            check=False,
        )
        printed.seek(0)
        complaints.seek(0)
        said = printed.read()
        assert ended.returncode == 0, f"{script}: {ended.returncode}\n{said}{complaints.read()}"
    waits.record(stage, time.monotonic() - begun)
    return said


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
