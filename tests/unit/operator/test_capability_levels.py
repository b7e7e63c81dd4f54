"""Each row of docs/capability-levels.md leads to a test that is there, or says that it is missing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

PAGE: Final = Path(__file__).parents[3] / "docs" / "capability-levels.md"
LINK: Final = re.compile(r"\[`([^`]+)`\]\(([^)]+)\)")
ROWS: Final = [
    line.split(" | ")
    for line in PAGE.read_text().splitlines()
    if line.startswith("| ") and not line.startswith("| what | ")
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].strip("| ")[:60])
def test_a_row_leads_to_a_test_or_says_missing(row: list[str]) -> None:
    links = LINK.findall(row[1])

    assert links or "missing" in row[1]
    for told, path in links:
        file, test = (PAGE.parent / path).resolve(), told.partition("::")[2]
        assert file.exists(), path
        assert told.partition("::")[0] == str(file.relative_to(PAGE.parents[1]))
        assert not test or f"def {test}(" in file.read_text()
