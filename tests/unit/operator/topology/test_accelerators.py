"""A pool's device becomes what its pods ask of a node."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from ethrex_operator.api import pool as api
from ethrex_operator.api.pool import Accelerator
from ethrex_operator.topology.accelerators import PROFILES, placed
from ethrex_operator.topology.workload import Placement, Toleration


def test_every_profile_of_the_api_is_known() -> None:
    assert set(PROFILES) == set(get_args(api.Profile))


@pytest.mark.parametrize(
    ("asked", "devices", "runtime"),
    [
        ({}, {}, None),
        ({"profile": "nvidia-gpu", "count": 2}, {"nvidia.com/gpu": 2}, None),
        ({"profile": "nvidia-mig", "resourceName": "nvidia.com/mig-3g.40gb"}, {"nvidia.com/mig-3g.40gb": 1}, None),
        ({"profile": "gke-tdx"}, {"intel.com/tdx": 1}, None),
        ({"profile": "kata-gpu-snp"}, {"nvidia.com/pgpu": 1}, "kata-qemu-nvidia-gpu-snp"),
    ],
)
def test_a_profile_asks_for_its_device(asked: dict[str, Any], devices: dict[str, int], runtime: str | None) -> None:
    found = placed(Accelerator.model_validate(asked), Placement())

    assert found.extended_resources == devices
    assert found.runtime_class == runtime


def test_what_the_pool_says_itself_goes_first() -> None:
    own = Placement(
        node_selector={"nvidia.com/cc.ready.state": "maybe", "zone": "a"},
        tolerations=(Toleration(key="mine", operator="Exists"),),
        runtime_class="special",
    )
    found = placed(Accelerator(profile="kata-gpu-tdx"), own)

    assert found.node_selector == {"nvidia.com/cc.ready.state": "maybe", "zone": "a"}
    assert found.runtime_class == "special"
    assert [one.key for one in found.tolerations] == ["mine", "nvidia.com/gpu"]
