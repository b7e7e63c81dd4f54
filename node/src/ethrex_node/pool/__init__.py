"""Transactions that wait for a block: admission, replacement, order, limits, the journal of local ones."""

from .errors import PoolError
from .limits import Limits
from .pool import Pool
from .rules import Account, Rules

__all__ = ["Account", "Limits", "Pool", "PoolError", "Rules"]
