"""The reference page of the options is the table's."""

from __future__ import annotations

from pathlib import Path

from ethrex_node.config import reference, settings

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "cli.md"


def test_the_committed_page_is_what_the_table_gives() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference.page(), "`make docs` writes it again"


def test_every_option_has_a_row_with_its_twin() -> None:
    rows = [line for line in reference.page().splitlines() if line.startswith("| `--")]

    assert [row.split("`")[1] for row in rows] == [option.flag for option in settings.OPTIONS]
    assert all(option.variable in row for option, row in zip(settings.OPTIONS, rows, strict=True))


def test_a_default_of_the_dev_chain_is_told() -> None:
    (row,) = [line for line in reference.page().splitlines() if line.startswith("| `--ws.enabled`")]

    assert "off; with `--dev` on" in row
