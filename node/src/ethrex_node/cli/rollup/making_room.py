"""
May a data folder begin with a reconstructed state? One that has blocks goes on with them. One with nothing but a genesis makes
room: a sequencer that is started without its data writes that before L1 tells it that the chain is further.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from ethrex_node import _native
from ethrex_node.config.genesis import Genesis
from ethrex_node.node import following, sequencing
from ethrex_node.rollup.recovery import start
from ethrex_node.rollup.store import Store
from ethrex_node.rollup.store.environment import DATA_NAME
from ethrex_node.rollup.store.schema import SEALED, TABLES


def has_blocks(folder: Path, first: Genesis) -> bool:
    """Whether there is anything to go on with. Raises `StoreError` and the errors of storage, also while somebody uses it."""
    if _has_sealed(folder / sequencing.FOLDER):
        return True
    return (folder / start.CHAIN).exists() and _native.Chain(folder / start.CHAIN, first.json).head().number > 0


def make(folder: Path) -> None:
    """Of a folder without blocks: the chain goes last, so that a crash between leaves one that is cleared again."""
    for name in (sequencing.FOLDER, following.FOLDER, start.CHAIN):
        if (folder / name).exists():
            shutil.rmtree(folder / name)


def _has_sealed(folder: Path) -> bool:
    if not (folder / DATA_NAME).exists():
        return False
    store = Store.open(folder, TABLES)
    try:
        with store.read() as txn:
            return txn.last(SEALED) is not None
    finally:
        store.close()
