"""Provers of other backends than our own run from the image that is named, where their profile says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from ethrex_operator.api import loading
from ethrex_operator.api.pool import ProverPool
from ethrex_operator.api.rollup import EthrexRollup
from ethrex_operator.kube import objects
from ethrex_operator.topology import pool as pools
from ethrex_operator.topology import whole
from ethrex_operator.topology.errors import Unmet
from ethrex_operator.topology.facts import L1, Contracts
from ethrex_operator.topology.workload import Workload

EXAMPLE = list(yaml.safe_load_all((Path(__file__).parents[4] / "examples" / "rollup.yaml").read_text()))
IMAGE = {"reference": "registry.example/prover-sp1:6"}
DEV_L1 = L1(urls=("http://l1:8545",), beacon=None, dev=True)


def made(**spec: Any) -> Workload:
    given = next(one for one in EXAMPLE if one["kind"] == "ProverPool")
    pool = loading.read({**given, "spec": {**given["spec"], **spec}})
    rollup = loading.read(next(one for one in EXAMPLE if one["kind"] == "EthrexRollup"))
    assert isinstance(pool, ProverPool)
    assert isinstance(rollup, EthrexRollup)
    served = pools.Served(rollup, DEV_L1, Contracts(31_337, "0xp", "0xb", "0xr", "0xverifier", None, 2, 1))
    (found,) = pools.workloads(pool, (served,), (0,))
    return found


@pytest.mark.parametrize("backend", ["sp1", "risc0", "tee"])
def test_without_an_image_it_says_so_and_with_one_it_is_scheduled_by_its_profile(backend: str) -> None:
    with pytest.raises(Unmet, match=r"spec\.image\.reference") as refused:
        made(backend=backend)
    found = made(backend=backend, image=IMAGE, accelerator={"profile": "nvidia-gpu", "count": 2})

    assert refused.value.reason == "NoImage"
    assert found.image.reference == IMAGE["reference"]
    assert found.arguments[:3] == ("run", "--backend", backend)
    assert found.placement.extended_resources == {"nvidia.com/gpu": 2}


@pytest.mark.parametrize(("backend", "signs"), [("attested", True), ("tee", True), ("sp1", False), ("risc0", False)])
def test_only_proofs_that_are_signatures_have_a_key(backend: str, signs: bool) -> None:
    words = made(backend=backend, image=IMAGE).arguments

    assert ("--key" in words) is signs
    assert ("--verifier" in words) is signs


def test_a_cache_is_mounted_read_only_and_a_clouds_identity_is_its_accounts() -> None:
    found = made(cacheVolumeClaim="keys", placement={"serviceAccountAnnotations": {"cloud/role": "prover"}})
    cluster = objects.Cluster("default", "https://issuer", {}, {("rollup-sequencer", "coordinator"): 3900})
    children = objects.children(
        found, objects.Owner("ProverPool", "provers", "default", "uid"), replace(cluster, images={found.program: "x"})
    )
    by_kind = {one["kind"]: one for one in children}
    pod = by_kind["Job"]["spec"]["template"]["spec"]

    assert by_kind["ServiceAccount"]["metadata"]["annotations"] == {"cloud/role": "prover"}
    assert {"name": "cache", "persistentVolumeClaim": {"claimName": "keys", "readOnly": True}} in pod["volumes"]
    assert {"name": "cache", "mountPath": "/cache", "readOnly": True} in pod["containers"][0]["volumeMounts"]


def test_a_machine_without_a_cluster_runs_no_image() -> None:
    text = yaml.safe_dump_all(EXAMPLE).replace("backend: attested", "backend: sp1")
    manifest = loading.parse(text, "rollup.yaml")

    found = whole.resolve(manifest, {}, lambda pool: (0,))

    assert found.unmet["ProverPool/provers"].reason == "BackendNeedsCluster"
