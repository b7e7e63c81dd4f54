"""The reference page of the options, from the tables of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ethrex_node.config import options, settings

HEAD = """\
# Options of `ethrex`

Made from the table of options (`ethrex_node.config.settings`); `make docs` writes it again.

A flag counts before the environment, the environment before the config file (`--config FILE` or `ETHREX_CONFIG`, TOML),
the file before the default. In the file, `[http] port = 8545` is `--http.port`, and `[dev] enabled = true` is `--dev`.
Lists are separated by commas. A switch is turned off by `--no-` before its name. Unknown options and keys are refused.
"""


def page() -> str:
    """The node's options, as Markdown."""
    return page_of(HEAD, settings.OPTIONS)


def page_of(head: str, rows: Sequence[options.Option]) -> str:
    return "\n".join([head, *_sections(rows)]).rstrip() + "\n"


def _sections(rows: Sequence[options.Option]) -> Iterator[str]:
    section = ""
    for option in rows:
        if option.section != section:
            section = option.section
            yield f"\n## {section}\n\n| flag | environment | default | meaning |\n|---|---|---|---|"
        yield f"| `{option.flag}` | `{option.variable}` | {_default(option)} | {_meaning(option)} |"


def _default(option: options.Option) -> str:
    shown = _value(option.default)
    return shown if option.dev == option.default else f"{shown}; with `--dev` {_value(option.dev)}"


def _value(value: Any) -> str:
    if value is None or value in ("", ()):
        return "–"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        value = ",".join(value)
    return f"`{value:g}`" if isinstance(value, float) else f"`{value.as_posix() if isinstance(value, Path) else value}`"


def _meaning(option: options.Option) -> str:
    parts = [option.help]
    if option.choices:
        parts.append("one of " + ", ".join(f"`{choice}`" for choice in option.choices))
    if option.unit:
        parts.append(f"in {option.unit}")
    return "; ".join(parts)
