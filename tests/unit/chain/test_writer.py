"""The writer as Python sees it: deep reorgs, bad blocks, and questions while it works."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from ethrex_node import _native
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
    assert left == (hashes, [side.hash])
    assert back == ([side.hash], hashes)
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
