"""Run benchmarks: ``python -m bench NAME [--json]``, or ``all``. A bar that is missed gives exit status 1."""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from . import (
    database,
    dev_chain,
    execution,
    import_chain,
    local_mode,
    loop_gap,
    memory,
    operator_cluster,
    operator_scale,
    payload,
    peers,
    planner,
    python_time,
    rollup,
    root,
    rpc,
    startup,
)
from .measure import Measurement

BENCHES: Final[Mapping[str, Callable[[], Iterator[Measurement]]]] = {
    "database": database.run,
    "dev-chain": dev_chain.run,
    "execution": execution.run,
    "import": import_chain.run,
    "local-mode": local_mode.run,
    "loop-gap": loop_gap.run,
    "memory": memory.run,
    "operator-cluster": operator_cluster.run,
    "operator-scale": operator_scale.run,
    "payload": payload.run,
    "planner": planner.run,
    "python-time": python_time.run,
    "rollup": rollup.run,
    "root": root.run,
    "rpc": rpc.run,
    "startup": startup.run,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("name", choices=[*BENCHES, "all"])
    parser.add_argument("--json", action="store_true", help="one JSON line a measurement instead of a row")
    arguments = parser.parse_args()
    chosen = BENCHES if arguments.name == "all" else {arguments.name: BENCHES[arguments.name]}
    missed = 0
    for run in chosen.values():
        try:
            for measurement in run():
                print(measurement.line() if arguments.json else measurement.row(), flush=True)
                missed += not measurement.met
        except peers.PeerMissing as error:
            print(f"bench: {error}", file=sys.stderr)
            return 2
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
