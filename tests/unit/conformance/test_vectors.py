"""Vector suites tell their files apart and see a changed answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from conformance import runner
from conformance.case import Outcome
from conformance.options import Options
from conformance.runner import Task
from conformance.sources import File
from conformance.suites import BY_FILE, bls, p256

ZERO_G1 = "00" * 128
ADD_OF_ZEROS = {"Name": "bls_g1add_zero", "Input": ZERO_G1 * 2, "Expected": ZERO_G1, "Gas": 375}
P256_WRONG_LENGTH = {"Name": "short", "Input": "00", "Expected": "", "Gas": 3450}


def play(suite: str, name: str, content: Any) -> list[Outcome]:
    data = json.dumps(content).encode()
    return [result.outcome for result in runner.play(BY_FILE[suite], Task(File(name, data)), Options()).results]


def test_a_right_bls_vector_passes() -> None:
    assert play("bls", "add_G1_bls.json", [ADD_OF_ZEROS]) == [Outcome.PASSED]


@pytest.mark.parametrize("change", [{"Expected": "01" + ZERO_G1[2:]}, {"Gas": 376}, {"Input": "00"}])
def test_a_changed_bls_vector_fails(change: dict[str, Any]) -> None:
    assert play("bls", "add_G1_bls.json", [ADD_OF_ZEROS | change]) == [Outcome.FAILED]


def test_an_error_vector_fails_where_the_call_succeeds() -> None:
    good_call = {"Name": "bls_g1add_x", "Input": ZERO_G1 * 2, "ExpectedError": "any"}
    bad_call = good_call | {"Input": "00"}

    assert play("bls", "fail.json", [good_call, bad_call]) == [Outcome.FAILED, Outcome.PASSED]


@pytest.mark.parametrize(
    ("name", "file", "operation"),
    [
        ("bls_mapg1_empty_input", "fail-map_fp_to_G1_bls.json", "g1map"),
        ("bls_g2map_616263", "x.json", "g2map"),
        ("bls_pairing_e(0,0)", "x.json", "pairing"),
        ("bls_g2msm_x", "x.json", "g2msm"),
        ("case 1", "fail-map_fp2_to_G2_bls.json", "g2map"),
        ("case 1", "deep/mul_G2_bls.json", "g2mul"),
        ("case 1", "pairing_check_bls.json", "pairing"),
        ("wycheproof/1", "eip-7951.json", None),
    ],
)
def test_the_contract_is_named_by_case_or_file(name: str, file: str, operation: str | None) -> None:
    assert bls.operation(name, file) == operation


def test_p256_and_bls_share_a_folder() -> None:
    mixed = json.dumps([ADD_OF_ZEROS, P256_WRONG_LENGTH]).encode()

    assert [case.name for case in bls.cases("mixed.json", mixed)] == ["bls_g1add_zero"]
    assert [case.name for case in p256.cases("mixed.json", mixed)] == ["short"]


def test_p256_sees_a_wrong_verdict() -> None:
    claimed = P256_WRONG_LENGTH | {"Expected": f"{1:064x}"}

    assert play("p256", "p.json", [P256_WRONG_LENGTH, claimed]) == [Outcome.PASSED, Outcome.FAILED]


INFINITY = "0xc0" + "00" * 47
ZERO_BLOB = "0x" + "00" * 131072


def kzg(function: str, output: str, **inputs: str) -> list[Outcome]:
    lines = "".join(f"  {key}: '{value}'\n" for key, value in inputs.items())
    file = File(f"tests/{function}/kzg-mainnet/case/data.yaml", f"input:\n{lines}output: {output}\n".encode())
    return [result.outcome for result in runner.play(BY_FILE["kzg"], Task(file), Options()).results]


def test_a_kzg_vector_passes_only_with_its_answer() -> None:
    assert kzg("blob_to_kzg_commitment", f"'{INFINITY}'", blob=ZERO_BLOB) == [Outcome.PASSED]
    assert kzg("blob_to_kzg_commitment", f"'0xc1{INFINITY[4:]}'", blob=ZERO_BLOB) == [Outcome.FAILED]
    assert kzg("blob_to_kzg_commitment", "null", blob=ZERO_BLOB) == [Outcome.FAILED]
    assert kzg("blob_to_kzg_commitment", "null", blob="0x00") == [Outcome.PASSED]


def test_a_kzg_file_outside_its_folder_is_known_by_its_inputs() -> None:
    z = "0x" + "00" * 32
    right = f"input: {{commitment: '{INFINITY}', z: '{z}', y: '{z}', proof: '{INFINITY}'}}\noutput: true\n"

    def play_flat(text: str) -> list[Outcome]:
        file = File("flat.yaml", text.encode())
        return [result.outcome for result in runner.play(BY_FILE["kzg"], Task(file), Options()).results]

    assert play_flat(right) == [Outcome.PASSED]
    assert play_flat(right.replace("true", "false")) == [Outcome.FAILED]
    assert play_flat("a: 1\n") == []
