"""
Errors of settings and genesis files, for the one who wrote them.

ConfigError
+ GenesisInvalid    a genesis file: every problem with the place where it stands
+ SettingsInvalid   an option, an environment variable or a line of the config file
+ UnknownNetwork    neither a known name nor a file
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

SHOWN: Final = 12  # a file that is wrong throughout is not helped by a thousand lines


class ConfigError(Exception):
    """The node cannot start with what it was told."""


class GenesisInvalid(ConfigError):
    def __init__(self, source: str, problems: Sequence[str]) -> None:
        lines = [f"  {problem}" for problem in problems[:SHOWN]]
        if len(problems) > SHOWN:
            lines.append(f"  and {len(problems) - SHOWN} more")
        super().__init__(f"{source} is not a usable genesis file:\n" + "\n".join(lines))
        self.source, self.problems = source, tuple(problems)


class SettingsInvalid(ConfigError):
    def __init__(self, message: str, option: str = "") -> None:
        super().__init__(message)
        self.option = option


class UnknownNetwork(ConfigError):
    def __init__(self, name: str, hint: str) -> None:
        super().__init__(f"network {name!r} is neither a known name nor a genesis file{hint}")
        self.name = name
