"""
The file of a report: a tar.gz whose every text has been through the `Redactor`, for its owner alone until they send it.

Whole or not there: it is written beside its place and put there at the end.
"""

from __future__ import annotations

import contextlib
import io
import os
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from .redact import Redactor

TEXT_BYTES: Final = 4 << 20  # of one file; the end is what is looked for


class NotWritten(Exception):
    """The file of a report could not be written."""


class Bundle:
    """Texts by name."""

    def __init__(self, path: Path, tar: tarfile.TarFile, redactor: Redactor) -> None:
        self.path, self.names = path, list[str]()
        self._tar, self._redactor = tar, redactor
        self._missing: dict[str, str] = {}
        self._folder = path.name.split(".")[0]

    def object(self, name: str, given: Any) -> None:
        self._add(f"{name}.yaml", yaml.safe_dump(self._redactor.object(given), sort_keys=False, width=120))

    def text(self, name: str, given: str) -> None:
        """Its end, where it is long."""
        self._add(name, self._redactor.text(given[-TEXT_BYTES:]))

    def missing(self, what: str, why: str) -> None:
        """What should be here and could not be had."""
        self._missing[what] = why

    def finish(self) -> None:
        self.text("missing.txt", "".join(f"{what}: {why}\n" for what, why in self._missing.items()))

    def _add(self, name: str, content: str) -> None:
        encoded = content.encode()
        entry = tarfile.TarInfo(f"{self._folder}/{name}")
        entry.size, entry.mtime, entry.mode = len(encoded), int(time.time()), 0o600
        self._tar.addfile(entry, io.BytesIO(encoded))
        self.names.append(name)


@contextlib.contextmanager
def written(path: Path, redactor: Redactor) -> Iterator[Bundle]:
    """At `path` once it is left without an error. Raises `NotWritten`."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        file = os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        try:
            with file, tarfile.open(fileobj=file, mode="w:gz") as tar:
                bundle = Bundle(path, tar, redactor)
                yield bundle
                bundle.finish()
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)
    except OSError as error:
        raise NotWritten(f"{path}: {error}") from error
