"""
What the chain says no to.

ChainError
+ BlockRejected    never: the block, or one it stands on, breaks a rule
+ ParentUnknown    come again when the parent is here
"""


class ChainError(Exception):
    """A block that the chain does not take."""


class BlockRejected(ChainError):
    """`kind` names the rule; `latest_valid` is the hash of the nearest ancestor that is good."""

    def __init__(self, kind: str, message: str, block_hash: bytes, latest_valid: bytes) -> None:
        super().__init__(message)
        self.kind, self.block_hash, self.latest_valid = kind, block_hash, latest_valid


class ParentUnknown(ChainError):
    def __init__(self, message: str, parent_hash: bytes) -> None:
        super().__init__(message)
        self.parent_hash = parent_hash
