"""
``ethrex-prover`` with a core that can execute batches, as `standin` has it; STANDIN_SECONDS is how long one takes.
"""

from __future__ import annotations

import os
import sys
import time

from ethrex_node import _native
from ethrex_prover import main


def execute(prover_input: bytes) -> bytes:
    time.sleep(float(os.environ["STANDIN_SECONDS"]))
    return prover_input[-32:]


if __name__ == "__main__":
    _native.execute_batch = execute  # type: ignore[attr-defined]
    sys.exit(main())
