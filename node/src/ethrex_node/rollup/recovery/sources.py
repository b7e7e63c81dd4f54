"""Where what batches published is to be had: one of the places that a command or a follower was told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from ethrex_node.rollup.committee.remote import RemoteMember
from ethrex_node.rollup.recovery.archive import Archive
from ethrex_node.rollup.recovery.blobs import BeaconApi, Source
from ethrex_node.rollup.recovery.keepers import Keepers

TIMEOUT_SECONDS: Final = 30.0


class NotOnePlace(ValueError):
    """None was named, or several."""


@dataclass(frozen=True, slots=True)
class Places:
    """`da`: URLs of a data committee's members, who may ask for the token in a file."""

    beacon: str | None = None
    archive: Path | None = None
    da: Sequence[str] = ()
    da_token: Path | None = None

    def check(self) -> None:
        """Raises `NotOnePlace`."""
        if (self.beacon is not None) + (self.archive is not None) + bool(self.da) != 1:
            raise NotOnePlace(
                "either --beacon or --archive says where the blobs are, or --da who keeps a validium's data"
            )

    def open(self, session: aiohttp.ClientSession, told: Callable[[str], None]) -> Source | Keepers:
        """`told` hears of members that fail. Raises `NotOnePlace`."""
        self.check()
        if self.archive is not None:
            return Archive(self.archive)
        if self.beacon is not None:
            return BeaconApi(self.beacon, session)
        return Keepers([RemoteMember(url, session, self.da_token, TIMEOUT_SECONDS) for url in self.da], told)
