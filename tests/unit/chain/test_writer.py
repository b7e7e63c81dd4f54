"""The writer as Python sees it: deep reorgs, bad blocks, and questions while it works."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
from eth_account import Account

from ethrex_node import _native
from ethrex_node.config.dev import dev_genesis
from unit.chain import chains

QUESTIONS_SECONDS = 60


@pytest.mark.parametrize("depth", [1, 64, 1_000])
def test_a_branch_that_was_left_can_be_taken_again_however_deep(tmp_path: Path, depth: int) -> None:
    chain = chains.open_chain(tmp_path)
    genesis = chain.head().hash
    old = chains.extend(chain, depth)
    side = chains.build(chain, genesis, chains.FIRST_TIME, b"\2" * 20)

    left = chain.set_head(side.hash, chains.ZERO, chains.ZERO)
    back = chain.set_head(old[-1].hash, chains.ZERO, chains.ZERO)

    hashes = [block.hash for block in old]
    assert (left.reverted, [work.hash for work in left.applied]) == (hashes, [side.hash])
    assert (back.reverted, [work.hash for work in back.applied]) == ([side.hash], hashes)
    assert [work.number for work in back.applied] == list(range(1, depth + 1))
    assert chain.head().hash == old[-1].hash


def test_a_bad_block_is_refused_and_kept_with_its_reason(tmp_path: Path) -> None:
    chain = chains.open_chain(tmp_path)
    good = chains.build(chain, chain.head().hash, chains.FIRST_TIME)
    bad = chains.with_wrong_root(good.block)

    with pytest.raises(_native.BlockInvalid) as refused:
        chain.execute(bad)

    kind, message, block_hash = refused.value.args
    answer = chain.reader().answer(b'{"jsonrpc":"2.0","id":1,"method":"debug_getBadBlocks","params":[]}')
    assert answer is not None
    (kept,) = json.loads(answer[1])["result"]
    assert kind == "StateRootMismatch"
    assert "state root" in message
    assert kept["hash"] == "0x" + block_hash.hex()
    assert kept["rlp"] == "0x" + bad.hex()


def test_what_the_blocks_of_a_new_head_took_is_told(tmp_path: Path) -> None:
    chain = chains.open_chain(tmp_path)
    built = chains.build(chain, chain.head().hash, chains.FIRST_TIME)
    copy = chains.open_chain(tmp_path / "other")
    executed = copy.execute(built.block)

    own, taken = (one.set_head(executed, chains.ZERO, chains.ZERO) for one in (chain, copy))

    for change in (own, taken):
        (work,) = change.applied
        assert (work.hash, work.number, work.transactions, work.gas_used) == (executed, 1, 0, built.gas_used)
        assert min(work.execute_seconds, work.root_seconds, change.commit_seconds) > 0
    assert own.applied[0].recover_seconds == 0


BUSY = bytes.fromhex("5b6104005f20505f56")  # hash a kilobyte until the gas is gone: 140 ms for the gas of a transaction
CALLED = b"\xbb" * 20
KEY = b"\1" * 32


def test_the_head_is_told_while_a_long_block_is_executed(tmp_path: Path) -> None:
    genesis = json.loads(dev_genesis([bytes.fromhex(Account.from_key(KEY).address[2:])], gas_limit=300_000_000).json)
    genesis["alloc"][CALLED.hex()] = {"balance": "0x0", "code": "0x" + BUSY.hex()}
    chain = _native.Chain(tmp_path / "chain", json.dumps(genesis).encode(), durable=False, map_size=1 << 28)
    calls = [_call(nonce) for nonce in range(10)]
    built = chain.build(
        chain.head().hash, calls, timestamp=chains.FIRST_TIME, fee_recipient=bytes(20), prev_randao=chains.ZERO,
        withdrawals=[], parent_beacon_root=chains.ZERO, gas_limit=300_000_000,
    )  # fmt: skip
    assert built.transactions == len(calls)
    bad = chains.with_wrong_root(built.block)

    def execute() -> None:
        with pytest.raises(_native.BlockInvalid):
            chain.execute(bad)

    worker = threading.Thread(target=execute)
    worker.start()
    clock = time.pthread_getcpuclockid(worker.ident or 0)
    while time.clock_gettime(clock) < 0.05:  # it executes, with its lock
        time.sleep(0.001)

    asked = (chain.head().number, chain.next_block(100).number, chain.is_marked())
    used = time.clock_gettime(clock)
    worker.join()

    assert asked == (0, 1, False)
    assert used < 0.5  # of more than a second that the block takes


def _call(nonce: int) -> _native.Transaction:
    fields = {"nonce": nonce, "gas": 16_000_000, "to": CALLED, "value": 0, "chainId": 31337,
              "maxFeePerGas": 10**10, "maxPriorityFeePerGas": 1}  # fmt: skip
    (sent,) = _native.admit_transactions([bytes(Account.sign_transaction(fields, KEY).raw_transaction)])
    assert not isinstance(sent, str)
    return sent


def test_facts_of_a_block_are_those_of_its_header(tmp_path: Path) -> None:
    chain = chains.open_chain(tmp_path)
    genesis = chain.head().hash
    candidate = chains.build(chain, genesis, chains.FIRST_TIME)

    facts = chain.block_facts(candidate.hash)

    assert facts is not None
    assert (facts.number, facts.timestamp, facts.parent_hash, facts.canonical) == (1, chains.FIRST_TIME, genesis, False)
    assert chain.block_facts(b"\7" * 32) is None
    body = chain.body(candidate.hash)
    assert body is not None
    assert _native.rlp_decode(body) == _native.rlp_decode(candidate.block)[1:]


def test_questions_while_bad_blocks_are_refused_do_not_stop_the_process() -> None:
    """The writer makes its exception under its lock; whoever asks meanwhile must not hold the GIL. In a process of its own:
    where it fails, it hangs."""
    script = """
        import tempfile, threading
        from pathlib import Path
        from ethrex_node import _native
        from unit.chain import chains

        chain = chains.open_chain(Path(tempfile.mkdtemp()))
        genesis = chain.head().hash
        bad = chains.with_wrong_root(chains.build(chain, genesis, 10).block)
        over = threading.Event()

        def ask():
            while not over.is_set():
                chain.block_facts(genesis)

        threading.Thread(target=ask, daemon=True).start()
        for _ in range(500):
            try:
                chain.execute(bad)
            except _native.BlockInvalid:
                continue
            raise SystemExit("a bad block was taken")
        over.set()
    """
    tests = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], cwd=tests, timeout=QUESTIONS_SECONDS, check=False
    )

    assert done.returncode == 0
