"""Secrets and ConfigMaps of a run: from the manifest itself, or from folders that were named for them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class Missing(Exception):
    """A Secret or ConfigMap, or a key of one, that nothing here holds."""


@dataclass(frozen=True, slots=True)
class Library:
    secrets: Mapping[str, Mapping[str, bytes]] = field(default_factory=dict)
    config_maps: Mapping[str, Mapping[str, bytes]] = field(default_factory=dict)

    def secret(self, name: str, key: str) -> bytes:
        """Raises `Missing`."""
        return _found(self.secrets, "Secret", name, key)

    def config(self, name: str, key: str) -> bytes:
        """Raises `Missing`."""
        return _found(self.config_maps, "ConfigMap", name, key)


def of(documents: Iterable[Mapping[str, Any]], folders: Mapping[str, Path]) -> Library:
    """`documents` are Kubernetes objects; `folders` hold a file a key, under the name of a Secret. Raises `Missing`."""
    secrets: dict[str, dict[str, bytes]] = {}
    config_maps: dict[str, dict[str, bytes]] = {}
    for one in documents:
        name = str(one.get("metadata", {}).get("name", ""))
        if one.get("kind") == "Secret":
            secrets[name] = _values(name, one, "stringData", "data")
        elif one.get("kind") == "ConfigMap":
            config_maps[name] = _values(name, one, "data", "binaryData")
    for name, folder in folders.items():
        try:
            secrets[name] = {file.name: file.read_bytes() for file in sorted(folder.iterdir()) if file.is_file()}
        except OSError as error:
            raise Missing(f"--secret {name}: {error}") from None
    return Library(secrets, config_maps)


def _values(name: str, document: Mapping[str, Any], plain: str, encoded: str) -> dict[str, bytes]:
    found = {}
    for key, text in (document.get(encoded) or {}).items():
        try:
            found[key] = base64.b64decode(text, validate=True)
        except (binascii.Error, TypeError, ValueError):
            raise Missing(f"{document['kind']} {name}: {encoded}.{key} is not base64") from None
    return found | {key: str(text).encode() for key, text in (document.get(plain) or {}).items()}


def _found(kept: Mapping[str, Mapping[str, bytes]], kind: str, name: str, key: str) -> bytes:
    if name not in kept:
        raise Missing(f"{kind} {name} is neither in the manifest nor named by --secret {name}=FOLDER")
    if key not in kept[name]:
        raise Missing(f"{kind} {name} has no key {key!r}; it has {', '.join(sorted(kept[name])) or 'none'}")
    return kept[name][key]
