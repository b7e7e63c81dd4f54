"""The oldest snapshot: by the commit that it sees, and since when it stands."""

from __future__ import annotations

from pathlib import Path

from ethrex_node.node import figures
from unit.chain import chains


def test_nobody_is_behind_where_nobody_reads(tmp_path: Path) -> None:
    chain, oldest = chains.open_chain(tmp_path), figures.OldestReader()
    chains.extend(chain, 2)

    assert oldest.note(chain.database().stats(), 100.0) == 0.0


class Stats:
    """Figures as the native core gives them; only a reader that hangs would make real ones."""

    def __init__(self, last_commit: int, *readers: tuple[int, int]) -> None:
        self.last_commit = last_commit
        self.readers = list(readers)


def test_the_age_counts_from_when_the_oldest_was_first_behind() -> None:
    oldest = figures.OldestReader()
    looks = [
        (Stats(5, (1, 5)), 10.0),  # sees the newest commit
        (Stats(6, (1, 5)), 20.0),
        (Stats(9, (1, 5), (2, 7)), 50.0),
        (Stats(9, (2, 7)), 60.0),  # the oldest let go
        (Stats(9), 70.0),
    ]

    assert [oldest.note(stats, now) for stats, now in looks] == [0.0, 0.0, 30.0, 0.0, 0.0]


def test_what_is_free_of_the_volume_is_told(tmp_path: Path) -> None:
    chain = chains.open_chain(tmp_path)
    told = {
        metric.name.removeprefix("ethrex_"): metric.samples[0].value
        for metric in figures.database(tmp_path, chain.database().stats(), figures.OldestReader())
    }

    assert 0 < told["database_free_bytes"] < told["database_volume_bytes"]
    assert told["database_size_bytes"] <= told["database_volume_bytes"] - told["database_free_bytes"]
