"""Who is paid for, how often and how much; what is promised stays promised on disk."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from ethrex_node.rollup.sponsor import Budget, Policy, errors, ledger, policy, request
from ethrex_node.rollup.sponsor.policy import Scope, Used
from ethrex_node.rollup.store import Store
from ethrex_node.rollup.store.schema import TABLES, Sponsored
from ethrex_node.rpc.errors import InvalidParams

CHAIN_ID = 777
TARGET, DELEGATE, STRANGER = b"\x01" * 20, b"\x02" * 20, b"\x03" * 20
USER = Account.from_key(b"\x0d" * 32)
USER_ADDRESS = bytes.fromhex(USER.address[2:])
RULES = Policy(targets=frozenset({TARGET}), delegates=frozenset({DELEGATE}))
DAY = 20_000


def text(address: bytes) -> str:
    return "0x" + address.hex()


def authorization(delegate: bytes = DELEGATE, chain_id: int = CHAIN_ID, **more: Any) -> dict[str, Any]:
    signed = USER.sign_authorization({"chainId": chain_id, "address": text(delegate), "nonce": 0})
    facts = {"chainId": chain_id, "nonce": 0, "yParity": signed.y_parity, "r": signed.r, "s": signed.s}
    return {"address": text(delegate)} | {name: hex(value) for name, value in facts.items()} | more


def read(**fields: Any) -> request.Request:
    return request.read({"to": text(TARGET)} | fields, CHAIN_ID)


def test_the_authority_is_who_signed() -> None:
    asked = read(authorizationList=[authorization()])

    assert [one.authority for one in asked.authorizations] == [USER_ADDRESS]


def test_r_and_s_may_be_words_and_the_parity_27_more() -> None:
    plain = authorization()
    words = {name: "0x" + bytes.fromhex(plain[name][2:].rjust(64, "0")).hex() for name in ("r", "s")}
    parity = hex(int(plain["yParity"], 16) + 27)

    asked = read(authorizationList=[plain | words | {"yParity": parity}])

    assert asked.authorizations[0].authority == USER_ADDRESS


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"value": "0x1"}, "value has to be 0"),
        ({"nonce": "0x1", "gas": "0x1"}, "decides these fields: gas, nonce"),
        ({"to": None}, "missing field 'to'"),
        ({"to": "0x12"}, "invalid to"),
        ({"chainId": "0x1"}, "another chain's"),
        ({"type": "0x3"}, "type 0x2, or 0x4"),
        ({"data": "0x12", "input": "0x13"}, "not equal"),
        ({"authorizationList": {}}, "invalid authorizationList"),
        ({"authorizationList": ["0x"]}, r"authorizationList\[0\]: expected an object"),
        ({"authorizationList": [authorization(chain_id=1)]}, "chain 1 is neither"),
        ({"authorizationList": [authorization(r="0x0")]}, "nobody's"),
        ({"authorizationList": [authorization(yParity="0x5")]}, "nobody's"),
        ({"authorizationList": [authorization(r="0x" + "f" * 64)]}, "nobody's"),
        ({"authorizationList": [authorization()] * 9}, "at most 8"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidParams, match=told):
        read(**fields)


def test_a_target_is_for_no_account_but_those_that_signed() -> None:
    assert policy.accounts_of(read(), b"\x60\x00", RULES) == ()
    assert policy.accounts_of(read(authorizationList=[authorization()]), b"", RULES) == (USER_ADDRESS,)


def test_an_account_is_paid_for_where_it_is_delegated_to_what_is_sponsored() -> None:
    to_user = read(to=text(USER_ADDRESS))
    with_signature = read(to=text(USER_ADDRESS), authorizationList=[authorization()])

    assert policy.accounts_of(to_user, policy.DELEGATION + DELEGATE, RULES) == (USER_ADDRESS,)
    assert policy.accounts_of(with_signature, b"", RULES) == (USER_ADDRESS,)
    for code in (b"", policy.DELEGATION + STRANGER, DELEGATE, policy.DELEGATION + DELEGATE + b"\0"):
        with pytest.raises(errors.NotSponsored, match="no sponsored target"):
            policy.accounts_of(to_user, code, RULES)


def test_a_foreign_delegate_is_not_paid_for_even_at_a_target() -> None:
    with pytest.raises(errors.NotSponsored, match="delegation to 0x0303"):
        policy.accounts_of(read(authorizationList=[authorization(STRANGER)]), b"", RULES)


@pytest.mark.parametrize(
    ("rules", "used", "told"),
    [
        (Policy(account=Budget(3)), Used(3, 0), ("account", "transactions", (DAY + 1) * 86_400)),
        (Policy(account=Budget(9, 100)), Used(3, 91), ("account", "wei", (DAY + 1) * 86_400)),
        (Policy(day=Budget(3)), Used(3, 0), ("day", "transactions", (DAY + 1) * 86_400)),
        (Policy(day=Budget(None, 100)), Used(0, 91), ("day", "wei", (DAY + 1) * 86_400)),
        (Policy(total=Budget(3)), Used(3, 0), ("all", "transactions", None)),
        (Policy(total=Budget(None, 9)), Used(), ("all", "wei", None)),
    ],
)
def test_each_limit_holds_and_says_when_to_come_again(
    rules: Policy, used: Used, told: tuple[str, str, int | None]
) -> None:
    scopes = policy.scopes_of((USER_ADDRESS,), DAY)

    with pytest.raises(errors.LimitReached) as caught:
        policy.check(rules, scopes, lambda scope: used if scope.name == told[0] else Used(), 10)
    assert (caught.value.data["scope"], caught.value.data["what"], caught.value.data["again_at"]) == told
    policy.check(rules, scopes, lambda _: Used(), 9)


def row(nonce: int, most_wei: int, *accounts: bytes, day: int = DAY) -> Sponsored:
    return Sponsored(nonce, bytes(32), b"", accounts, day, most_wei)


def use(store: Store, scope: Scope) -> tuple[int, int]:
    with store.read() as txn:
        found = ledger.used(txn, scope)
    return found.transactions, found.wei


def test_a_promise_counts_until_it_is_paid_or_void_and_over_a_restart(tmp_path: Path) -> None:
    mine, today, ever = Scope("account", DAY, USER_ADDRESS), Scope("day", DAY), Scope("all")
    store = Store.open(tmp_path, TABLES)
    for one in (row(0, 100, USER_ADDRESS), row(1, 100, USER_ADDRESS), row(2, 100, STRANGER)):
        store.write_now(functools.partial(ledger.promise, row=one))
    store.close()

    store = Store.open(tmp_path, TABLES)
    assert (use(store, mine), use(store, today), use(store, ever)) == ((2, 200), (3, 300), (3, 300))
    store.write_now(lambda txn: ledger.settle(txn, row(0, 100, USER_ADDRESS), 40))
    store.write_now(lambda txn: ledger.settle(txn, row(1, 100, USER_ADDRESS), None))

    assert (use(store, mine), use(store, today), use(store, ever)) == ((1, 40), (2, 140), (2, 140))
    with store.read() as txn:
        assert [one.nonce for one in ledger.pending(txn)] == [2]
    store.close()


def test_days_that_are_over_are_forgotten_and_the_total_is_not(tmp_path: Path) -> None:
    store = Store.open(tmp_path, TABLES)
    store.write_now(lambda txn: ledger.promise(txn, row(0, 100, USER_ADDRESS)))
    store.write_now(lambda txn: ledger.promise(txn, row(1, 7, USER_ADDRESS, day=DAY + 1)))
    store.write_now(lambda txn: ledger.forget_before(txn, DAY + 1))

    # What was promised before midnight and is in a block only now does not bring its day back.
    store.write_now(lambda txn: ledger.settle(txn, row(0, 100, USER_ADDRESS), 60))

    assert use(store, Scope("day", DAY)) == use(store, Scope("account", DAY, USER_ADDRESS)) == (0, 0)
    assert use(store, Scope("day", DAY + 1)) == (1, 7)
    assert use(store, Scope("all")) == (2, 67)
    store.close()
