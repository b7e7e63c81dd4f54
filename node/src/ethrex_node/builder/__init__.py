"""Payload building: which transactions, with which limits."""

from .builder import Attributes, Builder, Settings

__all__ = ["Attributes", "Builder", "Settings"]
