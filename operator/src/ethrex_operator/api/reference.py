"""The reference page of the API, made from the same schemas as the CRDs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from . import crd
from .base import GROUP, VERSION
from .crd import Schema

HEAD: Final = f"""\
# API `{GROUP}/{VERSION}`

Made from the models (`ethrex_operator.api`); `make docs` writes it again. A field without a default may be left out unless it is
required. Rules over several fields stand below each kind, in the words in which they are refused.
"""
ROOMY: Final = ("resources", "placement", "storage", "image", "deletion", "metrics", "tracing")  # alike everywhere


def page() -> str:
    parts = [HEAD]
    shown: set[str] = set()
    for definition in crd.every().values():
        names, version = definition["spec"]["names"], definition["spec"]["versions"][0]
        spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
        parts.append(f"\n## {names['kind']}\n\n{version['schema']['openAPIV3Schema']['description']}\n")
        parts.append(f"\nShort name `{names['shortNames'][0]}`, plural `{names['plural']}`.\n")
        parts.append("\n| field | type | default | |\n|---|---|---|---|\n")
        parts += (_row(*row) for row in _rows(spec, "spec", shown))
        rules = list(_rules(spec, "spec"))
        if rules:
            parts.append("\n| where | rule |\n|---|---|\n")
            parts += (f"| `{path}` | {message} |\n" for path, message in rules)
    return "".join(parts)


def _rows(schema: Schema, path: str, shown: set[str]) -> Iterator[tuple[str, Schema, bool, str]]:
    """Fields in their order. What is alike in every kind is written out once."""
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        here = f"{path}.{name}"
        known = name in ROOMY and json.dumps(field, sort_keys=True) in shown
        yield here, field, name in required, "as above" if known else ""
        if known:
            continue
        if name in ROOMY:
            shown.add(json.dumps(field, sort_keys=True))
        inner = field["items"] if field.get("type") == "array" else field
        yield from _rows(inner, here + ("[]" if inner is not field else ""), shown)


def _row(path: str, field: Schema, required: bool, note: str) -> str:
    default = field.get("default")
    shown = (
        "**required**"
        if required
        else ""
        if default is None or isinstance(default, dict)
        else f"`{json.dumps(default)}`"
    )
    told = " ".join(word for word in (_bounds(field), note or field.get("description", "")) if word)
    return f"| `{path}` | {_type(field)} | {shown} | {told.replace('|', chr(92) + '|')} |\n"


def _type(field: Schema) -> str:
    if "enum" in field:
        return " \\| ".join(f"`{one or chr(34) * 2}`" for one in field["enum"])
    if field.get("type") == "array":
        return f"list of {_type(field['items'])}"
    if isinstance(field.get("additionalProperties"), dict):
        return "map"
    return str(field.get("type", "any"))


def _bounds(field: Schema) -> str:
    least, most = field.get("minimum"), field.get("maximum")
    if least is not None and most is not None:
        return f"{least} to {most}."
    return f"At least {least}." if least is not None else ""


def _rules(schema: Schema, path: str) -> Iterator[tuple[str, str]]:
    for rule in schema.get("x-kubernetes-validations", ()):
        yield path + rule.get("fieldPath", ""), rule["message"]
    for name, field in schema.get("properties", {}).items():
        inner: dict[str, Any] = field["items"] if field.get("type") == "array" else field
        yield from _rules(inner, f"{path}.{name}")
