"""The one table of what is left out on purpose. A suite raises ``Skip(name)``; a name not here is a failure."""

from __future__ import annotations

from typing import Final

from conformance import py_evm_faults

REASONS: Final = {
    "trie-order-queries": "asks for the keys before and after a key in an ordered trie; the node's trie has no such query "
    "(its keys are hashes) and the case names no root",
    "fee-beyond-128-bits": "offers 2^128 wei or more for a unit of gas; all ether together is below 2^87 wei, so that no "
    "account can pay it and no block can hold it: the core refuses it when it decodes it",
    **{fault.name: f"py-evm itself is wrong: {fault.proof}" for fault in py_evm_faults.FAULTS},
    "py-evm-has-none": "py-evm can execute no block of the case: each is invalid, has ommers, or is of a fork after Prague",
    "unscheduled-fork": "Amsterdam and later: not final when the fixtures were filled, not scheduled on any network",
}
