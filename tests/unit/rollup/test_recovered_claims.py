"""Withdrawals of which only a hash and its proof are left: found by what was withdrawn, held against the contracts' vectors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ethrex_node.rollup.wallet import recovered
from ethrex_node.rollup.wallet.account import WalletError
from ethrex_node.rollup.wallet.bridge import COIN, Withdrawal
from unit.rollup.test_contract_vectors import raw, vectors


def wanted(message: dict[str, Any]) -> Withdrawal:
    return Withdrawal(COIN, COIN, raw(message["receiver"]), message["amount"], 0)


def test_a_withdrawal_is_found_by_receiver_and_amount(tmp_path: Path) -> None:
    for case in vectors("messages.json"):
        entries = [{"batch": 7, "leaf": one["leaf"], "proof": case["proof"]} for one in case["messages"]]
        (tmp_path / "claims.json").write_text(json.dumps(entries))
        known = recovered.load(tmp_path)
        for message in case["messages"]:
            ((found, proven),) = recovered.matching(known, wanted(message))
            assert (found.message_id, proven.batch) == (message["messageId"], 7)
            assert proven.proof == tuple(map(raw, case["proof"]))
            other = {**message, "amount": message["amount"] + 10**9}
            assert recovered.matching(known, wanted(other)) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is not JSON"),
        ("[1]", "does not hold claims"),
        ('[{"batch": 1, "leaf": "0x00", "proof": []}]', "not of 32 bytes"),
        ('{"a": 1}', "does not hold claims"),
        ("7", "does not hold claims"),
    ],
)
def test_what_is_no_file_of_claims_is_refused(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "claims.json"
    file.write_text(content)
    with pytest.raises(WalletError, match=said):
        recovered.load(file)


def test_a_folder_without_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WalletError, match="is this what"):
        recovered.load(tmp_path)
