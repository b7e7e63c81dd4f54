"""The command ``ethrex``."""

from __future__ import annotations

import sys

from ethrex_node import _native


def main() -> int:
    print(f"ethrex {_native.version()}", file=sys.stderr)
    return 2
