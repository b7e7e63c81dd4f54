"""
The forks of a genesis file's ``config`` object: their keys, their order, and what makes a schedule contradictory.

A schedule is held to geth's rules (``params.ChainConfig.CheckConfigForkOrder``) and to two more: forks by time need a
terminal total difficulty, and a fork that this node does not implement may not come. The rules of the forks themselves
are the native core's (``stf::spec``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Fork:
    """`key` in ``config``; an `optional` one may be left out between two others; `blobs`: its ``blobSchedule`` entry."""

    key: str
    optional: bool = False
    blobs: str | None = None
    blobs_required: bool = False

    @property
    def by_time(self) -> bool:
        return self.key.endswith("Time")


FORKS: Final = (
    Fork("homesteadBlock"),
    Fork("daoForkBlock", optional=True),
    Fork("eip150Block"),
    Fork("eip155Block"),
    Fork("eip158Block"),
    Fork("byzantiumBlock"),
    Fork("constantinopleBlock"),
    Fork("petersburgBlock"),
    Fork("istanbulBlock"),
    Fork("muirGlacierBlock", optional=True),
    Fork("berlinBlock"),
    Fork("londonBlock"),
    Fork("arrowGlacierBlock", optional=True),
    Fork("grayGlacierBlock", optional=True),
    Fork("mergeNetsplitBlock", optional=True),
    Fork("shanghaiTime"),
    Fork("cancunTime", blobs="cancun", blobs_required=True),
    Fork("pragueTime", blobs="prague", blobs_required=True),
    Fork("osakaTime", blobs="osaka"),  # keeps Prague's where it names none
    Fork("bpo1Time", optional=True, blobs="bpo1", blobs_required=True),
    Fork("bpo2Time", optional=True, blobs="bpo2", blobs_required=True),
    Fork("bpo3Time", optional=True, blobs="bpo3", blobs_required=True),
    Fork("bpo4Time", optional=True, blobs="bpo4", blobs_required=True),
    Fork("bpo5Time", optional=True, blobs="bpo5", blobs_required=True),
)
KEYS: Final = frozenset(fork.key for fork in FORKS)
NOT_IMPLEMENTED: Final = ("amsterdamTime", "bogotaTime", "ubtTime", "verkleTime", "eofTime")
BLOB_NAMES: Final = frozenset({fork.blobs for fork in FORKS if fork.blobs} | {"amsterdam", "bogota"})
NEVER: Final = 1 << 62  # tools write such a time where they mean that a fork does not come


def contradictions(config: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a schedule whose values are whole numbers (or None: does not come)."""
    yield from _order(config)
    first_by_time = next((fork.key for fork in FORKS if fork.by_time and config.get(fork.key) is not None), None)
    if first_by_time and config.get("terminalTotalDifficulty") is None:
        yield f"config.{first_by_time} is set, but terminalTotalDifficulty is not: the chain would never get there"
    for key in NOT_IMPLEMENTED:
        time = config.get(key)
        if time is not None and time < NEVER:
            yield f"config.{key} is set, but this node implements the forks up to BPO5; leave it out"


def _order(config: Mapping[str, Any]) -> Iterator[str]:
    last: Fork | None = None
    missing: Fork | None = None
    for fork in FORKS:
        at = config.get(fork.key)
        if at is None:
            if not fork.optional and missing is None:
                missing = fork
            continue
        if missing is not None:
            yield f"config.{fork.key} is set to {at}, but {missing.key}, which comes before it, is not set"
            missing = None
        if last is not None and last.by_time == fork.by_time and config[last.key] > at:
            yield f"config.{fork.key} is {at}, before {last.key} at {config[last.key]}"
        last = fork


def missing_blob_schedule(config: Mapping[str, Any]) -> Iterator[str]:
    """Forks that come and whose number of blobs is not given."""
    schedule = config.get("blobSchedule") or {}
    for fork in FORKS:
        if fork.blobs_required and config.get(fork.key) is not None and fork.blobs not in schedule:
            yield f"config.blobSchedule has no entry {fork.blobs!r}, but {fork.key} is set"
