"""What makes pods: a StatefulSet of one for what has a volume and goes on, a Job for what ends."""

from __future__ import annotations

from ...topology.workload import Lifetime, Volume, Workload
from . import pods
from .naming import Object, Owner, digest, metadata, selector, without_empty
from .place import Cluster

TASK_RETRIES = 1_000_000  # the operator, not the Job, decides when it is given up
WORKER_RETRIES = 6
SETTLED = 3  # what a task ends with that would come to the same however often it ran
GIVES_UP = {
    "action": "FailJob",
    "onExitCodes": {"containerName": pods.MAIN, "operator": "In", "values": [SETTLED]},
}


def stateful_set(workload: Workload, owner: Owner, cluster: Cluster) -> Object:
    """A changed template waits until the pod is deleted: whoever does that hands over first."""
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": metadata(workload.name, workload, owner),
        "spec": {
            "replicas": 1,
            "serviceName": workload.name,
            "selector": {"matchLabels": selector(workload)},
            "updateStrategy": {"type": "OnDelete"},
            "podManagementPolicy": "Parallel",
            "template": pods.template(workload, owner, cluster),
        },
    }


def job(workload: Workload, owner: Owner, cluster: Cluster) -> Object:
    """A Job cannot be changed, so its name says what it runs: another template is another Job."""
    template = pods.template(workload, owner, cluster)
    is_task = workload.lifetime is Lifetime.TASK
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(f"{workload.name}-{digest(template)[:8]}", workload, owner),
        "spec": {
            "backoffLimit": TASK_RETRIES if is_task else WORKER_RETRIES,
            "podReplacementPolicy": "Failed",
            **({"podFailurePolicy": {"rules": [GIVES_UP]}} if is_task else {}),
            "template": template,
        },
    }


def claim(volume: Volume, workload: Workload, owner: Owner) -> Object:
    """Without an owner: it outlives the resource unless somebody said otherwise, and is found again by its name."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata(pods.claim_name(workload, volume.name), workload, owner, owned=False),
        "spec": without_empty(
            {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": volume.storage_class,
                "resources": {"requests": {"storage": str(volume.size_bytes)}},
            }
        ),
    }
