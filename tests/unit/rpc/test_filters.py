"""
Polled filters and the methods of the writing process.
"""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from unit.rpc.client import Http
from unit.rpc.conftest import Stand

from ethrex_node.rpc import filters, journal
from ethrex_node.rpc.settings import Limits

A, B = "0x" + "aa" * 20, "0x" + "bb" * 20
SENDER = "22" * 20


def log(address: str) -> dict[str, Any]:
    return {"address": address, "topics": [], "data": "0x"}


@pytest.fixture
async def http(stand: Stand) -> Http:
    return await stand.http()


async def test_a_block_filter_gives_new_hashes_once(stand: Stand, http: Http) -> None:
    stand.heads.mine()
    filter_id = await http.result("eth_newBlockFilter")
    new = [stand.heads.mine() for _ in range(3)]
    assert await http.result("eth_getFilterChanges", filter_id) == ["0x" + block.hash.hex() for block in new]
    assert await http.result("eth_getFilterChanges", filter_id) == []


async def test_a_log_filter_gives_new_matching_logs(stand: Stand, http: Http) -> None:
    filter_id = await http.result("eth_newFilter", {"address": A})
    stand.heads.mine(log(A), log(B))
    stand.heads.mine(log(B))
    stand.heads.mine(log(A))
    found = await http.result("eth_getFilterChanges", filter_id)
    assert [one["address"] for one in found] == [A, A]
    assert await http.result("eth_getFilterChanges", filter_id) == []


async def test_after_a_reorg_removed_logs_come_first(stand: Stand, http: Http) -> None:
    filter_id = await http.result("eth_newFilter", {"address": [A]})
    old = stand.heads.mine(log(A))
    await http.result("eth_getFilterChanges", filter_id)
    new = stand.heads.mine(log(A), salt=b"other", remove=1)
    found = await http.result("eth_getFilterChanges", filter_id)
    assert [(one["blockHash"], one["removed"]) for one in found] == [
        ("0x" + old.hash.hex(), True),
        ("0x" + new.hash.hex(), False),
    ]


async def test_a_log_filter_keeps_to_its_range(stand: Stand, http: Http) -> None:
    filter_id = await http.result("eth_newFilter", {"fromBlock": "0x2", "toBlock": "0x2"})
    for _ in range(3):
        stand.heads.mine(log(A))
    assert len(await http.result("eth_getFilterChanges", filter_id)) == 1


async def test_filter_logs_gives_all_of_the_range(stand: Stand, http: Http) -> None:
    for _ in range(3):
        stand.heads.mine(log(A))
    filter_id = await http.result("eth_newFilter", {"fromBlock": "0x2", "toBlock": "latest"})
    assert len(await http.result("eth_getFilterLogs", filter_id)) == 2
    assert await http.result("eth_getFilterChanges", filter_id) == []


async def test_filter_logs_of_another_kind_is_refused(http: Http) -> None:
    filter_id = await http.result("eth_newBlockFilter")
    answer = await http.call("eth_getFilterLogs", filter_id)
    assert answer["error"] == {"code": -32000, "message": "filter not found"}


@pytest.mark.parametrize("full", [None, False, True])
async def test_a_pending_filter_gives_new_transactions(stand: Stand, http: Http, full: bool | None) -> None:
    filter_id = await http.result("eth_newPendingTransactionFilter", *([] if full is None else [full]))
    sent = [await http.result("eth_sendRawTransaction", "0x" + SENDER + nonce) for nonce in ("00", "01")]
    found = await http.result("eth_getFilterChanges", filter_id)
    assert [one["hash"] if full else one for one in found] == sent
    assert await http.result("eth_getFilterChanges", filter_id) == []


async def test_an_uninstalled_filter_is_gone(http: Http) -> None:
    filter_id = await http.result("eth_newBlockFilter")
    assert await http.result("eth_uninstallFilter", filter_id) is True
    assert await http.result("eth_uninstallFilter", filter_id) is False
    answer = await http.call("eth_getFilterChanges", filter_id)
    assert answer["error"] == {"code": -32000, "message": "filter not found"}


@pytest.mark.parametrize("stand", [Limits(filters=2)], indirect=True)
async def test_filters_are_bounded(http: Http) -> None:
    for _ in range(2):
        await http.result("eth_newBlockFilter")
    answer = await http.call("eth_newBlockFilter")
    assert answer["error"]["code"] == -32005


def test_a_filter_that_nobody_polls_dies(stand: Stand) -> None:
    now = 0.0
    own = filters.Filters(stand.reader, stand.heads, stand.pool, Limits(filters=1), lambda: now)
    polled = own.new_blocks()
    now = 299.0
    assert not own.is_full(polled)
    now = 598.0
    assert not own.is_full(polled)
    now = 899.0
    with pytest.raises(filters.NotFound):
        own.is_full(polled)
    own.new_blocks()
    assert len(own) == 1
    own.close()


