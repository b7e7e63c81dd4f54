"""
A node put together. ``assembly`` decides who needs whom; ``consensus`` ties the chain, the builder and the pool to the
Engine API; ``watch`` is what operators see from the first moment on, ``figures`` turns what the parts count into metrics.
"""

from .assembly import Node, Opened, open_chain
from .watch import Watch

__all__ = ["Node", "Opened", "Watch", "open_chain"]
