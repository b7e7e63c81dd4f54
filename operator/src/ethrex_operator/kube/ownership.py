"""
Whose the fields of an object are, by what the API server writes down of it (``metadata.managedFields``).

Server-side apply puts back what somebody changed of ours, and leaves alone what somebody added. Where nothing may be added,
another port, another rule, another file, it has to be seen and taken away. And what stands in our fields is what was applied
last: an operator that starts compares that with its wish, and does not apply ten thousand objects that are as they shall be.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from .objects.naming import MANAGER

Fields = Mapping[str, Any]
Object = dict[str, Any]

IDENTITY: Final = ("apiVersion", "kind", "metadata")
# Labels and annotations are anybody's: a service mesh writes them, and a tool that shows what belongs together.
NOT_OURS_ALONE: Final = ("f:metadata", "f:status")
PATHS_MOST: Final = 4


def foreign(metadata: Mapping[str, Any]) -> str:
    """Fields of the wish that others have added, as paths; empty where there are none."""
    entries = [one for one in metadata.get("managedFields") or () if not one.get("subresource")]
    ours = [one["fieldsV1"] for one in entries if one["manager"] == MANAGER]
    theirs = [one["fieldsV1"] for one in entries if one["manager"] != MANAGER]
    found = {path for one in theirs for path in _beyond(one, ours, "")}
    shown = sorted(found)[:PATHS_MOST]
    return ", ".join(shown) + (f" and {len(found) - PATHS_MOST} more" if len(found) > PATHS_MOST else "")


def standing(given: Object) -> bytes:
    """A digest of what stands in the fields that were applied; the same as `wished` of what was."""
    return _digest(_owned(given, _applied(given["metadata"]) or {}))


def ours(metadata: Mapping[str, Any]) -> bytes:
    """
    A digest of which fields are ours by apply: who changes or removes one takes it over, and it is another then.

    Where nothing is written down, of what the API server counts.
    """
    fields = _applied(metadata)
    return _digest(fields if fields is not None else metadata.get("generation") or metadata["resourceVersion"])


def _applied(metadata: Mapping[str, Any]) -> Fields | None:
    for one in metadata.get("managedFields") or ():
        if one["manager"] == MANAGER and one["operation"] == "Apply" and not one.get("subresource"):
            found: Fields = one["fieldsV1"]
            return found
    return None


def wished(wanted: Object) -> bytes:
    """A digest of a whole object that is applied. Names of the object itself are nobody's field."""
    metadata = {key: one for key, one in wanted["metadata"].items() if key not in ("name", "namespace")}
    return _digest({key: one for key, one in wanted.items() if key not in IDENTITY} | {"metadata": metadata})


def _owned(value: Any, fields: Fields) -> Any:
    """As much of `value` as `fields` name; all of it where they name nothing within."""
    within = {key: below for key, below in fields.items() if key != "."}
    if isinstance(value, list):
        return [_owned(one, below) for one in value for key, below in within.items() if _is_named(one, key)] or value
    if not within or not isinstance(value, dict):
        return {} if "." in fields and isinstance(value, dict) else value
    return {name: _owned(value[name], below) for key, below in within.items() if (name := key[2:]) in value}


def _is_named(item: Any, key: str) -> bool:
    kind, _, rest = key.partition(":")
    named = orjson.loads(rest)
    if kind == "k":
        return isinstance(item, dict) and all(item.get(name) == one for name, one in named.items())
    return kind == "v" and bool(item == named)


def _digest(value: Any) -> bytes:
    written = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    if b'"fieldPath"' in written:
        written = orjson.dumps(_plain(value), option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(written, digest_size=8).digest()


def _plain(value: Any) -> Any:
    """Without the one default that the API server writes into what is ours as a whole."""
    if isinstance(value, dict):
        found = {key: _plain(one) for key, one in value.items()}
        if found.keys() == {"apiVersion", "fieldPath"}:
            del found["apiVersion"]
        return found
    return [_plain(one) for one in value] if isinstance(value, list) else value


def _beyond(theirs: Fields, ours: list[Fields], path: str) -> Iterator[str]:
    for key, below in theirs.items():
        if key == "." or (not path and key in NOT_OURS_ALONE):
            continue
        name = path + ("." if path and key.startswith("f:") else "") + _shown(key)
        same = [one[key] for one in ours if key in one]
        if not same:
            yield name
        elif below:
            yield from _beyond(below, same, name)


def _shown(key: str) -> str:
    kind, _, rest = key.partition(":")
    return rest if kind == "f" else f"[{rest}]"
