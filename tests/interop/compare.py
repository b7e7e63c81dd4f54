"""
Two nodes' answers held against each other. What may rightly differ is named here, with why; all else has to be equal.

A rule keeps the kind of the value: a hash that is missing, or is no hash, is still a difference.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

HASH: Final = re.compile(r"0x[0-9a-f]{64}")
ABSENT: Final = "<absent>"
ESTIMATE_SLACK: Final = 0.02  # geth's estimates, and so ours, err upwards by up to 1.5 %

# By the name of the member that holds the value, or by step and member.
MAY_DIFFER: Final[Mapping[str, str]] = {
    "blockHash": "hashes of blocks depend on their time",
    "parentHash": "hashes of blocks depend on their time",
    "hash of a block": "hashes of blocks depend on their time",
    "timestamp": "the machine's time",
    "blockTimestamp": "the machine's time",
    "mixHash": "each node draws its own random value",
    "prevRandao": "each node draws its own random value",
    "stateRoot": "our chain has the system contracts of the forks, anvil's has not",
    "extraData": "the builder's signature",
    "size": "of a block: the builder's signature is part of it",
    "impersonated contract.transactionHash": "no key signs it: each node makes up a signature",
    "impersonated.effectiveGasPrice": "anvil's base fee stays what it was when blocks are taken back",
    "waiting transaction.gasPrice": "of a pooled transaction: geth and we give the most it may cost, anvil the price now",
    "trace.gas": "of the outermost call: geth and we give the limit, anvil what is left after the intrinsic gas",
    "blobGasUsedRatio": "anvil counts by the blobs of Osaka on later forks too",
}
# Members that only anvil gives; geth does not.
ANVIL_ONLY: Final[Mapping[str, str]] = {
    "totalDifficulty": "left the specification with the merge",
    "blobGasPrice": "in receipts of transactions without blobs",
    "blockTimestamp": "in receipts",
    "blobs": "sidecars are not part of a transaction in a block",
    "proofs": "sidecars are not part of a transaction in a block",
    "commitments": "sidecars are not part of a transaction in a block",
    "cellProofs": "sidecars are not part of a transaction in a block",
    "blobVersionedHashes": "of a transaction without blobs",
}


def differences(ours: Any, theirs: Any, path: str) -> Iterator[str]:
    """A line for each place where two answers differ and no rule allows it. `path` begins with the step's name."""
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        for name in sorted({*ours, *theirs}):
            yield from differences(ours.get(name, ABSENT), theirs.get(name, ABSENT), f"{path}.{name}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for at, pair in enumerate(zip(ours, theirs, strict=True)):
            yield from differences(*pair, f"{path}[{at}]")
    elif ours != theirs and not _allowed(path, ours, theirs):
        yield f"{path}: {ours!r:.300}, anvil {theirs!r:.300}"


def _allowed(path: str, ours: Any, theirs: Any) -> bool:
    if path.startswith("estimate") and str(ours).isdecimal() and str(theirs).isdecimal():
        low, high = sorted((int(ours), int(theirs)))
        return high <= low * (1 + ESTIMATE_SLACK)
    whole = re.sub(r"(\[\d+\])+$", "", path)
    name = whole.rpartition(".")[2]
    if ours in (ABSENT, None):  # some clients show what is absent as null
        return name in ANVIL_ONLY
    return (
        name in MAY_DIFFER or whole in MAY_DIFFER or (name == "hash" and "block" in path.partition(".")[0])
    ) and _kind(ours) == _kind(theirs)


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "hash" if HASH.fullmatch(value) else "bytes" if value.startswith("0x") else "text"
    return "number" if isinstance(value, int | float) else type(value).__name__


def compare(ours: Sequence[tuple[str, Any]], theirs: Sequence[tuple[str, Any]]) -> list[str]:
    """All differences of two sessions."""
    found = []
    names = [name for name, _ in ours]
    if names != [name for name, _ in theirs]:
        found.append(f"other steps: {sorted(set(names) ^ {name for name, _ in theirs})}")
    for (name, mine), (_, other) in zip(ours, theirs, strict=False):
        found += differences(mine, other, name)
    return found
