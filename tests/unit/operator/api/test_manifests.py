"""The models take and refuse what the table says, and name the field. The API server's verdict: tests/e2e."""

from __future__ import annotations

import pytest

from ethrex_operator.api import crd, loading
from unit.operator.api.manifests import CHANGED, REFUSED, TAKEN, Case


@pytest.mark.parametrize("case", TAKEN, ids=lambda case: case.name)
def test_what_may_be_is_taken(case: Case) -> None:
    assert loading.read(case.manifest()).name == "case"


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_what_may_not_be_is_refused_at_its_field(case: Case) -> None:
    with pytest.raises(loading.ManifestInvalid) as refused:
        loading.read(case.manifest())

    assert any(path_of(one).startswith(case.refused) for one in refused.value.problems), refused.value.problems


def path_of(problem: str) -> str:
    return problem.split(": ")[1].strip()


@pytest.mark.parametrize("case", [case for change in CHANGED for case in change], ids=lambda case: case.name)
def test_both_sides_of_a_change_may_be_made_anew(case: Case) -> None:
    assert loading.read(case.manifest()).name == "case"


def test_both_tables_are_long_enough() -> None:
    assert len(TAKEN) >= 60
    assert len(REFUSED) >= 60


def test_an_unknown_field_is_named() -> None:
    with pytest.raises(loading.ManifestInvalid, match=r"spec\.sequencer\.blockTime: Extra inputs"):
        loading.read(Case("rollup", (("sequencer.blockTime", 1),)).manifest())


def test_every_problem_of_a_file_is_told_with_its_document() -> None:
    text = "kind: Pod\napiVersion: v1\n---\n[]\n---\nkind: ProverPool\napiVersion: ethrex.dev/v1alpha1\n"
    with pytest.raises(loading.ManifestInvalid) as refused:
        loading.parse(text, "a.yaml")

    assert [one.partition(":")[0] for one in refused.value.problems[:2]] == ["a.yaml, document 1", "a.yaml, document 2"]
    assert any("a.yaml, document 3" in one for one in refused.value.problems)


def test_an_object_that_stands_there_twice_is_refused() -> None:
    pool = "kind: ProverPool\napiVersion: ethrex.dev/v1alpha1\nmetadata: {name: a}\nspec: {}\n"
    with pytest.raises(loading.ManifestInvalid, match="ProverPool a stands there twice"):
        loading.parse(f"{pool}---\n{pool}", "a.yaml")


def test_a_definition_is_small_enough_for_the_api_server() -> None:
    assert all(len(str(definition)) < crd.MOST_BYTES for definition in crd.every().values())
