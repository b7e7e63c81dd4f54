"""
A chain with 1,000,000 accounts that plain transfers made, loaded into a data folder of ours, and blocks that go on from it.

The accounts come by blocks and not by the genesis, so that a node that starts on the folder does not read them from a file.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ethrex_node import _native

from . import chains, peers, servers
from .measure import progress

ACCOUNTS: Final = 1_000_000
GAS_LIMIT: Final = 400_000_000
PER_BLOCK: Final = 15_000
DIRTY: Final = 2_000  # accounts that a block of `touching` changes, but for the fee recipient
TOUCHING_BLOCKS: Final = 40


@dataclass(frozen=True, slots=True)
class Loaded:
    """`folder` is the cache's own: work on a `copy`. `touching`: blocks that follow, each changes `DIRTY` accounts."""

    genesis: Path
    folder: Path
    touching: tuple[bytes, ...]

    def copy(self, to: Path) -> Path:
        shutil.copytree(self.folder, to)
        return to


def account(index: int) -> bytes:
    return hashlib.sha256(f"account/{index}".encode()).digest()[:20]


def loaded() -> Loaded:
    """The folder is made again (a minute) when the native core changed: its tables may have."""
    chain = peers.once(peers.CACHE / "chains" / "accounts-1", _make)
    stamp = (Path(sys.prefix) / "native.stamp").read_text().strip()

    def load(target: Path) -> None:
        progress(f"loading {ACCOUNTS:,} accounts (a minute, once a build)")
        for old in target.parent.glob("accounts-1-*"):
            shutil.rmtree(old)
        work = target.with_suffix(".new")
        servers.ethrex("import", "--network", chain / "genesis.json", "--datadir", work, chain / "chain.rlp")
        work.rename(target)

    folder = peers.once(peers.CACHE / "loaded" / f"accounts-1-{stamp}", load)
    touching = tuple(chains.blocks((chain / "touching.rlp").read_bytes()))
    return Loaded(chain / "genesis.json", folder, touching)


def _make(target: Path) -> None:
    progress(f"making a chain of {ACCOUNTS:,} accounts (two minutes, once)")
    work = target.with_suffix(".new")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    genesis = json.loads((peers.chain("mix", 20, 100) / "genesis.json").read_text())
    genesis["gasLimit"] = hex(GAS_LIMIT)
    (work / "genesis.json").write_text(json.dumps(genesis))
    signer = chains.Signer()
    with tempfile.TemporaryDirectory() as folder:
        chain = _native.Chain(folder, (work / "genesis.json").read_bytes(), durable=False)
        chains.append(chain, work / "chain.rlp", _creating(signer))
        chains.append(chain, work / "touching.rlp", _touching(signer))
    work.rename(target)


def _creating(signer: chains.Signer) -> Iterator[list[bytes]]:
    secrets = [chains.key(number) for number in range(chains.SENDERS)]
    for first in range(0, ACCOUNTS, PER_BLOCK):
        indices = range(first, min(first + PER_BLOCK, ACCOUNTS))
        yield [signer.pay(secrets[index % chains.SENDERS], account(index), 1) for index in indices]


def _touching(signer: chains.Signer) -> Iterator[list[bytes]]:
    secrets = [chains.key(number) for number in range(chains.SENDERS)]
    chosen = random.Random(1)
    for _ in range(TOUCHING_BLOCKS):
        touched = chosen.sample(range(ACCOUNTS), DIRTY - chains.SENDERS)
        yield [signer.pay(secrets[at % chains.SENDERS], account(index), 1) for at, index in enumerate(touched)]
