"""An image has what its distribution needs, and nothing that only tests and gates do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from images import requirements_for

LOCK_OF_THIS_CHECKOUT = Path(__file__).parents[3] / "requirements.lock"

LOCK = """\
direct==1.0 \\
    --hash=sha256:aa \\
    --hash=sha256:ab
    # via ethrex-node (node/pyproject.toml)
gate==2.0 \\
    --hash=sha256:ba
    # via (pyproject.toml:dev)
gates-own==2.1 ; sys_platform == 'win32' \\
    --hash=sha256:bb
    # via gate
others==5.0 \\
    --hash=sha256:ea
    # via ethrex-operator (operator/pyproject.toml)
shared==3.0 \\
    --hash=sha256:ca
    # via
    #   gate
    #   through
through==4.0 \\
    --hash=sha256:da
    # via
    #   direct
    #   gate
"""


def names(requirements: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+)==", requirements, re.MULTILINE))


def locked(*wanted: str) -> set[str]:
    return names(requirements_for.part(LOCK_OF_THIS_CHECKOUT.read_text(), wanted))


def test_what_is_asked_for_through_others_is_in_and_the_gates_are_out() -> None:
    assert names(requirements_for.part(LOCK, ["node"])) == {"direct", "through", "shared"}
    assert names(requirements_for.part(LOCK, ["node", "operator"])) == {"direct", "through", "shared", "others"}


def test_a_package_brings_what_it_asks_for() -> None:
    assert names(requirements_for.part(LOCK, ["gate"])) == {"gate", "gates-own", "shared", "through"}


def test_entries_keep_their_hashes_and_markers() -> None:
    kept = requirements_for.part(LOCK, ["gate"])

    assert "gates-own==2.1 ; sys_platform == 'win32' \\\n    --hash=sha256:bb\n" in kept


def test_a_name_that_nobody_knows_is_refused() -> None:
    with pytest.raises(requirements_for.UnknownPackage, match="gat is neither one of node, prover, operator nor"):
        requirements_for.part(LOCK, ["node", "gat"])


def test_the_lock_of_this_checkout_gives_the_libraries_without_the_tools() -> None:
    kept = locked("node", "prover", "operator")

    assert {"aiohttp", "uvloop", "kopf", "pydantic-core", "py-evm", "opentelemetry-sdk"} <= kept
    assert not {"pytest", "mypy", "ruff", "hypothesis", "maturin", "web3", "uv"} & kept


def test_a_prover_needs_nothing_that_the_image_of_the_node_lacks() -> None:
    assert locked("prover") <= locked("node")


def test_the_operator_does_without_the_nodes_engines() -> None:
    assert not {"lmdb", "py-evm", "coincurve"} & locked("operator")
