"""
``ethrex-prover`` with an execution that takes as long as STANDIN_SECONDS says: an input ends with the hash of its batch.
"""

from __future__ import annotations

import os
import sys
import time

from ethrex_prover import main
from ethrex_prover.backends import native


def execute(prover_input: bytes) -> bytes:
    time.sleep(float(os.environ["STANDIN_SECONDS"]))
    return prover_input[-32:]


if __name__ == "__main__":
    native.execute_batch = execute
    sys.exit(main())
