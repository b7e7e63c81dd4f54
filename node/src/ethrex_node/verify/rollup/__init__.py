"""
The rollup's rules a second time, over py-evm: written from docs/protocol.md, with no code of the native core.

``batch`` reads a prover's input and goes through its blocks; ``header`` holds each against its parent; ``machine`` runs its
transactions, with ``fees``' metering and ``p256``'s precompile; ``items`` are those of L1's queue.
"""

from .batch import Differs, check, check_block

__all__ = ["Differs", "check", "check_block"]
