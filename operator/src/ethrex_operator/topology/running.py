"""What the models say of images, resources and places, as workloads have it."""

from __future__ import annotations

from ..api import running as api
from ..api.base import GROUP, size_bytes
from .workload import Argument, Image, OwnAddress, OwnPort, Placement, Port, Reach, Resources, Toleration, Volume


def image(asked: api.Image) -> Image:
    """Without a reference it is the operator's own release of the program, which the place knows."""
    return Image(asked.reference, asked.pull_policy, asked.pull_secrets)


def resources(asked: api.Resources) -> Resources:
    return Resources(dict(asked.requests), dict(asked.limits))


def placement(asked: api.Placement) -> Placement:
    tolerations = tuple(
        Toleration(one.key, one.operator, one.value, one.effect, one.toleration_seconds) for one in asked.tolerations
    )
    return Placement(
        node_selector=dict(asked.node_selector),
        tolerations=tolerations,
        affinity=asked.affinity,
        topology_spread=asked.topology_spread_constraints,
        priority_class=asked.priority_class_name,
        runtime_class=asked.runtime_class_name,
        account_annotations=dict(asked.service_account_annotations),
    )


def labels(asked: api.Placement, metrics: api.Metrics) -> dict[str, str]:
    """Of pods: the user's, and the one by which the chart's PodMonitor finds them."""
    return {**asked.labels, **({POD_MONITOR: "true"} if metrics.pod_monitor else {})}


def volume(name: str, asked: api.Storage) -> Volume:
    return Volume(name, size_bytes(asked.size), asked.storage_class_name)


POD_MONITOR = f"{GROUP}/pod-monitor"
METRICS = Port("metrics", 9090, Reach.OPERATOR)


def metrics() -> tuple[Argument, ...]:
    """Of a node. Probes are on the same door, so it is open whether metrics are wanted or not."""
    return ("--metrics", "--metrics.addr", OwnAddress(), "--metrics.port", OwnPort(METRICS.name))


def tracing(asked: api.Tracing) -> tuple[Argument, ...]:
    if not asked.endpoint:
        return ()
    return ("--tracing.endpoint", asked.endpoint, "--tracing.ratio", f"{asked.ratio_percent / 100:g}")
