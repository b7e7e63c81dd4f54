"""Manifests of several documents: our kinds as models, Secrets and ConfigMaps as they are, anything else refused."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import orjson
import yaml
from pydantic import ValidationError

from . import KINDS, EthrexL1Node, EthrexRollup, EthrexSettlement, ProverPool
from .base import API_VERSION, GROUP, Resource

PLAIN: Final = ("Secret", "ConfigMap", "Namespace")

Some = TypeVar("Some", bound=Resource)


class ManifestInvalid(Exception):
    """A manifest that is refused. `problems` name document, field and expectation, one each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Manifest:
    resources: tuple[Resource, ...]
    plain: tuple[dict[str, Any], ...]
    documents: tuple[dict[str, Any], ...] = ()  # all of them, as they stand there

    @property
    def l1_nodes(self) -> tuple[EthrexL1Node, ...]:
        return self._of(EthrexL1Node)

    @property
    def settlements(self) -> tuple[EthrexSettlement, ...]:
        return self._of(EthrexSettlement)

    @property
    def rollups(self) -> tuple[EthrexRollup, ...]:
        return self._of(EthrexRollup)

    @property
    def pools(self) -> tuple[ProverPool, ...]:
        return self._of(ProverPool)

    def _of(self, kind: type[Some]) -> tuple[Some, ...]:
        return tuple(one for one in self.resources if isinstance(one, kind))


def load(path: Path) -> Manifest:
    """Raises `ManifestInvalid` with every problem."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestInvalid([f"{path}: {error}"]) from None
    return parse(text, str(path))


def parse(text: str, name: str) -> Manifest:
    """Raises `ManifestInvalid` with every problem."""
    try:
        documents = list(yaml.safe_load_all(text))
    except yaml.YAMLError as error:
        raise ManifestInvalid([f"{name}: not YAML: {' '.join(str(error).split())}"]) from None
    resources: list[Resource] = []
    plain: list[dict[str, Any]] = []
    problems: list[str] = []
    for number, document in enumerate(documents, 1):
        if document is None:
            continue
        where = f"{name}, document {number}"
        if not isinstance(document, dict):
            problems.append(f"{where}: not an object")
        elif document.get("kind") in PLAIN and document.get("apiVersion") == "v1":
            plain.append(document)
        else:
            try:
                resources.append(read(document))
            except ManifestInvalid as error:
                problems.extend(f"{where}: {problem}" for problem in error.problems)
    problems += _twice(resources, name)
    if not resources and not problems:
        problems.append(f"{name}: no object of {GROUP}")
    if problems:
        raise ManifestInvalid(problems)
    return Manifest(tuple(resources), tuple(plain), tuple(one for one in documents if one is not None))


def read(document: dict[str, Any]) -> Resource:
    """One object of ours. Raises `ManifestInvalid`."""
    kind = document.get("kind")
    if document.get("apiVersion") != API_VERSION or kind not in KINDS:
        known = ", ".join([*KINDS, *PLAIN])
        raise ManifestInvalid([f"{document.get('apiVersion')} {kind} is not known here; known: {known}"])
    try:
        # as JSON, which knows no tuples: so that a list is one, and "7" is no number
        return KINDS[kind].model_validate_json(orjson.dumps(document), strict=True)
    except ValidationError as error:
        metadata = document.get("metadata")
        name = metadata.get("name", "?") if isinstance(metadata, dict) else "?"
        raise ManifestInvalid([f"{kind} {name}: {_told(one)}" for one in error.errors()]) from None


def _told(problem: Any) -> str:
    more = problem.get("ctx", {}).get("path", "") if problem["type"] == "rule" else ""
    where = ".".join([*(str(part) for part in problem["loc"]), *([more] if more else [])])
    return f"{where}: {problem['msg']}"


def _twice(resources: list[Resource], name: str) -> list[str]:
    seen: set[tuple[str, str, str]] = set()
    problems = []
    for one in resources:
        key = (one.kind, one.namespace, one.name)
        if key in seen:
            problems.append(f"{name}: {one.kind} {one.name} stands there twice")
        seen.add(key)
    return problems
