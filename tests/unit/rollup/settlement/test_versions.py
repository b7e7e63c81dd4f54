"""Which version of the program a batch is made of, and what is said where there is none."""

from __future__ import annotations

import pytest

from ethrex_node.rollup.settlement.versions import Version, chosen, trouble

NOW = 1_000
OLD = Version(1, is_known=True)
NEW = Version(2, activation_batch=10, is_known=True)


def numbered(versions: list[Version], batch: int) -> int | None:
    found = chosen(versions, batch, NOW)
    return None if found is None else found.number


@pytest.mark.parametrize(("batch", "version"), [(1, 1), (9, 1), (10, 2), (11, 2)])
def test_the_new_version_begins_with_its_batch(batch: int, version: int) -> None:
    assert numbered([OLD, NEW], batch) == version


def test_a_version_that_ends_is_left_in_time() -> None:
    ending = Version(1, expires_at=NOW + 1, is_known=True)
    assert numbered([ending], 1) == 1
    assert chosen([ending], 1, NOW + 1) is None


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        (Version(3), "version 3 is not registered"),
        (Version(3, is_known=True, is_revoked=True), "version 3 is revoked"),
        (Version(3, activation_batch=6, is_known=True), "version 3 begins with batch 6"),
        (Version(3, expires_at=NOW, is_known=True), f"version 3 ends at {NOW}"),
    ],
)
def test_what_l1_would_not_take_is_said_with_its_reason(version: Version, reason: str) -> None:
    assert numbered([version], 5) is None
    said = trouble([version], 5, NOW)
    assert said is not None
    assert reason in said
    assert trouble([version, OLD], 5, NOW) is None
