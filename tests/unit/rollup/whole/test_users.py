"""What users do, by the public commands and the RPC of a whole rollup: money in, around, out, to the wei."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ethrex_node import _native
from ethrex_node.dev import accounts
from ethrex_node.rollup import deploy
from ethrex_node.rollup.l1.abi import Function
from unit.rollup.whole import tokens
from unit.rollup.whole.deployment import text
from unit.rollup.whole.processes import CHAIN_ID, Running, answer, ethrex_l2, rollup, until

ETHER = 10**18
ALICE, BOB = 4, 5  # dev accounts that no role of the local rollup uses
BRIDGE_L2 = "0x" + bytes(18).hex() + "ffff"
L1_INFO = "0x" + bytes(18).hex() + "fffa"
GAS_PRICE_ORACLE = "0x" + bytes(18).hex() + "fff9"
SEND_L1_INFO = Function("sendL1Info(uint256)", "(uint64)")


def address(account: int) -> str:
    return text(accounts.derive()[account].address)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with rollup(tmp_path_factory.mktemp("rollup")) as found:
        yield found


def balance(running: Running, chain: str, owner: str) -> int:
    return int((running.l1 if chain == "L1" else running.l2)("eth_getBalance", owner, "latest"), 16)


def paid(ask: Any, transaction: str) -> int:
    """What the fee of a transaction was, out of its receipt."""
    receipt = ask("eth_getTransactionReceipt", transaction)
    return int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)


def test_ether_goes_in_around_and_out_to_the_wei(running: Running) -> None:
    start = {chain: balance(running, chain, address(ALICE)) for chain in ("L1", "L2")}
    stranger = "0x" + "cd" * 20

    deposited = answer(running, "deposit", "2eth", account=ALICE)
    sent = answer(running, "transfer", "0.5eth", stranger, account=ALICE)
    withdrawn = answer(running, "withdraw", "0.25eth", "--to", stranger, "--claim", account=ALICE)

    (claimed,) = withdrawn["claim_transactions"]
    l1_fees = paid(running.l1, deposited["l1_transaction"]) + paid(running.l1, claimed)
    l2_fees = paid(running.l2, sent["l2_transaction"]) + paid(running.l2, withdrawn["l2_transaction"])
    assert balance(running, "L1", address(ALICE)) == start["L1"] - 2 * ETHER - l1_fees
    assert balance(running, "L2", address(ALICE)) == start["L2"] + 2 * ETHER - ETHER * 3 // 4 - l2_fees
    assert balance(running, "L2", stranger) == ETHER // 2
    assert balance(running, "L1", stranger) == ETHER // 4
    # The deposit is an item of the queue, with a transaction of its own and no fee.
    arrived = running.l2("eth_getTransactionByHash", deposited["l2_transaction"])
    assert (arrived["type"], arrived["to"]) == ("0x7e", BRIDGE_L2)


def test_a_withdrawal_is_claimed_once(running: Running) -> None:
    done = answer(running, "withdraw", "1gwei", "--wait", account=BOB)["l2_transaction"]
    (proof,) = answer(running, "message-proof", done)
    assert proof["status"] == "claimable"
    batch = running.l2("ethrex_getBatchByNumber", hex(proof["batch_number"]), True)
    assert proof["message_hash"] in batch["message_hashes"]
    assert len(batch["block_hashes"]) == batch["last_block"] - batch["first_block"] + 1

    answer(running, "claim", done, account=ALICE)  # anybody may, for the receiver
    again = ethrex_l2(running, "claim", done, account=ALICE)

    assert again.returncode == 2
    assert "claimed already" in again.stderr
    assert answer(running, "message-proof", done)[0]["status"] == "claimed"


def test_a_token_goes_in_around_and_out(running: Running) -> None:
    token_l1 = tokens.make(running.l1, address(ALICE), address(ALICE), 1_000_000_000, decimals=6)
    made = answer(running, "deploy-token", token_l1, account=BOB)
    assert (made["symbol"], made["decimals"], made["made"]) == ("USD", 6, True)
    assert answer(running, "deploy-token", token_l1, account=ALICE) == made | {"made": False}
    token_l2 = made["token_l2"]

    answer(running, "deposit", "100 USD", "--token-l1", token_l1, "--token-l2", token_l2, account=ALICE)
    answer(running, "transfer", "30.5", address(BOB), "--token", token_l2, account=ALICE)
    assert answer(running, "balance", address(ALICE), "--token", token_l2)["l2"] == "69.5 USD"

    answer(running, "withdraw", "30", "--token-l2", token_l2, "--claim", account=BOB)
    assert tokens.balance(running.l1, token_l1, address(BOB)) == 30_000_000
    assert answer(running, "balance", address(BOB), "--token", token_l2)["l2_units"] == "500000"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("deposit", "1.5"), "has no unit"),
        (("deposit", "1e18wei"), "is not an amount"),
        (("deposit", "0.5wei"), "more than 0 decimals"),
        (("deposit", "1eth", "--token-l1", "0x" + "11" * 20), "both --token-l1 and --token-l2"),
        (("transfer", "1eth", "0x12"), "is not an address"),
        (("transfer", "1000000eth", "0x" + "12" * 20), "would refuse it"),
        (("claim", "0x" + "12" * 32), "knows no transaction"),
        (("status", "0x" + "12" * 32), "neither a transaction of L2 nor a deposit"),
        (("depossit", "1eth"), "did you mean deposit"),
        (("status", "--rpc-url", "http://127.0.0.1:1"), "127.0.0.1:1"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(running: Running, arguments: tuple[str, ...], told: str) -> None:
    done = ethrex_l2(running, *arguments, account=ALICE)

    assert done.returncode == 2
    assert told in done.stderr


def test_a_key_in_clear_is_not_taken(running: Running) -> None:
    done = ethrex_l2(running, "deposit", "1eth", "--key", accounts.derive()[ALICE].key.hex())

    assert done.returncode == 2
    assert "a key in clear is not taken" in done.stderr
    assert accounts.derive()[ALICE].key.hex() not in done.stderr


def test_l1_is_no_rollup(running: Running) -> None:
    done = ethrex_l2(running, "status", "--rpc-url", running.said["L1"])

    assert done.returncode == 2
    assert "is no rollup's node" in done.stderr


def test_l2_is_told_of_l1_by_whoever_pays_for_it(running: Running) -> None:
    bridge = deploy.load(running.folder / "deployment" / f"{CHAIN_ID}.json").bridge
    told = {
        "from": address(BOB),
        "to": text(bridge),
        "value": hex(ETHER // 10),
        "data": "0x" + SEND_L1_INFO.call(CHAIN_ID).hex(),
    }
    sent = running.l1("eth_sendTransaction", told)
    until(lambda: running.l1("eth_getTransactionReceipt", sent))
    until(lambda: shown(running, L1_INFO, "number()"))

    receipt = running.l1("eth_getTransactionReceipt", sent)
    block = running.l1("eth_getBlockByNumber", receipt["blockNumber"], False)
    assert receipt["status"] == "0x1"
    assert shown(running, L1_INFO, "number()") == int(block["number"], 16)
    assert shown(running, L1_INFO, "timestamp()") == int(block["timestamp"], 16)
    assert shown(running, L1_INFO, "baseFee()") == int(block["baseFeePerGas"], 16)
    assert shown(running, L1_INFO, "parentHash()") == int(block["parentHash"], 16)
    assert shown(running, GAS_PRICE_ORACLE, "l1BaseFee()") == int(block["baseFeePerGas"], 16)
    assert shown(running, GAS_PRICE_ORACLE, "l1BlobBaseFee()") >= 1
    assert shown(running, GAS_PRICE_ORACLE, "operatorFeePerGas()") == 10**6


def shown(running: Running, predeploy: str, signature: str) -> int:
    data = "0x" + _native.keccak256(signature.encode())[:4].hex()
    return int(running.l2("eth_call", {"to": predeploy, "data": data}, "latest"), 16)


def test_what_the_rollup_says_of_its_fees(running: Running) -> None:
    rules = {
        name: running.l2(f"ethrex_get{name}VaultAddress", "latest") for name in ("BaseFee", "OperatorFee", "L1Fee")
    }
    assert len(set(rules.values())) == 3
    assert int(running.l2("ethrex_getOperatorFee", "latest"), 16) == 10**6
    assert int(running.l2("ethrex_getL1BlobBaseFee", "latest"), 16) >= 1
    assert running.l2("ethrex_getBatchByBlock", "0x1")["number"] == 1
    assert running.l2("ethrex_getBatchByNumber", "0xffff") is None


def test_a_withdrawal_that_is_forced_from_l1_is_claimed_there(running: Running) -> None:
    answer(running, "deposit", "1eth", account=BOB)
    stranger = "0x" + "ce" * 20
    start = balance(running, "L2", address(BOB))

    forced = answer(running, "withdraw", "0.25eth", "--to", stranger, "--from-l1", "--claim", account=BOB)

    assert balance(running, "L2", address(BOB)) == start - ETHER // 4, "its gas was paid on L1"
    assert balance(running, "L1", stranger) == ETHER // 4
    assert forced["claim_transactions"]
    receipt = running.l2("eth_getTransactionReceipt", forced["l2_transaction"])
    assert (receipt["type"], receipt["status"]) == ("0x7e", "0x1")


def test_a_forced_withdrawal_of_more_than_there_is_is_said_to_be_nothing(running: Running) -> None:
    refused = ethrex_l2(running, "withdraw", "9000000eth", "--from-l1", "--wait", account=BOB)

    assert refused.returncode == 2
    assert "withdraws nothing" in refused.stderr
