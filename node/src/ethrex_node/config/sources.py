"""
Where settings come from: flags before the environment before the config file before the defaults.

A value keeps its origin, so that a message names the flag, the variable or the line of the file that is wrong.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from ethrex_node.config import errors, options, settings
from ethrex_node.config.nearest import hint, nearest
from ethrex_node.config.values import show

T = TypeVar("T")

TRUE: Final = frozenset({"1", "true", "yes", "on"})
FALSE: Final = frozenset({"0", "false", "no", "off"})
ALMOST: Final = 0.88
SHOWN_CHARACTERS: Final = 80
CONFIG_VARIABLE: Final = "ETHREX_CONFIG"


@dataclass(frozen=True, slots=True)
class Told:
    """Settings, and which options were given by somebody (name to origin), and what deserves a warning."""

    settings: settings.Settings
    given: Mapping[str, str]
    warnings: tuple[str, ...] = ()
    more: Mapping[type[Any], Any] = field(default_factory=dict)

    def of(self, kind: type[T]) -> T:
        """Settings of one of the further tables that `resolve` was given."""
        found: T = self.more[kind]
        return found


Layer = Iterator[tuple[options.Option, Any, str]]
Known = Mapping[str, options.Option]


def resolve(
    flags: Mapping[str, Any],
    environment: Mapping[str, str],
    file: Path | None = None,
    more: Sequence[options.Table[Any]] = (),
) -> Told:
    """`flags` by option name, absent or None where not given; `more` are tables beside the node's. Raises `SettingsInvalid`."""
    tables = (settings.TABLE, *more)
    known = {option.name: option for table in tables for option in table.options}
    values: dict[str, Any] = {}
    given: dict[str, str] = {}
    path = file or (Path(environment[CONFIG_VARIABLE]) if environment.get(CONFIG_VARIABLE) else None)
    layers = [
        _from_file(path, known) if path else iter(()),
        _from_environment(environment, known),
        _from_flags(flags, known),
    ]
    for layer in layers:
        for option, raw, origin in layer:
            values[option.name] = read(option, raw, origin)
            given[option.name] = origin
    dev = values.get("dev", settings.BY_NAME["dev"].default)
    made = {table.kind: _made(table, values, dev=dev) for table in tables}
    return Told(made.pop(settings.Settings), given, tuple(_strangers(environment, known)), made)


def _made(table: options.Table[T], values: Mapping[str, Any], *, dev: bool) -> T:
    return table.kind(**{one.dest: values.get(one.name, one.dev if dev else one.default) for one in table.options})


def _from_flags(flags: Mapping[str, Any], known: Known) -> Layer:
    for name, value in flags.items():
        if value is not None:
            yield known[name], value, f"--{name}"


def _from_environment(environment: Mapping[str, str], known: Known) -> Layer:
    for option in known.values():
        if option.variable in environment:
            yield option, environment[option.variable], option.variable


def _strangers(environment: Mapping[str, str], options: Known) -> Iterator[str]:
    """Variables like an option's. Others may be the machine's (Kubernetes sets some for each service)."""
    known = {option.variable for option in options.values()} | {CONFIG_VARIABLE}
    for name in environment:
        if name.startswith("ETHREX_") and name not in known:
            likely = nearest(name, known, ALMOST)
            if likely is not None:
                yield f"{name} in the environment is no option's; did you mean {likely}?"


def _from_file(path: Path, known: Known) -> Layer:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise errors.SettingsInvalid(f"config file {path}: {error.strerror}", "config") from error
    except (ValueError, RecursionError) as error:  # its own, no UTF-8, a number of thousands of digits
        raise errors.SettingsInvalid(f"config file {path} is not TOML: {error}", "config") from error
    for name, value in _flatten(content, "", known):
        option = known.get(name)
        if option is None:
            message = f"config file {path}: no option {show(name)}{hint(name, known)}"
            raise errors.SettingsInvalid(message, name)
        yield option, value, f"{name} in {path}"


def _flatten(table: Mapping[str, Any], prefix: str, known: Known) -> Iterator[tuple[str, Any]]:
    """``[http] port = 1`` is ``http.port``; ``[dev] enabled = true`` is ``dev``, which has options below it."""
    for key, value in table.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _flatten(value, f"{name}.", known)
        elif key == "enabled" and name not in known and prefix[:-1] in known:
            yield prefix[:-1], value
        else:
            yield name, value


def read(option: options.Option, raw: Any, origin: str) -> Any:
    """One value from text, or from what TOML has already made of it. Raises `SettingsInvalid`."""
    try:
        value = _READERS[option.kind](raw)
    except (ValueError, TypeError) as error:
        raise errors.SettingsInvalid(f"{origin}: {error}", option.name) from None
    if option.choices and value not in option.choices:
        likely = hint(str(value), option.choices)
        message = f"{origin}: {_shown(value)} is none of {', '.join(option.choices)}{likely}"
        raise errors.SettingsInvalid(message, option.name)
    below = option.low is not None and value < option.low
    if below or (option.high is not None and value > option.high):
        bounds = f"at least {option.low:g}" if option.high is None else f"between {option.low:g} and {option.high:g}"
        unit = f" {option.unit}" if option.unit else ""
        raise errors.SettingsInvalid(f"{origin}: {_shown(value)} is not {bounds}{unit}", option.name)
    return value


def _shown(raw: Any) -> str:
    """As Python writes it, which is as TOML does but for truths; cut where it is long."""
    text = show(raw) if isinstance(raw, str | int) and not isinstance(raw, bool) else repr(raw)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."


def _text(raw: Any) -> str:
    if not isinstance(raw, str):
        raise TypeError(f"{_shown(raw)} is not text")
    return raw


def _integer(raw: Any) -> int:
    if isinstance(raw, bool) or not isinstance(raw, int | str):
        raise TypeError(f"{_shown(raw)} is not a whole number")
    try:
        return int(raw, 0) if isinstance(raw, str) else raw
    except ValueError:
        raise ValueError(f"{_shown(raw)} is not a whole number") from None


def _decimal(raw: Any) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        raise TypeError(f"{_shown(raw)} is not a number")
    try:
        value = float(raw)
    except (ValueError, OverflowError):
        value = float("nan")
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError(f"{_shown(raw)} is not a number")
    return value


def _truth(raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    word = raw.lower() if isinstance(raw, str) else raw
    if word in TRUE or word in FALSE:
        return word in TRUE
    raise ValueError(f"{_shown(raw)} is neither true nor false")


def _path(raw: Any) -> Path:
    text = str(raw) if isinstance(raw, Path) else _text(raw)
    if not text or "\0" in text:
        raise ValueError(f"{_shown(text)} is not a path")
    return Path(text).expanduser()


def _list(raw: Any) -> tuple[str, ...]:
    parts = raw.split(",") if isinstance(raw, str) else raw
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        raise TypeError(f"{_shown(raw)} is not a list of texts")
    return tuple(part.strip() for part in parts if part.strip())


_READERS: Final[Mapping[type, Any]] = {
    str: _text,
    int: _integer,
    float: _decimal,
    bool: _truth,
    Path: _path,
    tuple: _list,
}
