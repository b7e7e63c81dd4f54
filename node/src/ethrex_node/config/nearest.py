"""What somebody may have meant by a word that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

SIMILAR: Final = 0.6


def nearest(word: str, known: Iterable[str], similar: float = SIMILAR) -> str | None:
    """The known word most like this one, None where no word is."""
    folded = {one.lower(): one for one in known}
    found = difflib.get_close_matches(word.lower(), folded, n=1, cutoff=similar)
    return folded[found[0]] if found else None


def hint(word: str, known: Iterable[str], prefix: str = "") -> str:
    """``; did you mean http.port?``, or nothing."""
    found = nearest(word, known)
    return f"; did you mean {prefix}{found}?" if found else ""
