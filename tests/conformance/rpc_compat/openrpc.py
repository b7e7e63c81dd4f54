"""
The result schemas of an OpenRPC document, for tests that fix an answer's form only.

The document is looked for beside the set and one folder above it, under any name that starts with ``openrpc``; the copy
in this folder, which holds the result schemas alone, serves a set that brings none.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jsonschema

from conformance.case import Mismatch, show

OWN_COPY: Final = Path(__file__).with_name("openrpc-results.json.gz")


@dataclass(frozen=True, slots=True)
class Schemas:
    by_method: dict[str, Any]

    @classmethod
    def load(cls, file: Path | None, beside: Path) -> Schemas:
        found = [*sorted(beside.glob("openrpc*.json*")), *sorted(beside.parent.glob("openrpc*.json*")), OWN_COPY]
        document = json.loads(_read(file or found[0]))
        return cls({method["name"]: method["result"]["schema"] for method in document["methods"]})

    def check(self, method: str, result: Any) -> None:
        schema = self.by_method.get(method)
        if schema is None:
            raise Mismatch(f"the OpenRPC document has no method {method}")
        validator = jsonschema.Draft7Validator(schema)
        error = jsonschema.exceptions.best_match(validator.iter_errors(result))
        if error is not None:
            raise Mismatch(f"result does not fit the schema at {error.json_path}: {show(error.message)}")


def _read(file: Path) -> bytes:
    data = file.read_bytes()
    return gzip.decompress(data) if file.suffix == ".gz" else data
