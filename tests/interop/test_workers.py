"""What clients see is the same when worker processes answer: `--http.workers 2`."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from interop import clients, compare, nodes

ALICE, BOB = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266", "0x70997970c51812dc3a010c7d01b50e0d17dc79c8"
WRITES = 100


@pytest.fixture
def workers() -> Iterator[nodes.Running]:
    with nodes.ours("--http.workers", "2") as running:
        yield running


def test_who_wrote_reads_it_at_once_through_any_worker(workers: nodes.Running) -> None:
    """Each call is a connection of its own: the kernel gives it to either worker."""
    for number in range(WRITES):
        workers.call("anvil_setBalance", BOB, hex(number))
        assert workers.call("eth_getBalance", BOB, "latest") == hex(number)
        sent = workers.call("eth_sendTransaction", {"from": ALICE, "to": BOB, "value": "0x1", "gas": "0x5208"})
        assert workers.call("eth_getTransactionReceipt", sent)["status"] == "0x1"
        assert workers.call("eth_getBalance", BOB, "latest") == hex(number + 1)
        assert workers.call("eth_blockNumber") == hex(number + 1)


def test_filters_are_known_to_every_worker(workers: nodes.Running) -> None:
    blocks, pending = workers.call("eth_newBlockFilter"), workers.call("eth_newPendingTransactionFilter")
    sent = [workers.call("eth_sendTransaction", {"from": ALICE, "to": BOB, "gas": "0x5208"}) for _ in range(5)]
    hashes = [workers.call("eth_getBlockByNumber", hex(at), False)["hash"] for at in range(1, 6)]

    assert workers.call("eth_getFilterChanges", blocks) == hashes
    assert workers.call("eth_getFilterChanges", pending) == sent
    assert [workers.call("eth_getFilterChanges", blocks) for _ in range(4)] == [[]] * 4
    assert [workers.call("eth_uninstallFilter", blocks) for _ in range(2)] == [True, False]


def test_the_pending_block_and_the_beacon_pages_come_through_a_worker(workers: nodes.Running) -> None:
    workers.call("evm_setAutomine", False)
    workers.call("eth_sendTransaction", {"from": ALICE, "to": BOB, "value": "0x5", "gas": "0x5208"})
    before = int(workers.call("eth_getBalance", BOB, "latest"), 16)

    assert workers.call("eth_getBlockByNumber", "pending", False)["number"] == "0x1"
    assert int(workers.call("eth_getBalance", BOB, "pending"), 16) == before + 5
    with urllib.request.urlopen(f"{workers.url}/eth/v1/config/spec", timeout=nodes.CALL_SECONDS) as answer:
        assert json.load(answer)["data"]["SECONDS_PER_SLOT"] == "1"


@pytest.mark.parametrize("session", ["web3_session.py", "viem_session.mjs", "raw_session.py"])
@pytest.mark.long
@pytest.mark.timeout(2 * clients.SESSION_SECONDS)
def test_a_session_goes_as_without_workers(session: str, tmp_path: Path) -> None:
    try:
        command = clients.command(session, tmp_path)
    except nodes.ToolMissing as missing:
        pytest.skip(str(missing))
    with nodes.ours() as alone, nodes.ours("--http.workers", "2") as shared, ThreadPoolExecutor(2) as threads:
        plain, through = threads.map(lambda running: clients.play(command, running, tmp_path), (alone, shared))

    assert compare.compare(through, plain) == []
