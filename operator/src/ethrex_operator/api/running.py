"""How the pods of a resource run: images, resources, where, and what becomes of the data."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from .base import Key, Model, Name, Quantity, Rule, Seconds, Text

Labels = Annotated[dict[str, Annotated[str, Field(max_length=253)]], Field(max_length=32)]


class Image(Model):
    """Left out, it is the operator's own release."""

    reference: Annotated[str, Field(min_length=1, max_length=512)] | None = None
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    pull_secrets: Annotated[tuple[Name, ...], Field(max_length=8)] = ()


class Resources(Model):
    """Of a container, in the units of Kubernetes."""

    requests: Annotated[dict[str, Quantity], Field(max_length=8)] = Field(default={})
    limits: Annotated[dict[str, Quantity], Field(max_length=8)] = Field(default={})


class Toleration(Model):
    key: Annotated[str, Field(max_length=253)] = ""
    operator: Literal["Equal", "Exists"] = "Equal"
    value: Annotated[str, Field(max_length=253)] = ""
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] = ""
    toleration_seconds: Seconds | None = None


class Placement(Model):
    """Where pods may run, and what they inherit."""

    node_selector: Labels = Field(default={})
    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=16)] = ()
    affinity: dict[str, Any] = Field(default={})
    """As in a pod."""
    topology_spread_constraints: Annotated[tuple[dict[str, Any], ...], Field(max_length=8)] = ()
    """As in a pod."""
    priority_class_name: Key | None = None
    runtime_class_name: Key | None = None
    labels: Labels = Field(default={})
    """Put on every pod."""
    annotations: Labels = Field(default={})
    """Put on every pod."""
    service_account_annotations: Labels = Field(default={})
    """For the identities of a cloud."""


class Storage(Model):
    """A volume of its own, that outlives its pod."""

    size: Quantity = "20Gi"
    storage_class_name: Key | None = None

    rules = (
        Rule(
            "!has(oldSelf.storageClassName) || (has(self.storageClassName) && "
            "self.storageClassName == oldSelf.storageClassName)",
            "storageClassName cannot be changed: the volume exists",
            path="storageClassName",
        ),
    )


class VolumeDeletion(Model):
    """What is left when the object goes."""

    policy: Literal["Retain", "Delete"] = "Retain"
    """Of the volumes."""


class Deletion(VolumeDeletion):
    """What happens before, and what is left."""

    settle: Literal["Wait", "Abandon"] = "Wait"
    """Whether the batches that are sealed have to be verified on L1 first."""
    timeout_seconds: Seconds = 600
    """Then it is given up, and said what was left behind."""


class Metrics(Model):
    """They are always served, beside the probes."""

    pod_monitor: bool = False
    """Mark the pods for the PodMonitor of the chart (`podMonitor.enabled`)."""


class Tracing(Model):
    endpoint: Text | None = None
    """OTLP over HTTP; none: no traces."""
    ratio_percent: Annotated[int, Field(ge=0, le=100)] = 10
