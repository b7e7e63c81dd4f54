"""What gets in, what does not, and the reason given."""

import dataclasses
from typing import Any

import pytest

from ethrex_node.pool import errors, rules

from .transactions import GWEI, RULES, FakeTransaction, Ledger, address, make


def refusal(transaction: FakeTransaction, ledger: Ledger | None = None) -> errors.PoolError | None:
    return make(ledger).add([transaction], local=False)[0]


def test_a_good_transaction_is_held() -> None:
    pool = make()
    transaction = FakeTransaction()

    assert pool.add([transaction], local=False) == [None]
    assert pool.get(transaction.hash) is transaction
    assert pool.counts() == (1, 0)


def test_the_same_one_twice_is_known() -> None:
    pool = make()
    pool.add([FakeTransaction()], local=False)

    assert isinstance(pool.add([FakeTransaction()], local=False)[0], errors.Known)
    assert pool.counts() == (1, 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"chain_id": 2}, "invalid chain id for signer: have 2 want 1"),
        ({"nonce": 2**64 - 1}, "nonce has max value"),
        ({"gas_limit": 20_999}, "intrinsic gas too low: gas 20999, minimum needed 21000"),
        ({"gas_limit": 30_000, "intrinsic": (21_000, 40_000)}, "insufficient gas for floor data gas cost"),
        ({"gas_limit": rules.MAX_GAS_OSAKA + 1}, "transaction gas limit too high"),
        ({"size": rules.MAX_SIZE_BYTES + 1}, "oversized data"),
        ({"init_code_size": rules.MAX_INIT_CODE_BYTES + 1}, "max initcode size exceeded"),
        ({"max_priority_fee_per_gas": 3 * GWEI}, "max priority fee per gas higher than max fee per gas"),
        ({"kind": rules.BLOB}, "blobless blob transaction"),
        ({"kind": rules.BLOB, "blob_count": 7}, "too many blobs in transaction: have 7, permitted 6"),
        ({"kind": rules.BLOB, "blob_count": 1, "cell_proofs": False}, "blob sidecar of the wrong version"),
        ({"kind": rules.SET_CODE}, "set code tx must have at least one authorization tuple"),
        ({"kind": 9}, "transaction type not supported"),
    ],
)
def test_rules_refuse_for_ever(change: dict[str, Any], message: str) -> None:
    error = refusal(dataclasses.replace(FakeTransaction(), **change))

    assert isinstance(error, errors.Invalid)
    assert message in str(error)


def test_a_gas_limit_above_the_block_s_is_refused() -> None:
    pool = make()
    pool.block_rules = dataclasses.replace(RULES, gas_limit=15_000_000)

    assert "exceeds block gas limit" in str(pool.add([FakeTransaction(gas_limit=16_000_000)], local=False)[0])


def test_a_used_nonce_is_too_low() -> None:
    error = refusal(FakeTransaction(nonce=4), Ledger(nonces={address(1): 5}))

    assert isinstance(error, errors.NonceTooLow)
    assert str(error) == "nonce too low: next nonce 5, tx nonce 4"


def test_a_poor_sender_is_refused_with_what_is_missing() -> None:
    error = refusal(FakeTransaction(), Ledger(balances_wei={address(1): 10}))

    assert isinstance(error, errors.Unfunded)
    assert "balance 10, tx cost 42000000000000, overshot 41999999999990" in str(error)


def test_all_transactions_of_a_sender_together_must_be_payable() -> None:
    pool = make(Ledger(balances_wei={address(1): FakeTransaction().cost + 5}))

    answers = pool.add([FakeTransaction(), FakeTransaction(nonce=1)], local=False)

    assert answers[0] is None
    assert isinstance(answers[1], errors.Unfunded)


def test_a_contract_cannot_send_but_a_delegated_account_can() -> None:
    contract = refusal(FakeTransaction(), Ledger(contracts={address(1)}))

    assert isinstance(contract, errors.Invalid)
    assert refusal(FakeTransaction(), Ledger(delegated={address(1)})) is None


def test_a_refused_sender_leaves_nothing_behind() -> None:
    pool = make(Ledger(balances_wei={address(1): 0}))

    pool.add([FakeTransaction()], local=False)

    assert pool.senders == {}
