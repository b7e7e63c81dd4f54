"""Payload building: which transactions, with which limits."""

from .builder import Attributes, Builder, Settings, TransactionsRefused, Withdrawal
from .pending import PendingBlocks

__all__ = ["Attributes", "Builder", "PendingBlocks", "Settings", "TransactionsRefused", "Withdrawal"]
