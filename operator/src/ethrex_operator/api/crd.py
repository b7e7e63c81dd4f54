"""
The CRDs, made from the models: structural schemas, defaults, rules, columns.

Pydantic's JSON schema is almost what the API server takes; what differs is put right here: references are written out, an
optional field is one that may be missing (never null), and each model's rules stand at its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from . import KINDS
from .base import GROUP, NAME_CHARACTERS, NAME_PATTERN, VERSION, Model, Resource
from .status import OF as STATUS

Schema = dict[str, Any]

KEPT: Final = (
    "type", "description", "default", "enum", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems",
    "maxItems", "minProperties", "maxProperties", "required", "format",
)  # fmt: skip
NAMED: Final = {
    "rule": f"self.metadata.name.matches('{NAME_PATTERN}') && size(self.metadata.name) <= {NAME_CHARACTERS}",
    "message": f"metadata.name: lower case letters, digits and '-', up to {NAME_CHARACTERS}: names of services are made of it",
}
MODEL: Final = "x-model"  # marks a schema that is a model's, while it is worked on
MOST_BYTES: Final = 200 << 10


@dataclass(frozen=True, slots=True)
class Shown:
    """How `kubectl` knows a kind."""

    plural: str
    short: tuple[str, ...]
    columns: tuple[tuple[str, str, str], ...]  # name, type, path
    scale: bool = False


def _condition(type: str, field: str = "status") -> str:
    return f'.status.conditions[?(@.type=="{type}")].{field}'


READY: Final = (("Ready", "string", _condition("Ready")), ("Reason", "string", _condition("Ready", "reason")))
AGE: Final = (("Age", "date", ".metadata.creationTimestamp"),)
SHOWN: Final = {
    "EthrexL1Node": Shown("ethrexl1nodes", ("el1",), (*READY, ("RPC", "string", ".status.endpoints.rpc"), *AGE)),
    "EthrexSettlement": Shown(
        "ethrexsettlements", ("esettle",), (*READY, ("Bridge", "string", ".status.contracts.bridge"), *AGE)
    ),
    "EthrexRollup": Shown(
        "ethrexrollups",
        ("erollup",),
        (
            ("Chain", "integer", ".spec.chainId"),
            *READY,
            ("Sequencing", "string", _condition("Sequencing", "reason")),
            ("Settling", "string", _condition("Settling", "reason")),
            *AGE,
        ),
    ),
    "ProverPool": Shown(
        "proverpools",
        ("epool",),
        (
            ("Backend", "string", ".spec.backend"),
            ("Desired", "integer", ".status.desiredReplicas"),
            ("Ready", "integer", ".status.readyReplicas"),
            ("Reason", "string", _condition("Ready", "reason")),
            *AGE,
        ),
        scale=True,
    ),
}


def every() -> dict[str, Schema]:
    """By the name of their files."""
    return {f"{GROUP}_{SHOWN[name].plural}.yaml": definition(kind) for name, kind in KINDS.items()}


def definition(kind: type[Resource]) -> Schema:
    name = kind.__name__
    shown = SHOWN[name]
    version: Schema = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "additionalPrinterColumns": [
            {"name": one, "type": type, "jsonPath": path} for one, type, path in shown.columns
        ],
        "schema": {"openAPIV3Schema": _whole(kind)},
        "subresources": {"status": {}},
    }
    if shown.scale:
        version["subresources"]["scale"] = {
            "specReplicasPath": ".spec.replicas",
            "statusReplicasPath": ".status.replicas",
            "labelSelectorPath": ".status.selector",
        }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{shown.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": name,
                "listKind": f"{name}List",
                "plural": shown.plural,
                "singular": name.lower(),
                "shortNames": list(shown.short),
                "categories": ["ethrex", "all"],
            },
            "versions": [version],
        },
    }


def _whole(kind: type[Resource]) -> Schema:
    spec = kind.model_fields["spec"].annotation
    assert isinstance(spec, type)
    assert issubclass(spec, Model)
    return {
        "type": "object",
        "description": (kind.__doc__ or "").strip(),
        "required": ["spec"],
        "x-kubernetes-validations": [NAMED],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": schema(spec),
            "status": schema(STATUS[kind.__name__]),
        },
    }


def schema(model: type[BaseModel]) -> Schema:
    """Of a model, with all that it holds written out."""
    given = model.model_json_schema(by_alias=True)
    return _structural({**given, MODEL: model.__name__}, given.get("$defs", {}), _rules(model))


def _rules(model: type[BaseModel], found: dict[str, Any] | None = None) -> dict[str, Any]:
    """Of a model and of all that it can hold, by name."""
    found = {} if found is None else found
    if model.__name__ in found:
        return found
    found[model.__name__] = getattr(model, "rules", ())
    for field in model.model_fields.values():
        for inner in _models(field.annotation):
            _rules(inner, found)
    return found


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [one for inner in getattr(annotation, "__args__", ()) for one in _models(inner)]


def _structural(given: Schema, named: Schema, rules: dict[str, Any]) -> Schema:
    given = _resolved(given, named)
    found: Schema = {key: given[key] for key in KEPT if key in given and given[key] is not None}
    if "const" in given:
        found |= {"type": "string", "enum": [given["const"]]}
    if "exclusiveMinimum" in given:
        found |= {"minimum": given["exclusiveMinimum"], "exclusiveMinimum": True}
    kind = found.get("type")
    if kind == "object":
        if "properties" in given:
            found["properties"] = {key: _structural(one, named, rules) for key, one in given["properties"].items()}
        elif isinstance(given.get("additionalProperties"), dict) and given["additionalProperties"]:
            found["additionalProperties"] = _structural(given["additionalProperties"], named, rules)
        else:
            found["x-kubernetes-preserve-unknown-fields"] = True
    elif kind == "array":
        found["items"] = _structural(given["items"], named, rules)
        if given.get("x-kubernetes-list-map-keys"):
            found |= {
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": given["x-kubernetes-list-map-keys"],
            }
    elif kind == "integer":
        found["format"] = "int64"
    stated = [_validation(rule) for rule in rules.get(given.get(MODEL, ""), ())]
    if stated:
        found["x-kubernetes-validations"] = stated
    return found


def _resolved(given: Schema, named: Schema) -> Schema:
    """Without references, and an optional field as what it is when it is there."""
    if "anyOf" in given:
        one, *others = (one for one in given["anyOf"] if one.get("type") != "null")
        assert not others, f"one type a field: {given}"
        rest = {key: value for key, value in given.items() if key not in ("anyOf", "default")}
        return _resolved({**one, **rest}, named)
    if "$ref" in given:
        name = given["$ref"].removeprefix("#/$defs/")
        rest = {key: value for key, value in given.items() if key != "$ref"}
        found = _resolved(named[name], named) | rest | {MODEL: name}
        if isinstance(rest.get("default"), dict):
            found["default"] = _without_null(rest["default"])
        return found
    return given


def _without_null(value: Any) -> Any:
    """Written out whole: rules are asked of a default before the defaults inside it are filled in."""
    if isinstance(value, dict):
        return {key: _without_null(one) for key, one in value.items() if one is not None}
    return value


def _validation(rule: Any) -> Schema:
    found = {"rule": rule.cel, "message": rule.message}
    if rule.path:
        found["fieldPath"] = "." + rule.path
    return found
