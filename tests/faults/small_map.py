"""The command `ethrex` over a database map of one MiB, which is full again and again."""

from __future__ import annotations

import functools
import sys
from typing import Final
from unittest import mock

from ethrex_node import _native, cli

MAP_BYTES: Final = 1 << 20

if __name__ == "__main__":
    with mock.patch.object(_native, "Chain", functools.partial(_native.Chain, map_size=MAP_BYTES)):
        sys.exit(cli.main())
