"""
Actions that spend L1 money: recorded before they are sent, sent until they are final, never twice.

``plan`` decides what each recorded action needs, from what the L1 says; ``outbox`` asks the L1 and does it; ``record``
is what is kept. An action keeps its nonce, and all its attempts share it, so at most one of them is ever mined; it gets
another nonce only where a finalized block holds a foreign transaction with the old one.
"""

from ethrex_node.rollup.outbox.outbox import Call, Outbox
from ethrex_node.rollup.outbox.plan import Settings

__all__ = ["Call", "Outbox", "Settings"]
