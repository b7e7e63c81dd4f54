"""Rows of a table of options as flags of a command, and what the caller is told where a name is unknown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from ethrex_node.config import nearest, options, settings


def flags(command: click.Command, *tables: options.Table[Any]) -> click.Command:
    """One flag for each row of the node's table and of the others."""
    rows = [option for table in (settings.TABLE, *tables) for option in table.options]
    for option in reversed(rows):
        help_text = option.help + (f" [{option.unit}]" if option.unit else "")
        names = [option.flag, option.dest]
        if option.kind is bool:
            flag = click.option(f"{option.flag}/--no-{option.name}", option.dest, default=None, help=help_text)
        else:
            flag = click.option(*names, default=None, metavar=option.kind.__name__.upper(), help=help_text)
        command = flag(command)
    return click.option("--config", "config_file", default=None, help="TOML file with any of these options")(command)


class Forgiving(click.Group):
    """Names the nearest option or command where a name is unknown."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            raise click.UsageError(f"no command {args[0]!r}{nearest.hint(args[0], self.commands)}") from None


def known(command: click.Command) -> Iterable[str]:
    """What a command takes: the names to look for the nearest in."""
    return [name for one in command.params for name in (*one.opts, *one.secondary_opts) if name.startswith("-")]


def merge(ctx: click.Context, given: dict[str, Any]) -> dict[str, Any]:
    """Flags before the command and after it; the later ones count."""
    before: dict[str, Any] = ctx.obj or {}
    return before | {name: value for name, value in given.items() if value is not None}
