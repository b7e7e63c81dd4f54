"""
c-kzg-4844's vectors for EIP-4844 and EIP-7594: YAML with ``input`` and ``output``, null where the call must fail.

The function's name is a folder of the path (``verify_kzg_proof/kzg-mainnet/case/data.yaml``); a file that lies
elsewhere belongs to the function whose inputs it has.

The two Fiat-Shamir challenges are internal to the library and reached by no binding. They are restated here from the
consensus specification; that the library computes the same is seen where its own proof at that point is its blob proof.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any, Final

import yaml

from conformance.case import Case, Mismatch, Suite, equal
from conformance.fixture import unhex
from ethrex_node import _native

FIELD_ELEMENTS_PER_BLOB: Final = 4096
FIELD_ELEMENTS_PER_CELL: Final = 64
FIELD_MODULUS: Final = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001


def cases(file: str, data: bytes) -> Iterator[Case]:
    if file.endswith(".json") or not (b"input" in data and b"output" in data):
        return
    document = yaml.load(data, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    if isinstance(document, dict) and isinstance(document.get("input"), dict) and "output" in document:
        function = _function(file, set(document["input"]), document["output"])
        if function is not None:
            yield Case(function, (function, document))


def check(case: Case) -> None:
    function, document = case.data
    expected = _bytes(document["output"])
    try:
        arguments = {name: _bytes(value) for name, value in document["input"].items()}
        got = FUNCTIONS[function](**arguments)
    except (ValueError, OverflowError) as error:
        if expected is not None:
            raise Mismatch(f"refused: {error}") from error
        return
    if expected is None:
        raise Mismatch("accepted, expected an error")
    equal(function, _plain(got), expected)


def compute_challenge(blob: bytes, commitment: bytes) -> bytes:
    domain = b"FSBLOBVERIFY_V1_" + FIELD_ELEMENTS_PER_BLOB.to_bytes(16, "big")
    challenge = _hash_to_field(domain + blob + commitment)
    at_challenge, _ = _native.compute_kzg_proof(blob, challenge)
    equal("the library's blob proof", _native.compute_blob_kzg_proof(blob, commitment), at_challenge)
    return challenge


def compute_verify_cell_kzg_proof_batch_challenge(
    commitments: list[bytes],
    commitment_indices: list[int],
    cell_indices: list[int],
    cosets_evals: list[list[bytes]],
    proofs: list[bytes],
) -> bytes:
    data = b"RCKZGCBATCH__V1_"
    for size in (FIELD_ELEMENTS_PER_BLOB, FIELD_ELEMENTS_PER_CELL, len(commitments), len(cell_indices)):
        data += size.to_bytes(8, "big")
    data += b"".join(commitments)
    for commitment, cell, evaluations, proof in zip(
        commitment_indices, cell_indices, cosets_evals, proofs, strict=True
    ):
        data += commitment.to_bytes(8, "big") + cell.to_bytes(8, "big") + b"".join(evaluations) + proof
    return _hash_to_field(data)


FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "blob_to_kzg_commitment": _native.blob_to_kzg_commitment,
    "compute_kzg_proof": _native.compute_kzg_proof,
    "compute_blob_kzg_proof": _native.compute_blob_kzg_proof,
    "verify_kzg_proof": _native.verify_kzg_proof,
    "verify_blob_kzg_proof": _native.verify_blob_kzg_proof,
    "verify_blob_kzg_proof_batch": _native.verify_blob_kzg_proof_batch,
    "compute_cells": _native.compute_cells,
    "compute_cells_and_kzg_proofs": _native.compute_cells_and_kzg_proofs,
    "recover_cells_and_kzg_proofs": _native.recover_cells_and_kzg_proofs,
    "verify_cell_kzg_proof_batch": _native.verify_cell_kzg_proof_batch,
    "compute_challenge": compute_challenge,
    "compute_verify_cell_kzg_proof_batch_challenge": compute_verify_cell_kzg_proof_batch_challenge,
}
BY_INPUTS: Final = {
    frozenset({"blob", "z"}): "compute_kzg_proof",
    frozenset({"commitment", "z", "y", "proof"}): "verify_kzg_proof",
    frozenset({"blob", "commitment", "proof"}): "verify_blob_kzg_proof",
    frozenset({"blobs", "commitments", "proofs"}): "verify_blob_kzg_proof_batch",
    frozenset({"cell_indices", "cells"}): "recover_cells_and_kzg_proofs",
    frozenset({"commitments", "cell_indices", "cells", "proofs"}): "verify_cell_kzg_proof_batch",
    frozenset({"commitments", "commitment_indices", "cell_indices", "cosets_evals", "proofs"}): (
        "compute_verify_cell_kzg_proof_batch_challenge"
    ),
}


def _function(file: str, inputs: set[str], output: Any) -> str | None:
    for part in reversed(file.split("/")[:-1]):
        if part in FUNCTIONS:
            return part
    if inputs == {"blob"}:
        shapes = {str: "blob_to_kzg_commitment", type(None): "blob_to_kzg_commitment"}
        return shapes.get(type(output)) or ("compute_cells" if len(output) > 2 else "compute_cells_and_kzg_proofs")
    if inputs == {"blob", "commitment"}:
        short = isinstance(output, str) and len(unhex(output)) == len(FIELD_MODULUS.to_bytes(32, "big"))
        return "compute_challenge" if short else "compute_blob_kzg_proof"
    return BY_INPUTS.get(frozenset(inputs))


def _hash_to_field(data: bytes) -> bytes:
    return (int.from_bytes(hashlib.sha256(data).digest(), "big") % FIELD_MODULUS).to_bytes(32, "big")


def _bytes(value: Any) -> Any:
    """Hex in any depth of lists as bytes; booleans, numbers and null as they are."""
    if isinstance(value, list):
        return [_bytes(element) for element in value]
    return unhex(value) if isinstance(value, str) else value


def _plain(value: Any) -> Any:
    """Tuples as the lists that YAML has."""
    return [_plain(element) for element in value] if isinstance(value, list | tuple) else value


SUITE: Final = Suite((".yaml", ".yml"), cases, check)
