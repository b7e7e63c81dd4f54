"""
The prover takes batches of a rollup and proves them.

There is nothing to prove before the node can run a rollup, so the command only says so.
"""

from __future__ import annotations

import sys


def main() -> int:
    print("ethrex-prover: proving comes with the rollup; this version of the node runs L1 chains only", file=sys.stderr)
    return 2
