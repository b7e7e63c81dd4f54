"""The far ends of what is allowed: ten thousand transactions of one sender, out of order."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Final

import pytest

from faults import process, story

TRANSACTIONS: Final = 10_000
pytestmark = pytest.mark.timeout(400)


def test_ten_thousand_transactions_out_of_order(tmp_path: Path) -> None:
    genesis = tmp_path / "genesis.json"
    genesis.write_bytes(story.genesis())
    key = story.KEYS[0].key
    raw = [story.signed(key, nonce, b"\x99" * 20, 1, gas=21_000) for nonce in range(TRANSACTIONS)]
    random.Random(1).shuffle(raw)
    node = process.Process(tmp_path / "data", genesis).start()
    try:
        for start in range(0, TRANSACTIONS, 500):
            answers = node.batch("eth_sendRawTransaction", [["0x" + one.hex()] for one in raw[start : start + 500]])
            assert all("result" in one for one in answers), answers[:3]

        assert node.ask("txpool_status") == {"pending": hex(TRANSACTIONS), "queued": "0x0"}
    finally:
        assert node.stop() == 0
