"""Transactions and accounts for pool tests, without signatures: the pool looks at facts only."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from ethrex_node import pool
from ethrex_node.pool import rules

GWEI = 10**9
RULES = pool.Rules(
    chain_id=1,
    fork="Osaka",
    kinds=frozenset(range(5)),
    gas_limit=30_000_000,
    base_fee_wei=GWEI,
    blob_base_fee_wei=1,
    max_blobs=9,
    min_tip_wei=0,
    shanghai=True,
    osaka=True,
)


def address(number: int) -> bytes:
    return number.to_bytes(20, "big")


@dataclass(frozen=True)
class FakeTransaction:
    """Stands in for `_native.Transaction`: the same facts, set by hand."""

    sender: bytes = address(1)
    nonce: int = 0
    max_fee_per_gas: int = 2 * GWEI
    max_priority_fee_per_gas: int = GWEI
    kind: int = rules.DYNAMIC_FEE
    chain_id: int | None = 1
    gas_limit: int = 21_000
    value: int = 0
    max_fee_per_blob_gas: int = 1
    blob_count: int = 0
    cell_proofs: bool = True
    impersonated: bool = False
    size: int = 120
    init_code_size: int = 0
    authorities: list[bytes] = field(default_factory=list)
    authorization_count: int = 0
    intrinsic: tuple[int, int] = (21_000, 21_000)

    @property
    def hash(self) -> bytes:
        return hashlib.sha256(repr(self).encode()).digest()

    @property
    def cost(self) -> int:
        return self.gas_limit * self.max_fee_per_gas + self.value

    @property
    def raw(self) -> bytes:
        return self.hash

    @property
    def network(self) -> bytes:
        return self.hash

    def intrinsic_gas(self, fork: str) -> tuple[int, int]:
        return self.intrinsic


@dataclass
class Ledger:
    """Accounts at the head; unknown ones are rich and new."""

    nonces: dict[bytes, int] = field(default_factory=dict)
    balances_wei: dict[bytes, int] = field(default_factory=dict)
    contracts: set[bytes] = field(default_factory=set)
    delegated: set[bytes] = field(default_factory=set)

    def __call__(self, addresses: Sequence[bytes]) -> list[rules.Account]:
        return [
            rules.Account(
                self.nonces.get(a, 0),
                self.balances_wei.get(a, 10**30),
                a in self.contracts or a in self.delegated,
                a in self.delegated,
            )
            for a in addresses
        ]


def make(ledger: Ledger | None = None, **limits: int) -> pool.Pool:
    return pool.Pool(accounts=ledger or Ledger(), block_rules=RULES, limits=pool.Limits(**limits))
