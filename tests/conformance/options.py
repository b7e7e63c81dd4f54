"""What the caller chose; goes to every worker process."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    match: re.Pattern[str] | None = None
    sample: int = 1
    url: str | None = None
    engine_url: str | None = None
    jwt_secret: Path | None = None
    command: tuple[str, ...] = ()
    openrpc: Path | None = None

    def wants(self, case_id: str) -> bool:
        """The sample depends on the id alone, so that it is the same on every machine and in any order of files."""
        if self.match is not None and not self.match.search(case_id):
            return False
        return self.sample == 1 or zlib.crc32(case_id.encode()) % self.sample == 0
