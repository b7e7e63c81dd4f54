"""
What may leave in a report: texts and objects without passwords, tokens, keys, and whatever in a URL opens a door.

Pure, and with no list of good places: every text of a report goes through here. What is known to be secret is taken out
literally; the rest is found by its form or by the name that it stands under. A number of 32 bytes may be a hash or a key, and
nobody can tell: eight digits of it are kept, which are enough to find a transaction again and tell nothing of a key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

GONE: Final = "[redacted]"
KEPT_DIGITS: Final = 8
LEAST_LITERAL: Final = 4  # a shorter secret would take words out of every sentence

_SECRET_WORDS: Final = r"pass(?:word|wd|phrase)?|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|mnemonic|seed|credential|authorization|jwt"
_NAMED: Final = re.compile(rf"(?:{_SECRET_WORDS})s?$", re.IGNORECASE)
_PEM: Final = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
_JWT: Final = re.compile(r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]+\.[\w-]*")
_BEARER: Final = re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{6,}", re.IGNORECASE)
# No pattern looks for its end from every place of a text: megabytes of digits have to be read once.
_BEFORE: Final = r"[\w.-]{0,80}"
_VALUE: Final = r"""(?P<value>"[^"\n]*"|'[^'\n]*'|[^\s,;"'}]+)"""
_ASSIGNED: Final = re.compile(rf"""(?P<name>(?:{_SECRET_WORDS})s?)(?P<sign>["']?\s*[=:]\s*){_VALUE}""", re.IGNORECASE)
_OPTION: Final = re.compile(rf"(?P<name>--{_BEFORE}(?:{_SECRET_WORDS})s?)(?P<sign>\s+){_VALUE}", re.IGNORECASE)
_OPTION_ALONE: Final = re.compile(rf"--{_BEFORE}(?:{_SECRET_WORDS})s?$", re.IGNORECASE)
_URL: Final = re.compile(r"""\b[a-z][a-z0-9+.-]{1,30}://[^\s"'<>\\,\]}]+""", re.IGNORECASE)
_BIG_HEX: Final = re.compile(r"(?<![0-9a-zA-Z:])(0x)?([0-9a-fA-F]{64,})(?![0-9a-zA-Z])")
_PHRASE: Final = re.compile(r"\b(?:[a-z]{3,8}\s+){11,23}[a-z]{3,8}\b")
_KEY_IN_PATH: Final = re.compile(r"^(?=[^/]*[0-9])(?=[^/]*[a-zA-Z])[\w-]{16,}$")


class Redactor:
    """`known` are secrets themselves, where whoever reports has them."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        literal = sorted({one for one in known if len(one) >= LEAST_LITERAL}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, literal))) if literal else None

    def text(self, given: str) -> str:
        if self._known is not None:
            given = self._known.sub(GONE, given)
        given = _PEM.sub(GONE, given)
        given = _URL.sub(lambda found: _url(found[0]), given)
        given = _BEARER.sub(rf"\1 {GONE}", given)
        given = _JWT.sub(GONE, given)
        given = _OPTION.sub(_assigned, _ASSIGNED.sub(_assigned, given))
        given = _PHRASE.sub(GONE, given)
        return _BIG_HEX.sub(lambda found: f"{found[1] or ''}{found[2][:KEPT_DIGITS]}…", given)

    def object(self, given: Any, name: str = "") -> Any:
        """Strings under a name that speaks of a secret are gone, others are texts."""
        if isinstance(given, dict):
            return self._mapping(given)
        if isinstance(given, list):
            before = ["", *given]  # an option and its value may be two words of a command
            return [
                GONE if isinstance(last, str) and _OPTION_ALONE.match(last) else self.object(one, name)
                for last, one in zip(before, given, strict=False)
            ]
        if isinstance(given, str):
            return GONE if given and _NAMED.search(name) else self.text(given)
        return given

    def _mapping(self, given: dict[str, Any]) -> dict[str, Any]:
        found = {}
        for key, value in given.items():
            if key == "kubectl.kubernetes.io/last-applied-configuration":
                continue
            named = str(given.get("name", "")) if key == "value" else key  # a variable of a container's environment
            found[key] = self.object(value, named)
        return found


def _assigned(found: re.Match[str]) -> str:
    if found["value"] in ("null", "None", "true", "false", GONE) or GONE in found["value"]:
        return found[0]
    quote = found["value"][0] if found["value"][0] in "\"'" else ""
    return f"{found['name']}{found['sign']}{quote}{GONE}{quote}"


def _url(given: str) -> str:
    """Host and path, without who, with which answers, and with no key in the path."""
    try:
        parts = urlsplit(given)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return GONE
    who = f"{GONE}@" if "@" in parts.netloc else ""
    path = "/".join(GONE if _KEY_IN_PATH.match(one) else one for one in parts.path.split("/"))
    query = "&".join(f"{one.partition('=')[0]}={GONE}" for one in parts.query.split("&")) if parts.query else ""
    return urlunsplit((parts.scheme, f"{who}{host}", path, query, ""))
