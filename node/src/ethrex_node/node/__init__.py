"""
A node put together. ``assembly`` decides who needs whom; ``consensus`` ties the chain, the builder and the pool to the
Engine API; ``figures`` turns what the parts count into metrics.
"""

from .assembly import Node, Opened, open_chain

__all__ = ["Node", "Opened", "open_chain"]
