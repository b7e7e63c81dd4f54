"""The suites by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from conformance import rpc_compat
from conformance.case import Result, Suite
from conformance.options import Options
from conformance.suites import blockchain, bls, engine, kzg, p256, py_evm, rlp, state, transaction, trie

BY_FILE: Final[dict[str, Suite]] = {
    "blockchain": blockchain.SUITE,
    "bls": bls.SUITE,
    "engine": engine.SUITE,
    "kzg": kzg.SUITE,
    "p256": p256.SUITE,
    "py-evm": py_evm.SUITE,
    "rlp": rlp.SUITE,
    "state": state.SUITE,
    "transaction": transaction.SUITE,
    "trie": trie.SUITE,
}
# suites whose files belong together: one chain, many requests
WHOLE_FOLDER: Final[dict[str, Callable[[list[Path], Options], Iterator[Result]]]] = {"rpc-compat": rpc_compat.run}
NAMES: Final = frozenset(BY_FILE) | frozenset(WHOLE_FOLDER)
