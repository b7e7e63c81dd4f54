"""
The rollup's own data, in an LMDB environment beside the node's: batches, messages, proofs, jobs, the outbox, costs.

``environment`` opens it and writes, ``rows`` turns dataclasses into bytes, ``schema`` says what is kept.
"""

from ethrex_node.rollup.store.environment import Store, StoreError, StoreLocked, StoreTooNew, Txn

__all__ = ["Store", "StoreError", "StoreLocked", "StoreTooNew", "Txn"]
