"""
May this transaction enter? Pure functions of the transaction, its sender's account and the rules of the next block.

Each check takes the same arguments and raises the error that names the reason, cheapest first. What needs the other
transactions of the pool (replacement, limits, order) is in ``pool.pool``; signatures and blobs were checked by the
native intake before a transaction got here.
"""

from dataclasses import dataclass
from typing import Final, Protocol

from . import errors

MAX_SIZE_BYTES: Final = 128 * 1024  # geth's bound: larger ones cost more to spread than they pay
MAX_BLOB_TX_SIZE_BYTES: Final = 1024 * 1024  # without the blobs
MAX_INIT_CODE_BYTES: Final = 49_152  # EIP-3860
MAX_GAS_OSAKA: Final = 1 << 24  # EIP-7825
MAX_BLOBS_PER_TRANSACTION_OSAKA: Final = 6  # EIP-7594
MAX_NONCE: Final = (1 << 64) - 1  # EIP-2681

LEGACY: Final = 0
ACCESS_LIST: Final = 1
DYNAMIC_FEE: Final = 2
BLOB: Final = 3
SET_CODE: Final = 4


class Transaction(Protocol):
    """What the native intake gives (``_native.Transaction``); amounts in wei, sizes in bytes."""

    @property
    def hash(self) -> bytes: ...
    @property
    def sender(self) -> bytes: ...
    @property
    def kind(self) -> int: ...
    @property
    def chain_id(self) -> int | None: ...
    @property
    def nonce(self) -> int: ...
    @property
    def gas_limit(self) -> int: ...
    @property
    def max_fee_per_gas(self) -> int: ...
    @property
    def max_priority_fee_per_gas(self) -> int: ...
    @property
    def max_fee_per_blob_gas(self) -> int: ...
    @property
    def blob_count(self) -> int: ...
    @property
    def cell_proofs(self) -> bool: ...
    @property
    def cost(self) -> int: ...
    @property
    def impersonated(self) -> bool: ...
    @property
    def size(self) -> int: ...
    @property
    def init_code_size(self) -> int: ...
    @property
    def authorities(self) -> list[bytes]: ...
    @property
    def authorization_count(self) -> int: ...
    @property
    def raw(self) -> bytes: ...
    @property
    def network(self) -> bytes: ...
    def intrinsic_gas(self, fork: str) -> tuple[int, int]: ...


@dataclass(frozen=True, slots=True)
class Account:
    nonce: int
    balance_wei: int
    has_code: bool
    delegated: bool


@dataclass(frozen=True, slots=True)
class Rules:
    """The next block as far as admission needs it."""

    chain_id: int
    fork: str
    kinds: frozenset[int]
    gas_limit: int
    base_fee_wei: int
    blob_base_fee_wei: int
    max_blobs: int
    min_tip_wei: int
    shanghai: bool
    osaka: bool


def check(transaction: Transaction, rules: Rules) -> None:
    """All that can be said without the sender's account. Raises `errors.PoolError`."""
    for rule in STATELESS:
        rule(transaction, rules)


def check_account(transaction: Transaction, account: Account) -> None:
    """What the sender's account allows. Raises `errors.PoolError`."""
    if transaction.nonce < account.nonce:
        raise errors.NonceTooLow(account.nonce, transaction.nonce)
    if account.has_code and not account.delegated and not transaction.impersonated:
        raise errors.Invalid(f"sender not an eoa: address 0x{transaction.sender.hex()}")
    if transaction.cost > account.balance_wei:
        raise errors.Unfunded(account.balance_wei, transaction.cost)


def _kind(transaction: Transaction, rules: Rules) -> None:
    if transaction.kind == BLOB and SET_CODE in rules.kinds and BLOB not in rules.kinds:
        raise errors.Invalid("transaction type not supported: a rollup's chain takes no blobs (type 3)")
    if transaction.kind not in rules.kinds:
        raise errors.Invalid(f"transaction type not supported: type {transaction.kind} rejected in this fork")


def _chain(transaction: Transaction, rules: Rules) -> None:
    if transaction.chain_id is None or transaction.chain_id == rules.chain_id:
        return
    raise errors.Invalid(f"invalid chain id for signer: have {transaction.chain_id} want {rules.chain_id}")


def _size(transaction: Transaction, rules: Rules) -> None:
    limit = MAX_BLOB_TX_SIZE_BYTES if transaction.kind == BLOB else MAX_SIZE_BYTES
    if transaction.size > limit:
        raise errors.Invalid(f"oversized data: transaction size {transaction.size}, limit {limit}")
    if rules.shanghai and transaction.init_code_size > MAX_INIT_CODE_BYTES:
        raise errors.Invalid(
            f"max initcode size exceeded: code size {transaction.init_code_size}, limit {MAX_INIT_CODE_BYTES}"
        )


def _nonce(transaction: Transaction, rules: Rules) -> None:
    if transaction.nonce >= MAX_NONCE:
        raise errors.Invalid("nonce has max value: tx nonce is 2^64-1")


def _gas(transaction: Transaction, rules: Rules) -> None:
    gas = transaction.gas_limit
    if rules.osaka and gas > MAX_GAS_OSAKA:
        raise errors.Invalid(f"transaction gas limit too high (cap: {MAX_GAS_OSAKA}, tx: {gas})")
    if gas > rules.gas_limit:
        raise errors.Invalid("exceeds block gas limit")
    intrinsic, floor = transaction.intrinsic_gas(rules.fork)
    if gas < intrinsic:
        raise errors.Invalid(f"intrinsic gas too low: gas {gas}, minimum needed {intrinsic}")
    if gas < floor:
        raise errors.Invalid(f"insufficient gas for floor data gas cost: gas {gas}, minimum needed {floor}")


def _fees(transaction: Transaction, rules: Rules) -> None:
    fee, tip = transaction.max_fee_per_gas, transaction.max_priority_fee_per_gas
    if tip > fee:
        raise errors.Invalid("max priority fee per gas higher than max fee per gas")
    if tip < rules.min_tip_wei:
        raise errors.Underpriced(
            f"transaction underpriced: gas tip cap {tip}, minimum needed {rules.min_tip_wei}", rules.min_tip_wei
        )


def _blobs(transaction: Transaction, rules: Rules) -> None:
    if transaction.kind != BLOB:
        return
    if transaction.blob_count == 0:
        raise errors.Invalid("blobless blob transaction")
    limit = min(rules.max_blobs, MAX_BLOBS_PER_TRANSACTION_OSAKA) if rules.osaka else rules.max_blobs
    if transaction.blob_count > limit:
        raise errors.Invalid(f"too many blobs in transaction: have {transaction.blob_count}, permitted {limit}")
    if transaction.cell_proofs != rules.osaka:
        wanted = "cell proofs (EIP-7594)" if rules.osaka else "blob proofs (EIP-4844)"
        raise errors.Invalid(f"blob sidecar of the wrong version: this fork wants {wanted}")
    if transaction.max_fee_per_blob_gas < 1:
        raise errors.Underpriced("transaction underpriced: blob fee cap 0, minimum needed 1", 1)


def _authorizations(transaction: Transaction, rules: Rules) -> None:
    if transaction.kind == SET_CODE and transaction.authorization_count == 0:
        raise errors.Invalid("set code tx must have at least one authorization tuple")


STATELESS: Final = (_kind, _chain, _size, _nonce, _fees, _gas, _blobs, _authorizations)
