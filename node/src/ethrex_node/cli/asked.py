"""What the caller asked for: all settings from flags, environment and file, and the data folder that they mean."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click

from ethrex_node.config import contradictions, networks, options, settings, sources

CHAIN: Final = "chain"  # the database's folder in a data folder


def told(given: dict[str, Any], more: Sequence[options.Table[Any]] = ()) -> sources.Told:
    """
    All settings, from flags, environment and file, those of `more` tables too. Raises `SettingsInvalid`, for
    contradictions too.
    """
    flags = dict(given)
    file = flags.pop("config_file", None)
    by_dest = {option.dest: option.name for table in (settings.TABLE, *more) for option in table.options}
    named = {by_dest[dest]: value for dest, value in flags.items()}
    everything = sources.resolve(named, os.environ, Path(file) if file else None, more)
    contradictions.check(everything)
    return everything


def folder(wanted: settings.Settings) -> Path:
    """The data folder that the settings mean. One that lives in memory has no database that others could open."""
    found = wanted.datadir or networks.default_datadir(networks.load(wanted.network).name)
    if found == settings.MEMORY:
        raise click.ClickException("a chain in memory has no data folder; name one with --datadir")
    return found


def database(given: dict[str, Any]) -> Path:
    """Where the database lies."""
    return folder(told(given).settings) / CHAIN
