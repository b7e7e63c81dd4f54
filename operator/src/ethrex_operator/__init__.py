"""
The operator makes one manifest a running rollup, in a cluster (`ethrex-operator`) or on this machine (`ethrexctl`).

There is nothing to operate before the node can run a rollup, so the commands only say so.
"""

from __future__ import annotations

import sys


def operator() -> int:
    return _refuse("ethrex-operator")


def control() -> int:
    return _refuse("ethrexctl")


def _refuse(command: str) -> int:
    print(
        f"{command}: the operator comes after the rollup; `ethrex --dev` runs a chain on this machine", file=sys.stderr
    )
    return 2
