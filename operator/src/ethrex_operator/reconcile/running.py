"""How the children of a resource are: pods that are ready, that run an older template, tasks that are done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..kube import kinds
from ..kube.cache import JOB_NAME
from ..kube.client import Object
from ..kube.objects.naming import WORKLOAD
from ..kube.objects.pods import MAIN
from ..topology.workload import Workload
from .world import World

REVISION = "controller-revision-hash"
JOB_UID = "batch.kubernetes.io/controller-uid"


@dataclass(frozen=True, slots=True)
class Instance:
    """Of a workload that goes on."""

    ready: bool
    outdated: bool  # its pod runs an older template
    reason: str = ""
    pod: str | None = None
    exit_code: int | None = None  # with which its own program ended last
    runs: bool = False  # that program, again


def instance(world: World, namespace: str, workload: Workload) -> Instance:
    """As the watches have told it."""
    found = world.children.body(kinds.STATEFUL_SET, namespace, workload.name)
    if found is None:
        return Instance(ready=False, outdated=False, reason="not made yet")
    pods = world.children.bodies(kinds.POD, namespace, {WORKLOAD: workload.name})
    if not pods:
        return Instance(ready=False, outdated=False, reason="no pod yet")
    pod = pods[0]
    wanted = found.get("status", {}).get("updateRevision")
    is_seen = found.get("status", {}).get("observedGeneration") == found["metadata"]["generation"]
    outdated = is_seen and pod["metadata"]["labels"].get(REVISION) != wanted
    leaving = "deletionTimestamp" in pod["metadata"]
    ready = not leaving and _condition(pod, "Ready")
    reason = "" if ready else why(pod)
    return Instance(ready, outdated and not leaving, reason, pod["metadata"]["name"], *_program(pod))


async def roll(world: World, namespace: str, found: Instance) -> bool:
    """Let a pod with an older template go; the set makes it again with the new one. Raises `KubeError`."""
    if not found.outdated or found.pod is None:
        return False
    await world.kube.delete(kinds.POD, namespace, found.pod)
    return True


def result(world: World, namespace: str, job: Object) -> tuple[bytes | None, str]:
    """What a task wrote when it succeeded, or why it has not yet; one of its name that is gone is another."""
    metadata = job["metadata"]
    its = {JOB_NAME: metadata["name"], JOB_UID: metadata["uid"]}
    its |= {name: value for name, value in (metadata.get("labels") or {}).items() if name == WORKLOAD}
    pods = world.children.bodies(kinds.POD, namespace, its)
    for pod in pods:
        if pod["status"].get("phase") == "Succeeded":
            state = pod["status"]["containerStatuses"][0]["state"]["terminated"]
            return str(state.get("message", "")).encode(), ""
    newest = max(pods, key=lambda pod: pod["metadata"]["creationTimestamp"], default=None)
    return None, "no pod yet" if newest is None else why(newest)


def why(pod: Object) -> str:
    """Why a pod is not ready, in the words of whoever knows best."""
    status = pod.get("status", {})
    statuses: list[Any] = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
    for one in statuses:
        waiting = one.get("state", {}).get("waiting")
        ended = one.get("state", {}).get("terminated") or one.get("lastState", {}).get("terminated")
        if waiting and waiting.get("reason") not in (None, "PodInitializing", "ContainerCreating"):
            last = (ended or {}).get("message", "")
            return f"{waiting['reason']}: {_last_line(last) or waiting.get('message', '')}".rstrip(": ")
        if ended and ended.get("exitCode"):
            return f"ended with {ended['exitCode']}: {_last_line(ended.get('message', ''))}".rstrip(": ")
    for one in status.get("conditions", ()):
        if one["type"] == "PodScheduled" and one["status"] != "True":
            return f"{one.get('reason', 'Unschedulable')}: {one.get('message', '')}"
    return str(status.get("phase", "Pending"))


def _program(pod: Object) -> tuple[int | None, bool]:
    """How it ended last, and whether it runs."""
    for one in pod["status"].get("containerStatuses", ()):
        if one["name"] == MAIN:
            state = one.get("state", {})
            ended = state.get("terminated") or one.get("lastState", {}).get("terminated")
            return int(ended["exitCode"]) if ended else None, "running" in state
    return None, False


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def _condition(pod: Object, type: str) -> bool:
    return any(one["type"] == type and one["status"] == "True" for one in pod["status"].get("conditions", ()))
