"""
The pod of a workload, under restricted pod security: no root, nothing writable but its volumes and /tmp, no token of the API
server unless it has to ask it something.

A companion is a container beside the main one, not a sidecar among the init containers: then neither waits for the other's image, and
both hear at once that they shall stop, so that each has the whole grace period to close its database.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from ...topology import workload as parts
from ...topology.workload import ConfigKey, File, Guests, IdentityToken, Lifetime, SecretKey, Text, Workload
from .naming import DIGEST, Object, Owner, digest, labels, metadata, without_empty
from .place import API_ACCESS, CACHE, FILES, POD_NAME, VOLUMES, Cluster, subjects

MAIN: Final = "main"  # the container of the workload's own program
USER: Final = 65_532
TOKEN_SECONDS: Final = 3_600  # kubelet renews it at 80 % of that
FILE_MODE: Final = 0o440  # the group is the pod's
SCRATCH_SIZE: Final = "1Mi"
SAFE: Final = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
STARTUP_SECONDS: Final = 600  # recovery and migration of a big database
PERIOD_SECONDS: Final = 2
# A prover may be hours into its proof, and it is the operator who knows when one can be spared: no autoscaler of nodes moves it.
UNDISTURBED: Final = {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false", "karpenter.sh/do-not-disrupt": "true"}


def config_map(workload: Workload, owner: Owner) -> list[Object]:
    """The files whose text is known."""
    data = {file.name: text for file in workload.files if (text := _text(file)) is not None}
    if not data:
        return []
    name = _files_name(workload)
    return [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata(name, workload, owner), "data": data}]


def template(workload: Workload, owner: Owner, cluster: Cluster) -> Object:
    """Another text of a file is another template: nobody runs on with an old one."""
    texts = [(file.name, text) for file in workload.files if (text := _text(file)) is not None]
    annotations = {
        **(UNDISTURBED if workload.lifetime is Lifetime.WORKER else {}),
        **workload.annotations,
        **({DIGEST: digest(texts)} if texts else {}),
    }
    return {
        "metadata": without_empty({"labels": labels(workload, owner), "annotations": annotations}),
        "spec": _spec(workload, cluster),
    }


def _spec(workload: Workload, cluster: Cluster) -> Object:
    placement = workload.placement
    main = _container(MAIN, workload.arguments, workload, cluster)
    if workload.probes is not None:
        main |= _probes(workload.probes)
    main |= without_empty({"resources": _resources(workload)})
    main["ports"] = [{"name": port.name, "containerPort": port.number, "protocol": "TCP"} for port in workload.ports]
    before = [
        _container(f"before-{number}", arguments, workload, cluster) for number, arguments in enumerate(workload.before)
    ]
    companion = workload.companion
    beside = [] if companion is None else [_companion(companion, workload, cluster)]
    if companion is not None:
        before += [
            _beside(f"{companion.name}-before-{number}", arguments, companion, workload, cluster)
            for number, arguments in enumerate(companion.before)
        ]
    return without_empty(
        {
            "serviceAccountName": workload.account,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            # The kernel drops a SIGTERM that process 1 does not handle yet: a pod that shall go while its program starts would
            # stay for its whole grace period. With this, process 1 is another. A companion does not see the node's processes: it
            # has the same user, and by /proc their files would be its own.
            "shareProcessNamespace": companion is None,
            "restartPolicy": "Always" if workload.lifetime is Lifetime.SERVICE else "Never",
            "terminationGracePeriodSeconds": workload.stop_seconds,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": USER,
                "runAsGroup": USER,
                "fsGroup": USER,
                "fsGroupChangePolicy": "OnRootMismatch",
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "initContainers": before,
            "containers": [without_empty(main), *beside],
            "volumes": _volumes(workload),
            "nodeSelector": dict(placement.node_selector),
            "tolerations": [_toleration(one) for one in placement.tolerations],
            "affinity": dict(placement.affinity),
            "topologySpreadConstraints": [dict(one) for one in placement.topology_spread],
            "priorityClassName": placement.priority_class,
            "runtimeClassName": placement.runtime_class,
            "imagePullSecrets": [{"name": name} for name in workload.image.pull_secrets],
        }
    )


def _container(name: str, arguments: tuple[parts.Argument, ...], workload: Workload, cluster: Cluster) -> Object:
    environment: list[Object] = [{"name": POD_NAME, "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]
    for key, value in sorted(workload.environment.items()):
        if not isinstance(value, parts.Admission):
            environment.append({"name": key, "value": parts.filled(value, workload, cluster)})
    return {
        "name": name,
        "image": cluster.image(workload),
        "imagePullPolicy": workload.image.pull_policy,
        "command": [workload.program.value],
        "args": list(parts.command(arguments, workload, cluster)),
        "env": environment,
        "securityContext": dict(SAFE),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": _mounts(workload),
    }


def _companion(companion: parts.Companion, workload: Workload, cluster: Cluster) -> Object:
    ports = [{"name": port.name, "containerPort": port.number, "protocol": "TCP"} for port in companion.ports]
    resources = without_empty({"requests": companion.resources.requests, "limits": companion.resources.limits})
    main = _beside(companion.name, companion.arguments, companion, workload, cluster)
    return main | without_empty({"ports": ports, "resources": resources})


def _beside(
    name: str, arguments: tuple[parts.Argument, ...], companion: parts.Companion, workload: Workload, cluster: Cluster
) -> Object:
    mounts: list[Object] = [{"name": f"tmp-{companion.name}", "mountPath": "/tmp"}]
    mounts += [{"name": one.name, "mountPath": f"{VOLUMES}/{one.name}"} for one in companion.volumes]
    mounts += [{"name": one, "mountPath": f"{VOLUMES}/{one}", "readOnly": True} for one in workload.scratch]
    home = [{"name": "HOME", "value": cluster.volume(workload, companion.home)}] if companion.home else []
    return without_empty(
        {
            "name": name,
            "image": companion.image,
            "imagePullPolicy": "IfNotPresent",
            "command": list(companion.command),
            "args": list(parts.command(arguments, workload, cluster)),
            "env": home,
            "securityContext": dict(SAFE),
            "terminationMessagePolicy": "FallbackToLogsOnError",
            "volumeMounts": mounts,
        }
    )


def _mounts(workload: Workload) -> list[Object]:
    found: list[Object] = [{"name": "tmp", "mountPath": "/tmp"}]
    found += [{"name": one, "mountPath": f"{VOLUMES}/{one}"} for one in workload.scratch]
    found += [{"name": one.name, "mountPath": f"{VOLUMES}/{one.name}"} for one in workload.volumes]
    if workload.cache_claim is not None:
        found.append({"name": "cache", "mountPath": CACHE, "readOnly": True})
    if workload.files:
        found.append({"name": "files", "mountPath": FILES, "readOnly": True})
    if _asks_api(workload):
        found.append({"name": "api", "mountPath": API_ACCESS, "readOnly": True})
    return found


def _volumes(workload: Workload) -> list[Object]:
    found: list[Object] = [{"name": "tmp", "emptyDir": {}}]
    if workload.companion is not None:
        found.append({"name": f"tmp-{workload.companion.name}", "emptyDir": {}})
    in_memory = {"medium": "Memory", "sizeLimit": SCRATCH_SIZE}
    found += [{"name": one, "emptyDir": dict(in_memory)} for one in workload.scratch]
    found += [
        {"name": one.name, "persistentVolumeClaim": {"claimName": claim_name(workload, one.name)}}
        for one in workload.every_volume
    ]
    if workload.cache_claim is not None:
        claim = {"claimName": workload.cache_claim, "readOnly": True}
        found.append({"name": "cache", "persistentVolumeClaim": claim})
    if workload.files:
        sources = [_source(file, workload) for file in workload.files]
        found.append({"name": "files", "projected": {"defaultMode": FILE_MODE, "sources": sources}})
    if _asks_api(workload):
        root = {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}
        token = {"path": "token", "expirationSeconds": TOKEN_SECONDS}
        sources = [{"serviceAccountToken": token}, {"configMap": root}]
        found.append({"name": "api", "projected": {"defaultMode": FILE_MODE, "sources": sources}})
    return found


def _source(file: File, workload: Workload) -> Object:
    match file.content:
        case SecretKey(secret, key):
            return {"secret": {"name": secret, "items": [{"key": key, "path": file.name}]}}
        case ConfigKey(config_map, key):
            return {"configMap": {"name": config_map, "items": [{"key": key, "path": file.name}]}}
        case IdentityToken(audience, _):
            token = {"audience": audience, "expirationSeconds": TOKEN_SECONDS, "path": file.name}
            return {"serviceAccountToken": token}
        case Text() | Guests():
            items = [{"key": file.name, "path": file.name}]
            return {"configMap": {"name": _files_name(workload), "items": items}}


def _probes(probes: parts.Probes) -> Object:
    def get(path: str) -> Object:
        return {"httpGet": {"path": path, "port": probes.port}, "periodSeconds": PERIOD_SECONDS, "timeoutSeconds": 2}

    return {
        "startupProbe": get(probes.startup) | {"periodSeconds": 1, "failureThreshold": STARTUP_SECONDS},
        "livenessProbe": get(probes.live) | {"periodSeconds": 10, "failureThreshold": 6},
        "readinessProbe": get(probes.ready) | {"failureThreshold": 2},
    }


def _resources(workload: Workload) -> Object:
    extended = {name: str(count) for name, count in workload.placement.extended_resources.items()}
    return without_empty(
        {
            "requests": {**workload.resources.requests, **extended},
            "limits": {**workload.resources.limits, **extended},  # of extended resources both are the same
        }
    )


def _toleration(one: parts.Toleration) -> Object:
    given: dict[str, Any] = asdict(one)
    given["tolerationSeconds"] = given.pop("toleration_seconds")
    return without_empty(given)


def claim_name(workload: Workload, volume: str) -> str:
    return f"{workload.name}-{volume}"


def _files_name(workload: Workload) -> str:
    return f"{workload.name}-files"


def _text(file: File) -> str | None:
    match file.content:
        case Text(content):
            return content
        case Guests():
            return subjects(file.content)
    return None


def _asks_api(workload: Workload) -> bool:
    """A coordinator fetches the keys by which it knows service accounts."""
    return any(isinstance(file.content, Guests) for file in workload.files)
