"""What is executed, what is canonical, and who hears of it."""

from .chain import Chain, HeadChange
from .errors import BlockRejected, ChainError, ParentUnknown, StorageFailed

__all__ = ["BlockRejected", "Chain", "ChainError", "HeadChange", "ParentUnknown", "StorageFailed"]
