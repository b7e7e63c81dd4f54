"""
What the pool says no to, named by what the sender may do about it.

PoolError
+ Known            it is here already; nothing to do
+ Underpriced      raise the fee and come again
+ NonceTooLow      never: the nonce is used
+ NonceGap         come again when the ones before it are here
+ Unfunded         come again with a balance
+ Full             come again later, or with a higher fee
+ Invalid          never, whatever the sender does

Messages follow geth's, since tools match on them.
"""


class PoolError(Exception):
    """A transaction that the pool will not hold."""


class Known(PoolError):
    def __init__(self) -> None:
        super().__init__("already known")


class Underpriced(PoolError):
    """`required` is the lowest fee, in wei per gas, that would have been taken."""

    def __init__(self, message: str, required: int) -> None:
        super().__init__(message)
        self.required = required


class NonceTooLow(PoolError):
    def __init__(self, expected: int, got: int) -> None:
        super().__init__(f"nonce too low: next nonce {expected}, tx nonce {got}")
        self.expected, self.got = expected, got


class NonceGap(PoolError):
    def __init__(self, expected: int, got: int) -> None:
        super().__init__(f"nonce too high: tx nonce {got}, gapped nonce {expected}")
        self.expected, self.got = expected, got


class Unfunded(PoolError):
    def __init__(self, balance_wei: int, cost_wei: int) -> None:
        super().__init__(
            f"insufficient funds for gas * price + value: balance {balance_wei}, tx cost {cost_wei}, "
            f"overshot {cost_wei - balance_wei}"
        )
        self.balance_wei, self.cost_wei = balance_wei, cost_wei


class Full(PoolError):
    def __init__(self, message: str = "txpool is full") -> None:
        super().__init__(message)


class Closed(PoolError):
    """Nothing is taken in now, whatever it is."""


class Invalid(PoolError):
    """The transaction breaks a rule of the fork or of the pool."""
