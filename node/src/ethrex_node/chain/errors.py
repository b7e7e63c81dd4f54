"""
What the chain says no to.

ChainError
+ BlockRejected    never: the block breaks a rule
+ ParentUnknown    come again when the parent is here
StorageFailed      the disk: what was committed before stands, come again when there is room
"""


class ChainError(Exception):
    """A block that the chain does not take."""


class BlockRejected(ChainError):
    """`kind` names the rule."""

    def __init__(self, kind: str, message: str, block_hash: bytes) -> None:
        super().__init__(message)
        self.kind, self.block_hash = kind, block_hash


class ParentUnknown(ChainError):
    def __init__(self, message: str, parent_hash: bytes) -> None:
        super().__init__(message)
        self.parent_hash = parent_hash


class StorageFailed(Exception):
    """The database could not do it. `kind` names why (``DiskFull``, ``Corrupt``, ...)."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
