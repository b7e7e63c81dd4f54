"""What every image promises, read from its Containerfile: building them is for machines that reach a registry."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
IMAGES = {"node": "ethrex", "prover": "ethrex-prover", "operator": "ethrex-operator"}


def instructions(image: str) -> list[tuple[str, str]]:
    text = (ROOT / "images" / image / "Containerfile").read_text()
    joined = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines()) if word]


def last_stage(image: str) -> dict[str, str]:
    found = instructions(image)
    begin = max(number for number, (word, _) in enumerate(found) if word == "FROM")
    return dict(found[begin:])


@pytest.mark.parametrize("image", IMAGES)
def test_it_starts_the_program_of_its_distribution_as_nobody(image: str) -> None:
    stage = last_stage(image)
    scripts = tomllib.loads((ROOT / image / "pyproject.toml").read_text())["project"]["scripts"]

    assert json.loads(stage["ENTRYPOINT"]) == [IMAGES[image]]
    assert IMAGES[image] in scripts
    assert stage["USER"] == "65532:65532"


@pytest.mark.parametrize("image", IMAGES)
def test_its_last_stage_runs_nothing_so_that_it_needs_no_shell(image: str) -> None:
    assert "RUN" not in last_stage(image)


@pytest.mark.parametrize("image", IMAGES)
def test_every_base_is_an_argument_and_none_is_the_latest(image: str) -> None:
    found = instructions(image)
    arguments = dict(rest.partition("=")[::2] for word, rest in found if word == "ARG" and "=" in rest)
    stages = {rest.partition(" AS ")[2] for word, rest in found if word == "FROM"}

    for base in (
        rest.partition(" AS ")[0] for word, rest in found if word == "FROM" and not rest.startswith("scratch")
    ):
        named = arguments[base.removeprefix("${").removesuffix("}")]
        assert named in stages or re.search(r":(?!latest)[\w.-]+$", named), f"{base} = {named}"


@pytest.mark.parametrize("image", IMAGES)
def test_what_it_copies_of_the_checkout_is_there(image: str) -> None:
    copied = [rest.split()[:-1] for word, rest in instructions(image) if word == "COPY" and "--from" not in rest]
    sources = {source for one in copied for source in one} - {"build/wheels"}

    assert {"LICENSE", "requirements.lock"} <= sources
    assert not [source for source in sources if not (ROOT / source).exists()]
