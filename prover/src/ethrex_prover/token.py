"""Who this prover is, by a file with a token. A cluster puts a new one there before the old one ends."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from ethrex_prover import errors

log = logging.getLogger(__name__)


class TokenFile:
    """Read for every request. While it cannot be read, as between two of its contents, the last token counts."""

    def __init__(self, path: Path) -> None:
        """Raises `NotAble`."""
        self._path = path
        self._last = _read(path)

    async def current(self) -> str:
        try:
            self._last = await asyncio.to_thread(_read, self._path)
        except errors.NotAble as error:
            log.warning("the token stays as it was", extra={"reason": str(error)})
        return self._last


def _read(path: Path) -> str:
    """The first word of a file. Raises `NotAble`."""
    try:
        words = path.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise errors.NotAble(f"cannot read the token file {path}: {error}") from None
    if not words:
        raise errors.NotAble(f"the token file {path} is empty")
    return words[0]
