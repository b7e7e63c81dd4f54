"""A sequencer without its data is told from one that is only not ready, and the cure is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ethrex_node.cli import BEHIND
from ethrex_operator.api import loading
from ethrex_operator.api.rollup import EthrexRollup
from ethrex_operator.reconcile import data_lost
from ethrex_operator.reconcile.running import Instance

EXAMPLE = (Path(__file__).parents[4] / "examples" / "rollup.yaml").read_text()
SAID = "L1 has batches up to 3, the data in /data/data ends with 0"


def rollup(**spec: Any) -> EthrexRollup:
    found = next(one for one in yaml.safe_load_all(EXAMPLE) if one["kind"] == "EthrexRollup")
    read = loading.read({**found, "spec": {**found["spec"], **spec}})
    assert isinstance(read, EthrexRollup)
    return read


def ended(code: int | None, *, ready: bool = False, runs: bool = False) -> Instance:
    return Instance(ready, outdated=False, reason=SAID, pod="rollup-sequencer-0", exit_code=code, runs=runs)


def test_what_the_node_ends_with_is_what_is_looked_for() -> None:
    assert data_lost.BEHIND == BEHIND


def test_it_names_the_cure_and_what_the_sequencer_said() -> None:
    found = data_lost.decide(rollup(), ended(BEHIND), was_told=False)

    assert found is not None
    assert (found.type, found.status, found.reason) == ("Sequencing", "False", "DataLost")
    assert "spec.bootstrap: L1 and spec.sequencer.epoch: 2 " in found.message
    assert "rollup-sequencer-data" in found.message
    assert found.message.endswith(SAID)


def test_the_epoch_of_the_cure_is_above_the_one_that_is_there() -> None:
    found = data_lost.decide(rollup(sequencer={"epoch": 4}), ended(BEHIND), was_told=False)

    assert found is not None
    assert "spec.sequencer.epoch: 5 " in found.message


def test_one_that_shall_begin_from_l1_is_not_told_to() -> None:
    found = data_lost.decide(rollup(bootstrap="L1", sequencer={"epoch": 2}), ended(BEHIND), was_told=False)

    assert found is not None
    assert "spec.bootstrap" not in found.message
    assert "taken back" in found.message


@pytest.mark.parametrize(
    ("found", "was_told", "is_lost"),
    [
        (ended(BEHIND), False, True),
        (ended(BEHIND), True, True),
        (ended(BEHIND, runs=True), True, True),
        (ended(BEHIND, runs=True), False, False),
        (ended(BEHIND, ready=True, runs=True), True, False),
        (ended(2), False, False),
        (ended(2), True, False),
        (ended(None), True, False),
    ],
    ids=["ended", "again", "tries again", "unready long after", "ready", "another error", "another since", "made anew"],
)
def test_it_is_told_as_long_as_it_is_so(found: Instance, was_told: bool, is_lost: bool) -> None:
    assert (data_lost.decide(rollup(), found, was_told=was_told) is not None) is is_lost