@pytest.mark.parametrize(
    ("criteria", "reason"),
    [
        ({"fromBlock": "0x5", "toBlock": "0x4"}, "invalid block range params"),
        ({"fromBlock": "pending"}, "pending logs are not supported"),
        ({"blockHash": "0x" + "00" * 32, "fromBlock": "0x1"}, "cannot specify both"),
        ({"address": "0x00"}, "want 40"),
        ({"address": [A] * 1001}, "more than 1000 addresses"),
        ({"topics": ["0x00"]}, "want 64"),
        ({"topics": [None] * 5}, "more than 4 topic positions"),
        ({"topics": [[None] * 1001]}, "more than 1000 topics"),
        ({"topics": "0x"}, "expected an array"),
        ({"fromBlock": "soon"}, "without 0x"),
    ],
)
async def test_bad_criteria_are_told(http: Http, criteria: Any, reason: str) -> None:
    error = (await http.call("eth_newFilter", criteria))["error"]
    assert error["code"] == -32602
    assert reason in error["message"]


def test_a_journal_forgets_and_says_so() -> None:
    kept: journal.Journal[int] = journal.Journal(3)
    cursor = kept.end
    for number in range(3):
        kept.append(number)
    assert kept.since(cursor) == [0, 1, 2]
    assert kept.since(kept.end) == []
    kept.append(3)
    assert kept.since(2) == [2, 3]
    with pytest.raises(journal.Behind):
        kept.since(cursor)


async def test_a_filter_that_fell_behind_is_gone(stand: Stand, http: Http) -> None:
    filter_id = await http.result("eth_newBlockFilter")
    for _ in range(filters.BLOCKS_KEPT + 1):
        stand.service.filters.blocks.append(journal.BlockEvent(stand.heads.head(), False))
    assert (await http.call("eth_getFilterChanges", filter_id))["error"]["message"] == "filter not found"


# the pool through the RPC


async def test_the_pool_is_shown(stand: Stand, http: Http) -> None:
    hashes = [await http.result("eth_sendRawTransaction", "0x" + SENDER + nonce) for nonce in ("00", "01")]
    shown = (await http.result("txpool_content"))["pending"]
    ((sender, by_nonce),) = shown.items()
    assert sender.lower() == "0x" + SENDER
    assert {nonce: one["hash"] for nonce, one in by_nonce.items()} == {"0": hashes[0], "1": hashes[1]}
    assert await http.result("txpool_status") == {"pending": "0x2", "queued": "0x0"}
    assert (await http.result("txpool_contentFrom", "0x" + SENDER))["pending"] == by_nonce
    assert await http.result("txpool_contentFrom", A) == {"pending": {}, "queued": {}}
    assert "21000 gas" in next(iter((await http.result("txpool_inspect"))["pending"].values()))["0"]
    assert [one["hash"] for one in await http.result("eth_pendingTransactions")] == hashes


async def test_what_is_not_in_the_snapshot_is_looked_up_in_the_pool(stand: Stand, http: Http) -> None:
    raw = "0x" + SENDER + "07"
    transaction_hash = await http.result("eth_sendRawTransaction", raw)
    assert (await http.result("eth_getTransactionByHash", transaction_hash))["blockHash"] is None
    assert await http.result("eth_getRawTransactionByHash", transaction_hash) == raw
    assert await http.result("eth_getTransactionByHash", "0x" + "00" * 32) is None
    assert await http.result("eth_getTransactionCount", "0x" + SENDER, "pending") == "0x8"
    assert await http.result("eth_getTransactionCount", "0x" + SENDER, "latest") == "0x0"
    assert await http.result("eth_getTransactionCount", A, "pending") == "0x0"


async def test_a_receipt_is_waited_for(stand: Stand, http: Http) -> None:
    raw = "0x" + SENDER + "00"
    transaction_hash = "0x" + hashlib.sha256(bytes.fromhex(raw[2:])).hexdigest()

    def mine(_: object) -> None:
        stand.reader.receipts[transaction_hash] = {"status": "0x1"}
        stand.heads.mine()

    stand.pool.watch(mine)
    assert await http.result("eth_sendRawTransactionSync", raw) == {"status": "0x1"}


async def test_a_receipt_that_does_not_come_is_told(http: Http) -> None:
    error = (await http.call("eth_sendRawTransactionSync", "0x" + SENDER + "00", "0x1"))["error"]
    assert error["code"] == 4
    assert len(error["data"]) == 66


async def test_constants(http: Http, stand: Stand) -> None:
    assert await http.result("web3_clientVersion") == "ethrex/v0.1.0"
    assert await http.result("net_version") == "1337"
    assert await http.result("net_listening") is True
    assert await http.result("net_peerCount") == "0x0"
    assert await http.result("admin_datadir") == "/data"
    assert await http.result("admin_peers") == []
    assert (await http.result("admin_nodeInfo"))["name"] == "ethrex/v0.1.0"
    assert await http.result("eth_syncing") is False
    stand.heads.progress = {"currentBlock": "0x1"}
    assert await http.result("eth_syncing") == {"currentBlock": "0x1"}
    assert len(await http.result("web3_sha3", "0x")) == 66


async def test_subscriptions_need_a_connection_that_can_push(http: Http) -> None:
    error = (await http.call("eth_subscribe", "newHeads"))["error"]
    assert error == {"code": -32001, "message": "notifications not supported"}
