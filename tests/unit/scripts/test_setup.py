"""The choice of an interpreter, and the licences of what is built in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "scripts"))

import third_party  # noqa: E402  scripts/ is no package: the lines above put it on the path


def test_the_interpreters_are_listed_best_build_first() -> None:
    script = str(ROOT / "scripts" / "choose_python.py")
    listed = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True).stdout.splitlines()

    builds = [line.partition("\t")[0].partition(" ")[2] for line in listed]
    order = ["PGO+LTO", "PGO", "LTO", "plain"]
    assert builds == sorted(builds, key=order.index)
    assert all(Path(line.partition("\t")[2]).exists() for line in listed)


@pytest.mark.parametrize("licence", ["unknown", "GPL-3.0-only", "Proprietary"])
def test_a_licence_that_does_not_fit_is_refused(licence: str) -> None:
    with pytest.raises(third_party.Incompatible, match=r"some 1\.0"):
        list(third_party._table("Rust", iter([("some", "1.0", licence)])))


def test_a_licence_that_fits_is_listed_once() -> None:
    rows = list(third_party._table("Rust", iter([("some", "1.0", "MIT"), ("some", "1.0", "MIT")])))

    assert rows[1:] == ["| some | 1.0 | MIT |"]
