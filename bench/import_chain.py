"""
Import of a chain file, whole command, against `geth import` of the same file.

Both start on a data folder that holds only the genesis block, check every root before the next block, end with a synced
database. The head that our reopened folder reports is compared with the file's last block.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

from . import peers
from .measure import Measurement, interleave, progress

ROUNDS: Final = 3
WORKLOADS: Final = (("erc20", 100, 1500, 1.4), ("eth", 100, 1500, 1.45))
GETH_FLAGS: Final = ["--nodiscover", "--maxpeers", "0", "--verbosity", "2"]


def run() -> Iterator[Measurement]:
    for kind, blocks, transactions, bar in WORKLOADS:
        chain = peers.chain(kind, blocks, transactions)
        count = _transactions(chain)
        progress(f"ours: ethrex import; peer: geth import {' '.join(GETH_FLAGS)}")
        ours, peer = interleave(ROUNDS, partial(_ours, chain), partial(_geth, chain))
        yield Measurement(f"import {kind} {blocks} blocks", count / ours, count / peer, bar, "tx/s")


def _ours(chain: Path) -> float:
    with tempfile.TemporaryDirectory() as folder:
        base = ["--network", str(chain / "genesis.json"), "--datadir", folder]
        _call(_ethrex(), "init", *base)
        took = _timed(_ethrex(), "import", *base, str(chain / "chain.rlp"))
        head = re.search(r"0x[0-9a-f]{64}", _call(_ethrex(), "init", *base))  # opens the folder again
    expected = _info(chain)["head"]
    if head is None or head[0] != expected:
        raise RuntimeError(f"after the import the head is {head and head[0]}, the file ends in {expected}")
    return took


def _geth(chain: Path) -> float:
    folder = Path(tempfile.mkdtemp())
    try:
        _call(str(peers.geth()), "--datadir", str(folder), "--verbosity", "2", "init", str(chain / "genesis.json"))
        return _timed(str(peers.geth()), "--datadir", str(folder), *GETH_FLAGS, "import", str(chain / "chain.rlp"))
    finally:
        shutil.rmtree(folder)


def _timed(*command: str) -> float:
    start = time.perf_counter()
    _call(*command)
    return time.perf_counter() - start


def _call(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command[:2])} failed: {(done.stderr or done.stdout).strip()[-600:]}")
    return done.stdout


def _ethrex() -> str:
    return str(Path(sys.executable).parent / "ethrex")


def _info(chain: Path) -> dict[str, str]:
    """What the generator says of its chain: `txs` and the hash of the `head`."""
    text = (chain / "info.txt").read_text()
    found = re.search(r"(?P<txs>\d+) txs, .* head \d+ (?P<head>0x[0-9a-f]{64})", text)
    if found is None:
        raise RuntimeError(f"{chain / 'info.txt'} does not name the head: {text!r}")
    return found.groupdict()


def _transactions(chain: Path) -> int:
    return int(_info(chain)["txs"])
