"""The list of an image's parts: what the locks say, no more and no less, and the same each time."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
CARGO = ROOT / "node" / "native" / "Cargo.lock"


def made(image: str, *cargo: Path) -> dict[str, Any]:
    command = [
        sys.executable,
        str(ROOT / "images" / "sbom.py"),
        image,
        "1.2.3",
        str(ROOT / "requirements.lock"),
        *map(str, cargo),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def purls(bill: dict[str, Any], kind: str) -> set[str]:
    return {one["purl"] for one in bill["components"] if one["purl"].startswith(f"pkg:{kind}/")}


def test_it_names_the_image_and_its_version() -> None:
    bill = made("operator")

    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    assert bill["metadata"]["component"]["purl"] == "pkg:pypi/ethrex-operator@1.2.3"


@pytest.mark.parametrize("image", ["node", "operator"])
def test_what_the_distribution_requires_is_in_it_as_it_is_installed(image: str) -> None:
    found = purls(made(image), "pypi")
    required = [one.split(";")[0] for one in metadata.requires(f"ethrex-{image}") or () if "extra ==" not in one]
    names = {re.split(r"[\s\[<>=!~(]", one)[0].lower() for one in required}

    assert names
    for name in names:
        assert f"pkg:pypi/{name}@{metadata.version(name)}" in found


def test_what_only_tests_and_gates_use_or_another_system_is_in_none() -> None:
    found = purls(made("node"), "pypi") | purls(made("operator"), "pypi") | purls(made("prover"), "pypi")
    names = {one.removeprefix("pkg:pypi/").partition("@")[0] for one in found}

    assert not names & {"pytest", "mypy", "ruff", "lupa", "colorama", "pywin32"}


def test_foreign_crates_are_in_it_with_their_digests_and_ours_are_not() -> None:
    bill = made("node", CARGO)
    locked = tomllib.loads(CARGO.read_text())["package"]
    foreign = {f"pkg:cargo/{one['name']}@{one['version']}": one.get("checksum") for one in locked if "source" in one}
    told = {one["purl"]: one.get("hashes", [{}])[0].get("content") for one in bill["components"]}

    assert {purl: told[purl] for purl in purls(bill, "cargo")} == foreign
    assert len(foreign) > 100


def test_the_same_locks_give_the_same_bytes() -> None:
    assert made("prover", CARGO) == made("prover", CARGO)


@pytest.mark.parametrize("image", ["node", "prover", "operator"])
def test_each_image_holds_its_own(image: str) -> None:
    text = (ROOT / "images" / image / "Containerfile").read_text()

    assert f"sbom.py {image} " in text
    assert f"/opt/ethrex/share/sbom/ethrex-{image}.cdx.json" in text
