"""Payload building: which transactions, with which limits."""

from .builder import Attributes, Builder, Settings, TransactionsRefused, Withdrawal

__all__ = ["Attributes", "Builder", "Settings", "TransactionsRefused", "Withdrawal"]
