"""
What the chain says no to.

ChainError
+ BlockRejected    never: the block breaks a rule
+ ParentUnknown    come again when the parent is here
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
