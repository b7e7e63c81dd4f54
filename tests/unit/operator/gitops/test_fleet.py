"""`examples/fleet`: rendered as users render it, taken by the models, and able to run all at once."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

import pytest

from ethrex_operator.api import loading
from ethrex_operator.api.loading import Manifest
from ethrex_operator.topology import whole
from ethrex_operator.topology.facts import Contracts
from unit.operator.chart import rendering

FLEET: Final = Path(__file__).parents[4] / "examples" / "fleet"
TIMEOUT_SECONDS: Final = 60.0
OVERLAYS: Final = ("alpha", "beta", "gamma")
CONTRACTS: Final = Contracts(1337, "0x01", "0x02", "0x03", "0x04", None, 1, 1)


def rendered(folder: Path) -> Manifest:
    done = subprocess.run(
        [rendering.program("kubectl"), "kustomize", str(folder)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return loading.parse(done.stdout, str(folder))


def test_the_whole_fleet_runs_on_one_settlement() -> None:
    manifest = rendered(FLEET)
    contracts = {one.name: CONTRACTS for one in manifest.rollups}
    found = whole.resolve(manifest, contracts, lambda pool: (0,), frozenset({"settlement"}))

    assert [one.name for one in manifest.rollups] == [f"rollup-{name}" for name in OVERLAYS]
    assert len(manifest.settlements) == 1
    assert {one.spec.settlement.name for one in manifest.rollups if one.spec.settlement} == {"settlement"}
    assert len({one.spec.chain_id for one in manifest.rollups}) == len(OVERLAYS)
    assert {one.namespace for one in manifest.resources} == {"fleet"}
    assert found.unmet == {}  # and so no two of them sign with one account
    assert found.complete


@pytest.mark.parametrize("name", OVERLAYS)
def test_one_overlay_is_one_rollup(name: str) -> None:
    manifest = rendered(FLEET / name)

    assert [(one.kind, one.name) for one in manifest.resources] == [("EthrexRollup", f"rollup-{name}")]
