"""Order, gaps, replacement, limits, following the chain."""

import dataclasses
import random
from collections import Counter
from typing import Any

import pytest

from ethrex_node import pool as pools
from ethrex_node.pool import errors, rules

from .transactions import GWEI, RULES, FakeTransaction, Ledger, address, make


def test_a_gap_waits_until_it_is_filled() -> None:
    pool = make()
    pool.add([FakeTransaction(nonce=1)], local=False)
    assert pool.counts() == (0, 1)

    pool.add([FakeTransaction(nonce=0)], local=False)

    assert pool.counts() == (2, 0)
    assert pool.next_nonce(address(1)) == 2


def test_ten_thousand_out_of_order_of_one_sender_all_become_pending() -> None:
    pool = make()
    nonces = list(range(10_000))
    random.Random(7).shuffle(nonces)

    answers = pool.add([FakeTransaction(nonce=nonce) for nonce in nonces], local=False)

    assert set(answers) == {None}
    assert pool.counts() == (10_000, 0)
    assert [t.nonce for t in pool.best()] == list(range(10_000))


def test_best_pays_most_first_and_keeps_nonces_in_order() -> None:
    pool = make()
    tips = {1: [1, 9], 2: [5, 2], 3: [7]}
    for sender, wanted in tips.items():
        for nonce, tip in enumerate(wanted):
            pool.add(
                [
                    FakeTransaction(
                        sender=address(sender),
                        nonce=nonce,
                        max_fee_per_gas=20 * GWEI,
                        max_priority_fee_per_gas=tip * GWEI,
                    )
                ],
                local=False,
            )

    order = [(t.sender[-1], t.nonce) for t in pool.best()]

    assert order == [(3, 0), (2, 0), (2, 1), (1, 0), (1, 1)]


def test_what_cannot_pay_the_base_fee_ends_its_sender_s_run() -> None:
    pool = make()
    pool.add(
        [
            FakeTransaction(nonce=0, max_fee_per_gas=GWEI - 1, max_priority_fee_per_gas=0),
            FakeTransaction(nonce=1),
        ],
        local=False,
    )

    assert list(pool.best()) == []


@pytest.mark.parametrize(("percent", "taken"), [(109, False), (110, True)])
def test_replacement_needs_ten_percent_more_of_both_fees(percent: int, taken: bool) -> None:
    pool = make()
    old = FakeTransaction()
    pool.add([old], local=False)
    new = FakeTransaction(
        max_fee_per_gas=old.max_fee_per_gas * percent // 100,
        max_priority_fee_per_gas=old.max_priority_fee_per_gas * percent // 100,
    )

    error = pool.add([new], local=False)[0]

    assert (error is None) is taken
    assert pool.counts() == (1, 0)
    assert pool.get(old.hash) is (None if taken else old)


def test_a_blob_transaction_is_replaced_at_double_fees() -> None:
    pool = make()
    old = FakeTransaction(kind=rules.BLOB, blob_count=1, max_fee_per_blob_gas=10)
    pool.add([old], local=False)
    dear: dict[str, Any] = {"max_fee_per_gas": 4 * GWEI, "max_priority_fee_per_gas": 2 * GWEI}

    cheap = FakeTransaction(kind=rules.BLOB, blob_count=1, max_fee_per_blob_gas=19, **dear)
    double = FakeTransaction(kind=rules.BLOB, blob_count=1, max_fee_per_blob_gas=20, **dear)

    assert isinstance(pool.add([cheap], local=False)[0], errors.Underpriced)
    assert pool.add([double], local=False) == [None]


def test_blob_and_other_transactions_do_not_replace_each_other() -> None:
    pool = make()
    pool.add([FakeTransaction()], local=False)

    error = pool.add([FakeTransaction(kind=rules.BLOB, blob_count=1, max_fee_per_gas=9 * GWEI)], local=False)[0]

    assert isinstance(error, errors.Invalid)


def test_a_full_pool_lets_the_cheapest_go() -> None:
    pool = make(total=10)
    for number in range(10):
        pool.add([FakeTransaction(sender=address(number + 1), max_priority_fee_per_gas=number)], local=False)

    rich = FakeTransaction(sender=address(99), max_priority_fee_per_gas=GWEI)
    poor = FakeTransaction(sender=address(98), max_priority_fee_per_gas=0)

    assert pool.add([rich], local=False) == [None]
    assert address(1) not in pool.senders
    for number in range(20, 40):
        pool.add([FakeTransaction(sender=address(number), max_priority_fee_per_gas=GWEI)], local=False)
    assert isinstance(pool.add([poor], local=False)[0], errors.Underpriced)
    assert len(pool.by_hash) <= 10


def test_local_transactions_are_not_evicted() -> None:
    pool = make(total=2)
    mine = FakeTransaction(sender=address(1), max_priority_fee_per_gas=0)
    pool.add([mine], local=True)
    for number in range(2, 9):
        pool.add([FakeTransaction(sender=address(number))], local=False)

    assert pool.get(mine.hash) is mine


