"""Pods of our images as restricted pod security wants them: the least that a test needs to run one."""

from __future__ import annotations

from typing import Any, Final

Object = dict[str, Any]

USER: Final = 65_532
NODE_IMAGE: Final = "localhost/ethrex-node:e2e"
PROVER_IMAGE: Final = "localhost/ethrex-prover:e2e"
OPERATOR_IMAGE: Final = "localhost/ethrex-operator:e2e"
FOLDERS: Final = ("/data", "/tmp")  # all that can be written


def pod(name: str, image: str, *arguments: str, volumes: tuple[Object, ...] = (), **container: Any) -> Object:
    """`volumes`: further ones, each mounted read-only at ``/<its name>``. `container`: further fields of the container."""
    folders = [{"name": folder.strip("/"), "mountPath": folder} for folder in FOLDERS]
    mounts = [{"name": one["name"], "mountPath": f"/{one['name']}", "readOnly": True} for one in volumes]
    main = {
        "name": "main",
        "image": image,
        "args": list(arguments),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [*folders, *mounts],
        **container,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 5,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": USER,
                "runAsGroup": USER,
                "fsGroup": USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "restartPolicy": "Never",
            "containers": [main],
            "volumes": [*({"name": one["name"], "emptyDir": {}} for one in folders), *volumes],
        },
    }


def node_port(name: str, port: str, number: int, outside: int) -> Object:
    """A Service in front of the pods of that name, reached at a port of the node too."""
    ports = [{"name": port, "port": number, "targetPort": port, "nodePort": outside}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"type": "NodePort", "selector": {"app": name}, "ports": ports},
    }
