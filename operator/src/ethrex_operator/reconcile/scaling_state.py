"""What a leader knows of provers and their work between two looks of the planner."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ..scaling.decision import PoolDecision
from ..scaling.learned import Learned
from ..scaling.observation import Job, Proof
from ..scaling.observe import Told
from ..scaling.settings import Settings


@dataclass(frozen=True, slots=True)
class News:
    """Of one rollup's coordinator. `read_at` is in seconds since 1970."""

    read_at: float
    jobs: tuple[Job, ...]
    told: tuple[Told, ...]
    proofs: tuple[Proof, ...]  # made since the news before


@dataclass(slots=True)
class Scaling:
    """What a leader knows between two looks. Pools and rollups are called ``namespace.name``, as coordinators do."""

    settings: Settings = field(default_factory=Settings)
    clock: Callable[[], float] = time.time
    learned: Learned | None = None  # None: not read yet
    written_at: float = 0.0
    written: bytes = b""
    trouble: str = ""  # why nothing is decided
    news: dict[str, News] = field(default_factory=dict)  # by rollup
    decisions: dict[str, PoolDecision] = field(default_factory=dict)  # by pool
    said: dict[str, tuple[object, str]] = field(default_factory=dict)  # by pool: what was decided, and its words then
