"""
The second engine: blocks executed again in py-evm from their witness alone, and compared with what this node stores.

``material`` reads a block, its witness and its receipts out of a data folder; ``forks`` says by which rules it goes and
which blocks py-evm cannot do; ``state`` and ``engine`` execute it; ``compare`` finds what differs first.
"""

from .compare import Difference, verify
from .errors import Unavailable, Unverifiable, VerifyError
from .material import Source

__all__ = ["Difference", "Source", "Unavailable", "Unverifiable", "VerifyError", "verify"]
