"""
`PodsStandIn`: the controllers of StatefulSets and Jobs, the scheduler and all kubelets, as far as an operator sees them.

A StatefulSet has one pod, which is ready as soon as it is there and comes again when it is deleted; a Job has one that goes on,
or, where its role is the deployer's, one that has ended with the addresses that a deployment says. Nothing runs.

    python -m bench.stand_ins.pods --kubeconfig FILE
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any, Final

from ethrex_operator.kube import errors, kinds
from ethrex_operator.kube.cache import JOB_NAME
from ethrex_operator.kube.client import Kube
from ethrex_operator.kube.kinds import Kind
from ethrex_operator.kube.objects.naming import MANAGER, ROLE, digest

from . import chains

Object = dict[str, Any]

OURS: Final = {"app.kubernetes.io/managed-by": MANAGER}
SINCE: Final = "2026-01-01T00:00:00Z"
REVISION: Final = "controller-revision-hash"
AT_ONCE: Final = 16
ADDRESS: Final = "0x" + "11" * 20
PROXIES: Final = ("proposer", "bridge", "registry")
CHAIN_ID: Final = 65_536_999
DEPLOYED: Final = {
    "chainId": CHAIN_ID,
    "l1ChainId": 1337,
    "deployedAtBlock": 1,
    "programVersion": 1,
    **dict.fromkeys(("proposer", "bridge", "registry", "attestedVerifier", "timelock"), ADDRESS),
}


class PodsStandIn:
    def __init__(self, kube: Kube) -> None:
        self._kube, self._gate = kube, asyncio.Semaphore(AT_ONCE)
        self._sets: dict[tuple[str, str], Object] = {}  # by namespace and name, the newest
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for kind in (kinds.STATEFUL_SET, kinds.JOB, kinds.POD):
                group.create_task(self._watch(kind))

    async def _watch(self, kind: Kind) -> None:
        while True:
            version = ""
            async for page, newest in self._kube.pages(kind, None, OURS):
                version = newest
                for one in page:
                    self._seen(kind, "ADDED", one)
            with contextlib.suppress(errors.Gone, errors.Away):
                while True:
                    async for event, given in self._kube.watch(kind, None, version, OURS, whole=True):
                        version = given["metadata"]["resourceVersion"]
                        if event != "BOOKMARK":
                            self._seen(kind, event, given)

    def _seen(self, kind: Kind, event: str, given: Object) -> None:
        metadata = given["metadata"]
        place = (metadata["namespace"], metadata["name"])
        if kind is kinds.STATEFUL_SET:
            if event == "DELETED":
                self._sets.pop(place, None)
                return
            before = self._sets.get(place)
            self._sets[place] = given
            if before is None or before["metadata"]["generation"] != metadata["generation"]:
                self._start(self._set(given))
        elif kind is kinds.JOB and event == "ADDED":
            self._start(self._job(given))
        elif kind is kinds.POD and event == "DELETED":
            owner = self._sets.get((metadata["namespace"], metadata["name"].removesuffix("-0")))
            if owner is not None:
                self._start(self._set(owner))

    def _start(self, work: Any) -> None:
        async def gated() -> None:
            async with self._gate:
                await work

        task = asyncio.create_task(gated())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _set(self, given: Object) -> None:
        metadata, template = given["metadata"], given["spec"]["template"]
        revision = digest(template)[:10]
        await self._pod(given, f"{metadata['name']}-0", {REVISION: revision}, "Running")
        status = {
            "observedGeneration": metadata["generation"],
            "replicas": 1,
            "readyReplicas": 1,
            "updateRevision": revision,
            "currentRevision": revision,
        }
        await self._status(kinds.STATEFUL_SET, metadata, status)

    async def _job(self, given: Object) -> None:
        name = given["metadata"]["name"]
        deploys = given["metadata"]["labels"][ROLE] == "deployer"
        await self._pod(given, f"{name}-pod", {JOB_NAME: name}, "Succeeded" if deploys else "Running")

    async def _pod(self, owner: Object, name: str, labels: dict[str, str], phase: str) -> None:
        template, namespace = owner["spec"]["template"], owner["metadata"]["namespace"]
        metadata = template["metadata"] | {"name": name, "namespace": namespace}
        metadata["labels"] = metadata["labels"] | labels
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
        try:
            made = await self._kube.create(pod)
        except errors.Conflict:
            return
        state: Object = {"running": {"startedAt": SINCE}}
        if phase == "Succeeded":
            said = json.dumps({"chains": [DEPLOYED], "implementations": dict.fromkeys(PROXIES, chains.IMPLEMENTATION)})
            state = {"terminated": {"exitCode": 0, "message": said, "reason": "Completed"}}
        ready = "True" if phase == "Running" else "False"
        conditions = [
            {"type": type, "status": status, "lastTransitionTime": SINCE}
            for type, status in (("PodScheduled", "True"), ("Initialized", "True"), ("Ready", ready))
        ]
        container = {
            "name": "main",
            "image": "i",
            "imageID": "i",
            "ready": phase == "Running",
            "restartCount": 0,
            "state": state,
            "started": phase == "Running",
        }
        await self._status(
            kinds.POD, made["metadata"], {"phase": phase, "conditions": conditions, "containerStatuses": [container]}
        )

    async def _status(self, kind: Kind, metadata: Object, status: Object) -> None:
        path = kind.path(metadata["namespace"], metadata["name"]) + "/status"
        with contextlib.suppress(errors.NotFound):
            await self._kube.request("PATCH", path, {"status": status}, content="application/merge-patch+json")


async def run(kubeconfig: Path) -> None:
    kube = await Kube.connect(kubeconfig)
    print("ready", flush=True)
    await PodsStandIn(kube).run()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    asyncio.run(run(parser.parse_args().kubeconfig))
