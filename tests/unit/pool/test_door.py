"""Raw bytes at the pool's door: answers in order, and a journal that does not grow without end."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from ethrex_node import _native
from ethrex_node.dev import accounts
from ethrex_node.pool import journal as journals
from ethrex_node.pool.door import Door
from unit.dev import blobs, wiring

SENDER = accounts.derive(count=1)[0]


def signed(nonce: int) -> bytes:
    fields: dict[str, Any] = {
        "nonce": nonce,
        "to": b"\5" * 20,
        "value": 1,
        "gas": 21_000,
        "maxFeePerGas": 10**10,
        "maxPriorityFeePerGas": 10**9,
        "chainId": 31337,
    }
    return bytes(Account.sign_transaction(fields, SENDER.key).raw_transaction)


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    journal = journals.Journal(tmp_path / "pool.journal")
    with ThreadPoolExecutor(1) as threads:
        yield Door(wiring.wire(tmp_path / "data", [SENDER]).pool, threads, journal)
    journal.close()


async def test_answers_stand_in_the_order_of_what_came(door: Door) -> None:
    answers = await door.add([signed(0), b"\xff", signed(0)])

    assert [type(answer) for answer in answers] == [bytes, *(type(error) for error in answers[1:])]
    assert [str(error) for error in answers[2:]] == ["already known"]
    assert isinstance(answers[1], Exception)


async def test_a_journal_holds_what_is_pooled_and_not_all_that_ever_was(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "REWRITE_BYTES", 1_000)
    for nonce in range(60):
        await door.add([signed(nonce)])
        if nonce:
            door.pool.drop(sorted(door.pool.by_hash, key=lambda h: door.pool.by_hash[h].nonce)[-1])
            await door.add([signed(nonce)])
    kept = {one.network for one in door.pool.by_hash.values()}
    for nonce in range(60, 70):
        await door.add([signed(nonce)])
        kept.add(signed(nonce))

    assert door.journal is not None
    held = door.journal.load()

    assert kept <= set(held)
    assert len(held) <= len(kept) + 1_000 // len(signed(0))


async def test_blobs_with_proofs_of_the_whole_get_proofs_of_their_cells(door: Door) -> None:
    """Osaka wants cell proofs; wallets that know no others are served, as geth serves them."""
    (answer,) = await door.add([blobs.transaction([blobs.blob(1)], cells=False)])

    assert isinstance(answer, bytes), answer
    pooled = door.get(answer)
    assert pooled is not None
    assert (pooled.cell_proofs, len(pooled.sidecar()[0][2])) == (True, 128)
    assert _native.admit_transactions([pooled.network])[0].hash == answer  # type: ignore[union-attr]
