"""An image has what our distributions need, and nothing that only tests and gates do."""

from __future__ import annotations

import re
from pathlib import Path

from images import runtime_requirements

ROOT = Path(__file__).parents[3]

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


def test_what_is_asked_for_through_others_is_in_and_the_gates_are_out() -> None:
    assert names(runtime_requirements.runtime(LOCK)) == {"direct", "through", "shared"}


def test_entries_keep_their_hashes_and_markers() -> None:
    kept = runtime_requirements.runtime(LOCK.replace("via gate\n", "via direct\n"))

    assert "direct==1.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:ab\n" in kept
    assert "gates-own==2.1 ; sys_platform == 'win32' \\\n    --hash=sha256:bb\n" in kept


def test_the_lock_of_this_checkout_gives_the_libraries_without_the_tools() -> None:
    kept = names(runtime_requirements.runtime((ROOT / "requirements.lock").read_text()))

    assert {"aiohttp", "uvloop", "kopf", "pydantic-core", "py-evm", "opentelemetry-sdk"} <= kept
    assert not {"pytest", "mypy", "ruff", "hypothesis", "maturin", "web3", "uv"} & kept