def test_a_crowded_pool_bounds_gaps_per_sender() -> None:
    pool = make(total=20, free_gap_percent=10, queued_per_sender=3)

    answers = pool.add([FakeTransaction(nonce=nonce) for nonce in range(1, 9)], local=False)

    assert answers[:3] == [None] * 3
    assert isinstance(answers[3], errors.Full)


def test_included_transactions_leave_and_later_ones_move_up() -> None:
    ledger = Ledger()
    pool = make(ledger)
    first, second, third = (FakeTransaction(nonce=n) for n in range(3))
    pool.add([first, second, third], local=False)
    ledger.nonces[address(1)] = 2

    pool.follow(RULES, [first.hash, second.hash], [])

    assert list(pool.best()) == [third]
    assert pool.counters.included == 2


def test_a_reorg_brings_transactions_back() -> None:
    pool = make()
    transaction = FakeTransaction()

    pool.follow(RULES, [], [transaction])

    assert pool.get(transaction.hash) is transaction


def test_a_spent_balance_drops_what_it_no_longer_pays() -> None:
    ledger = Ledger()
    pool = make(ledger)
    cheap, dear = FakeTransaction(nonce=0), FakeTransaction(nonce=1, value=10**20)
    pool.add([cheap, dear], local=False)
    ledger.balances_wei[address(1)] = cheap.cost

    pool.refresh([address(1)])

    assert set(pool.by_hash) == {cheap.hash}


def test_gaps_expire_and_pending_ones_do_not() -> None:
    now = 0.0
    pool = pools.Pool(accounts=Ledger(), block_rules=RULES, clock=lambda: now)
    gapped, pending = FakeTransaction(nonce=5), FakeTransaction(sender=address(2))
    pool.add([gapped, pending], local=False)
    now = pool.limits.lifetime_seconds + 1.0

    pool.follow(RULES, [], [])

    assert set(pool.by_hash) == {pending.hash}


def test_listeners_hear_of_what_was_admitted_only() -> None:
    heard: list[bytes] = []
    pool = make()
    pool.listeners.append(lambda admitted: heard.extend(t.hash for t in admitted))
    good, bad = FakeTransaction(), FakeTransaction(nonce=1, chain_id=9)

    pool.add([good, bad], local=False)

    assert heard == [good.hash]


def test_random_traffic_keeps_the_books() -> None:
    """Counts, costs and runs agree with a recount after thousands of random steps."""
    dice = random.Random(11)
    ledger = Ledger()
    pool = make(ledger, total=300)
    for _ in range(3_000):
        who = address(dice.randrange(1, 20))
        roll = dice.random()
        if roll < 0.8:
            fee = dice.randrange(1, 50) * GWEI
            nonce = ledger.nonces.get(who, 0) + dice.randrange(0, 12)
            tip = min(fee, dice.randrange(1, 9) * GWEI)
            sent = FakeTransaction(sender=who, nonce=nonce, max_fee_per_gas=fee, max_priority_fee_per_gas=tip)
            if dice.random() < 0.1:
                named = [address(dice.randrange(1, 20)) for _ in range(2)]
                sent = dataclasses.replace(sent, kind=rules.SET_CODE, authorities=named, authorization_count=2)
            pool.add([sent], local=False)
        elif roll < 0.9 and pool.by_hash:
            pool.drop(dice.choice(list(pool.by_hash)))
        else:
            sender = pool.senders.get(who)
            mined = [] if sender is None else list(sender.pending())[: dice.randrange(0, 4)]
            ledger.nonces[who] = ledger.nonces.get(who, 0) + len(mined)
            pool.follow(RULES, [t.hash for t in mined], [])
        check_books(pool)


def check_books(pool: pools.Pool) -> None:
    held = [t for sender in pool.senders.values() for t in sender.transactions.values()]
    assert {t.hash for t in held} == set(pool.by_hash) == set(pool.arrived)
    assert len(held) <= pool.limits.total
    assert pool.authorities == Counter(authority for t in held for authority in t.authorities)
    for sender in pool.senders.values():
        assert sender.transactions
        assert sender.cost_wei == sum(t.cost for t in sender.transactions.values())
        assert all(nonce in sender.transactions for nonce in range(sender.nonce, sender.end))
        assert sender.end not in sender.transactions
        assert min(sender.transactions) >= sender.nonce


def test_nobody_is_let_go_for_one_that_cannot_pay() -> None:
    """Each of the sender's transactions is payable alone, both together are not: that shows last."""
    rich_enough = FakeTransaction(sender=address(99)).cost
    pool = make(Ledger(balances_wei={address(99): rich_enough}), total=5)
    held = [FakeTransaction(sender=address(number + 1), max_priority_fee_per_gas=0) for number in range(4)]
    pool.add([*held, FakeTransaction(sender=address(99))], local=False)
    before = set(pool.by_hash)

    error = pool.add([FakeTransaction(sender=address(99), nonce=1)], local=False)[0]

    assert isinstance(error, errors.Unfunded)
    assert set(pool.by_hash) == before
    assert pool.counters.evicted == 0
