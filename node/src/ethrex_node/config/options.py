"""
What an option is. A field of a dataclass of settings becomes a flag, a variable, a key of the config file and a row of
the reference page.

The field's type says how text is read, its metadata gives the name, the help and the bounds. `dev` is the default of a
dev chain where it differs.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")

SAME: Final = object()  # the dev chain has no default of its own


@dataclass(frozen=True, slots=True)
class Option:
    """One row of the table. `kind` is str, int, float, bool, Path or tuple (texts, separated by commas)."""

    name: str
    dest: str
    kind: type
    default: Any
    dev: Any
    help: str
    section: str
    unit: str = ""
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None

    @property
    def flag(self) -> str:
        return f"--{self.name}"

    @property
    def variable(self) -> str:
        return "ETHREX_" + self.name.upper().replace(".", "_").replace("-", "_")


def option(name: str, default: Any, help: str, **more: Any) -> Any:
    make: dict[str, Any] = {"default": default}
    return field(metadata={"name": name, "help": help} | more, **make)


def port(name: str, default: int, help: str) -> Any:
    return option(name, default, help, low=0, high=65535)


def rows(kind: type[Any], sections: Sequence[tuple[str, str]]) -> Iterator[Option]:
    """The fields of a dataclass. A section begins at the field that is named with its title."""
    annotations = typing.get_type_hints(kind)
    starts = {dest: title for title, dest in sections}
    section = ""
    for one in dataclasses.fields(kind):
        section = starts.get(one.name, section)
        metadata = dict(one.metadata)
        dev = metadata.pop("dev", SAME)
        yield Option(
            dest=one.name,
            kind=_kind(annotations[one.name]),
            default=one.default,
            dev=one.default if dev is SAME else dev,
            section=section,
            **metadata,
        )


def _kind(annotation: Any) -> type:
    """`Path | None` -> Path, `tuple[str, ...]` -> tuple."""
    if isinstance(annotation, types.UnionType):
        annotation = next(one for one in typing.get_args(annotation) if one is not type(None))
    origin: Callable[..., Any] = typing.get_origin(annotation) or annotation
    assert isinstance(origin, type)
    return origin


@dataclass(frozen=True)
class Table(Generic[T]):
    """All options of one kind of settings."""

    kind: type[T]
    options: tuple[Option, ...]

    @classmethod
    def of(cls, kind: type[T], sections: Sequence[tuple[str, str]]) -> Table[T]:
        return cls(kind, tuple(rows(kind, sections)))
