"""Accounts with code of their own (EIP-7702), there or on its way: geth's rules."""

import pytest

from ethrex_node.pool import Pool, rules

from .transactions import GWEI, RULES, FakeTransaction, Ledger, address, make

ALICE, BOB = address(1), address(2)
ONE_ONLY = "in-flight transaction limit reached for delegated accounts"
GAPPED = "gapped-nonce tx from delegated accounts"
RESERVED = "authority already reserved"


def give_code(authority: bytes, sender: bytes = BOB, nonce: int = 0, fee: int = 2 * GWEI) -> FakeTransaction:
    """A transaction with which `authority` gets code."""
    return FakeTransaction(
        sender=sender,
        nonce=nonce,
        max_fee_per_gas=fee,
        max_priority_fee_per_gas=fee // 2,
        kind=rules.SET_CODE,
        authorities=[authority],
        authorization_count=1,
    )


def said(pool: Pool, *transactions: FakeTransaction) -> list[str | None]:
    return [None if one is None else str(one) for one in pool.add(transactions, local=False)]


def test_a_delegated_account_has_one_transaction_which_may_be_replaced() -> None:
    pool = make(Ledger(delegated={ALICE}, nonces={ALICE: 3}))

    assert said(pool, FakeTransaction(nonce=4)) == [GAPPED]
    assert said(pool, FakeTransaction(nonce=3), FakeTransaction(nonce=4)) == [None, ONE_ONLY]
    dearer = FakeTransaction(nonce=3, max_fee_per_gas=4 * GWEI, max_priority_fee_per_gas=2 * GWEI)
    assert said(pool, dearer) == [None]
    assert list(pool.by_hash) == [dearer.hash]


def test_who_is_about_to_get_code_is_held_to_the_same() -> None:
    pool = make()

    assert said(pool, give_code(ALICE)) == [None]
    assert said(pool, FakeTransaction(nonce=1)) == [GAPPED]
    assert said(pool, FakeTransaction(nonce=0), FakeTransaction(nonce=1)) == [None, ONE_ONLY]


def test_who_has_several_transactions_is_not_given_code() -> None:
    pool = make()

    assert said(pool, FakeTransaction(nonce=0), FakeTransaction(nonce=1), give_code(ALICE)) == [None, None, RESERVED]
    assert pool.drop(FakeTransaction(nonce=1).hash)
    assert said(pool, give_code(ALICE)) == [None]


def test_who_has_a_blob_transaction_is_not_given_code() -> None:
    pool = make()

    blob = FakeTransaction(kind=rules.BLOB, blob_count=1)
    assert said(pool, blob, give_code(ALICE)) == [None, RESERVED]


def test_an_account_may_give_itself_code() -> None:
    pool = make()

    assert said(pool, give_code(ALICE, sender=ALICE), FakeTransaction(nonce=1)) == [None, ONE_ONLY]


@pytest.mark.parametrize("leave", ["dropped", "included", "replaced", "cleared"])
def test_the_reservation_ends_with_the_transaction(leave: str) -> None:
    ledger = Ledger()
    pool = make(ledger)
    giving = give_code(ALICE)
    said(pool, giving)
    if leave == "dropped":
        pool.drop(giving.hash)
    elif leave == "included":
        ledger.nonces[BOB] = 1
        pool.follow(RULES, [giving.hash], [])
    elif leave == "replaced":
        assert said(pool, FakeTransaction(sender=BOB, max_fee_per_gas=9 * GWEI, max_priority_fee_per_gas=5 * GWEI)) == [
            None
        ]
    else:
        pool.clear()

    assert not pool.authorities
    assert said(pool, FakeTransaction(nonce=0), FakeTransaction(nonce=1)) == [None, None]


def test_two_that_give_the_same_account_code_reserve_it_until_both_are_gone() -> None:
    pool = make()
    first, second = give_code(ALICE), give_code(ALICE, sender=address(3))
    assert said(pool, first, second) == [None, None]

    pool.drop(first.hash)
    assert said(pool, FakeTransaction(nonce=1)) == [GAPPED]
    pool.drop(second.hash)
    assert said(pool, FakeTransaction(nonce=1)) == [None]
