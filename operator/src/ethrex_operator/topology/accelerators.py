"""
What each accelerator profile asks of a node: the keys that device plugins, clouds and Kata Containers publish.

A profile is a preset: what the pool's own placement says besides is kept, and goes first where both speak of one thing. A
label is a hint that a node has the device; that it is a confidential one is shown by attestation, not by a label.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from ..api.pool import Accelerator
from .workload import Placement, Toleration

GPU_TAINT: Final = (Toleration(key="nvidia.com/gpu", operator="Exists", effect="NoSchedule"),)
GKE_CONFIDENTIAL: Final = "cloud.google.com/gke-confidential-nodes-instance-type"


@dataclass(frozen=True, slots=True)
class Profile:
    device: str | None = None  # an extended resource, counted by `accelerator.count`
    node_selector: dict[str, str] = field(default_factory=dict)
    tolerations: tuple[Toleration, ...] = ()
    runtime_class: str | None = None


PROFILES: Final[dict[str, Profile]] = {
    "none": Profile(),
    "nvidia-gpu": Profile("nvidia.com/gpu", tolerations=GPU_TAINT),
    "nvidia-mig": Profile("nvidia.com/mig-1g.10gb", tolerations=GPU_TAINT),
    "gke-tdx": Profile("intel.com/tdx", {GKE_CONFIDENTIAL: "TDX"}),
    "gke-snp": Profile("amd.com/sev-snp", {GKE_CONFIDENTIAL: "SEV_SNP"}),
    "aks-cvm": Profile(node_selector={"kubernetes.azure.com/security-type": "ConfidentialVM"}),
    "kata-tdx": Profile(runtime_class="kata-qemu-tdx"),
    "kata-snp": Profile(runtime_class="kata-qemu-snp"),
    "kata-gpu-tdx": Profile(
        "nvidia.com/pgpu", {"nvidia.com/cc.ready.state": "true"}, GPU_TAINT, "kata-qemu-nvidia-gpu-tdx"
    ),
    "kata-gpu-snp": Profile(
        "nvidia.com/pgpu", {"nvidia.com/cc.ready.state": "true"}, GPU_TAINT, "kata-qemu-nvidia-gpu-snp"
    ),
}


def placed(asked: Accelerator, own: Placement) -> Placement:
    profile = PROFILES[asked.profile]
    device = asked.resource_name or profile.device
    devices = {} if device is None else {device: asked.count}
    return replace(
        own,
        node_selector={**profile.node_selector, **own.node_selector},
        tolerations=(*own.tolerations, *(one for one in profile.tolerations if one not in own.tolerations)),
        runtime_class=own.runtime_class or profile.runtime_class,
        extended_resources={**devices, **own.extended_resources},
    )
