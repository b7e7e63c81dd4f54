"""
The networks that the node knows by name: genesis, expected hash of block 0, boot nodes.

Fork times and hashes as in go-ethereum v1.17.5 ``params/config.go``; accounts and boot nodes from the networks' own
repositories (eth-clients).
"""

from __future__ import annotations

import importlib.resources
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ethrex_node.config import errors, genesis
from ethrex_node.config.nearest import hint

GENESIS_HASHES: Final = {
    "mainnet": bytes.fromhex("d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3"),
    "sepolia": bytes.fromhex("25a5cc106eea7138acab33231d7160d69cb777ee0c2c553fcddf5138993e6dd9"),
    "hoodi": bytes.fromhex("bbe312868b376a3001692a646dd2d7d1e4406380dfd86b98aa8a34d1557c971b"),
}
NAMES: Final = tuple(GENESIS_HASHES)


@dataclass(frozen=True, slots=True)
class Network:
    """`hash` is what block 0 must have, None where only the genesis file says."""

    name: str
    genesis: genesis.Genesis
    hash: bytes | None = None
    bootnodes: tuple[str, ...] = ()


def load(name: str) -> Network:
    """A network by its name, or the one of a genesis file. Raises `UnknownNetwork`, `GenesisInvalid`."""
    if name in NAMES:
        data = importlib.resources.files(__package__) / "data"
        nodes = (data / f"{name}.bootnodes").read_text().split()
        known = genesis.parse((data / f"{name}.json").read_bytes(), name)
        return Network(name, known, GENESIS_HASHES[name], tuple(nodes))
    path = Path(name)
    if not path.exists():
        raise errors.UnknownNetwork(name, hint(name, NAMES) or f" (known: {', '.join(NAMES)})")
    own = genesis.load(path)
    return Network(f"chain-{own.chain_id}", own)


def default_datadir(network: str) -> Path:
    """Where the data of a network lies unless --datadir says otherwise: a folder a network, by the XDG rules."""
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "ethrex" / network
