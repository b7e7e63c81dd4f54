"""A rollup's chain that begins with the end of a batch, or goes from one batch's end to the next: what L1 and blobs hold."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ethrex_node import _native
from unit.rollup.rollups import COUNTER, MESSENGER, USER, Rollup

PRUNED = 4444
SOMEBODY = "0x" + "08" * 20
UNKNOWN = "0x" + "77" * 32
# As init code: keeps the hash of the block three before in slot 0.
KEEP_OLD_HASH = bytes.fromhex("6003430340" + "5f55" + "00")

Start = tuple[bytes, bytes]


@dataclass
class Told:
    """A batch with what it published."""

    before: bytes
    made: _native.AssembledBatch
    block: int

    @property
    def blobs(self) -> list[tuple[bytes, bytes]]:
        return [(versioned_hash, blob) for blob, _, versioned_hash, *_ in self.made.blobs]

    def take(self, chain: _native.Chain) -> _native.HeadChange:
        return chain.take_batch(self.before, self.made.encoded, blobs=self.blobs)


@pytest.fixture
def rollup(tmp_path: Path) -> Rollup:
    return Rollup.open(tmp_path / "first")


def settle(rollup: Rollup, blocks: int = 3) -> Told:
    """A batch of some blocks with something in each; the last one is empty with an even number of them."""
    before = rollup.previous
    for at in range(blocks):
        sent = [rollup.send(COUNTER), rollup.send(MESSENGER, data=b"\x01" * 32), rollup.send(b"\x08" * 20, 5)]
        rollup.seal(
            *([] if at == blocks - 1 and blocks % 2 == 0 else sent), items=(rollup.item(USER, 7),) if at == 0 else ()
        )
    return Told(before, rollup.batch(), rollup.chain.head().number)


def rebuilt(rollup: Rollup, *batches: Told) -> Start:
    """The header and the document that a reconstruction leaves."""
    state = _native.RebuiltState(rollup.genesis, batches[0].before)
    assert state.header is None
    for one in batches:
        state.take(one.made.encoded, one.blobs)
    assert state.header is not None
    document = json.loads(rollup.genesis) | {"alloc": json.loads(state.alloc())}
    return state.header, json.dumps(document).encode()


def opened(folder: Path, genesis: bytes, start: Start | None = None) -> _native.Chain:
    folder.mkdir(exist_ok=True)
    return _native.Chain(folder / "chain", genesis, durable=False, map_size=1 << 28, start=start)


def asked(chain: _native.Chain, method: str, *params: Any) -> Any:
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    answer = chain.reader(b'{"elsewhere": "nothing"}').answer(json.dumps(request).encode())
    assert answer is not None
    return json.loads(answer[1])


def result(chain: _native.Chain, method: str, *params: Any) -> Any:
    answer = asked(chain, method, *params)
    assert "error" not in answer, answer
    return answer["result"]


def code(chain: _native.Chain, method: str, *params: Any) -> Any:
    return asked(chain, method, *params)["error"]["code"]


def test_a_chain_that_begins_with_a_batch_s_end_seals_what_the_first_one_would(rollup: Rollup, tmp_path: Path) -> None:
    start = rebuilt(rollup, settle(rollup), settle(rollup))
    here = rollup.chain.head()
    begun = opened(tmp_path / "second", rollup.genesis, start)
    assert (begun.head().number, begun.head().hash) == (here.number, here.hash)

    again = Rollup(begun, rollup.genesis, rollup.queue, rollup.nonce, rollup.previous, rollup.first)
    for one in (rollup, again):  # hashes of blocks from before it began are in its state
        one.seal(one.send(COUNTER), one.send(None, data=KEEP_OLD_HASH), items=(one.item(USER, 9),))
        one.seal(one.send(MESSENGER, data=b"\x02" * 32))

    assert begun.head().hash == rollup.chain.head().hash
    made = again.batch()
    assert made.encoded == rollup.batch().encoded
    assert _native.execute_batch(made.input) == made.encoded


def test_a_data_folder_keeps_where_it_began(rollup: Rollup, tmp_path: Path) -> None:
    first, second = settle(rollup), settle(rollup)
    start, later = rebuilt(rollup, first), rebuilt(rollup, first, second)
    folder = tmp_path / "second"
    begun = opened(folder, rollup.genesis, start)
    second.take(begun)
    head = begun.head().hash
    del begun

    assert opened(folder, rollup.genesis).head().hash == head
    assert opened(folder, rollup.genesis, start).head().hash == head
    assert opened(folder, rollup.genesis, later).head().hash == head  # it goes through it
    other = json.dumps(json.loads(rollup.genesis) | {"timestamp": "0x65"}).encode()
    with pytest.raises(_native.GenesisError, match="holds the chain with genesis"):
        opened(folder, other)
    with pytest.raises(_native.GenesisError, match="holds the chain with genesis"):
        opened(folder, other, start)
    third = rebuilt(rollup, first, second, settle(rollup))
    with pytest.raises(_native.GenesisError, match="has nothing as block 9, it shall begin with"):
        opened(folder, rollup.genesis, third)
    own = tmp_path / "own"
    opened(own, rollup.genesis)
    with pytest.raises(_native.GenesisError, match="has nothing as block 3"):
        opened(own, rollup.genesis, start)


def test_a_state_that_is_not_the_block_s_is_refused_and_nothing_is_written(rollup: Rollup, tmp_path: Path) -> None:
    header, document = rebuilt(rollup, settle(rollup))
    folder = tmp_path / "second"
    wrong = json.loads(document)
    wrong["alloc"]["0x" + USER.hex()]["balance"] = "0x1"

    with pytest.raises(_native.GenesisError, match="the state to begin with has root 0x"):
        opened(folder, rollup.genesis, (header, json.dumps(wrong).encode()))
    with pytest.raises(ValueError, match="not the RLP of a header"):
        opened(folder, rollup.genesis, (header[:-1], document))

    assert opened(folder, rollup.genesis, (header, document)).head().number == 3


def test_what_is_from_before_it_began_is_a_clear_error(rollup: Rollup, tmp_path: Path) -> None:
    start = rebuilt(rollup, settle(rollup))
    begun = opened(tmp_path / "second", rollup.genesis, start)
    Rollup(begun, rollup.genesis, rollup.queue, rollup.nonce, rollup.previous, rollup.first).seal()

    whole = asked(begun, "eth_getBlockByNumber", "0x3", False)["error"]
    assert whole["code"] == PRUNED
    assert "block 3 is not held here, whole blocks are from 4 on" in whole["message"]
    for which in ("0x0", "0x2", "earliest"):
        assert code(begun, "eth_getBlockByNumber", which, False) == PRUNED
        assert code(begun, "eth_getBalance", SOMEBODY, which) == PRUNED
        assert code(begun, "eth_call", {"to": SOMEBODY}, which) == PRUNED
    assert code(begun, "eth_getBlockReceipts", "0x3") == PRUNED
    assert code(begun, "eth_getLogs", {"fromBlock": "0x3", "toBlock": "0x4"}) == PRUNED
    assert code(begun, "debug_traceBlockByNumber", "0x3") == PRUNED
    assert code(begun, "eth_feeHistory", "0x1", "0x3", []) == PRUNED
    assert result(begun, "eth_getLogs", {"fromBlock": "0x4"}) == []
    assert result(begun, "eth_getHeaderByNumber", "0x3")["stateRoot"]
    assert int(result(begun, "eth_getBalance", SOMEBODY, "0x3"), 16) == 15
    assert len(result(begun, "eth_feeHistory", "0x9", "latest", [])["gasUsedRatio"]) == 1
    assert int(result(begun, "eth_gasPrice"), 16) > 0
    assert result(begun, "eth_getTransactionReceipt", UNKNOWN) is None, "wallets wait for theirs so"
    assert result(begun, "eth_getProof", "0x" + USER.hex(), [], "0x3")["accountProof"]


def test_a_chain_goes_from_batch_to_batch_and_has_the_state_at_each_end(rollup: Rollup, tmp_path: Path) -> None:
    batches = [settle(rollup), settle(rollup, blocks=2), settle(rollup)]
    follower = opened(tmp_path / "second", rollup.genesis)

    for one in batches:
        change = one.take(follower)
        assert [work.number for work in change.applied] == [one.block]

    for one in batches:
        at = hex(one.block)
        theirs = result(rollup.chain, "eth_getHeaderByNumber", at)
        assert result(follower, "eth_getHeaderByNumber", at) == theirs
        for method in ("eth_getBalance", "eth_getTransactionCount"):
            assert result(follower, method, "0x" + USER.hex(), at) == result(
                rollup.chain, method, "0x" + USER.hex(), at
            )
        slot = ("0x" + COUNTER.hex(), "0x0", at)
        assert result(follower, "eth_getStorageAt", *slot) == result(rollup.chain, "eth_getStorageAt", *slot)
        proof = ("0x" + COUNTER.hex(), ["0x0"], at)
        assert result(follower, "eth_getProof", *proof) == result(rollup.chain, "eth_getProof", *proof)
    empty = hex(batches[1].block)
    assert result(follower, "eth_getBlockByNumber", empty, True) == result(
        rollup.chain, "eth_getBlockByNumber", empty, True
    ), "a block with nothing in it is known whole"


def test_what_lies_within_a_batch_is_a_clear_error(rollup: Rollup, tmp_path: Path) -> None:
    batches = [settle(rollup), settle(rollup)]
    follower = opened(tmp_path / "second", rollup.genesis)
    for one in batches:
        one.take(follower)
    sent = result(rollup.chain, "eth_getBlockByNumber", "0x5", False)["transactions"][0]

    for at in ("0x1", "0x4"):
        assert code(follower, "eth_getBalance", SOMEBODY, at) == PRUNED
        assert code(follower, "eth_getHeaderByNumber", at) == PRUNED
    for at in ("0x1", "0x3", "0x6", "latest"):
        assert code(follower, "eth_getBlockByNumber", at, False) == PRUNED
        assert code(follower, "eth_getBlockReceipts", at) == PRUNED
        assert code(follower, "eth_getBlockTransactionCountByNumber", at) == PRUNED
        assert code(follower, "eth_getLogs", {"fromBlock": at, "toBlock": at}) == PRUNED
    for method in ("eth_getTransactionByHash", "eth_getTransactionReceipt", "eth_getRawTransactionByHash"):
        assert code(follower, method, sent) == PRUNED
        assert code(follower, method, UNKNOWN) == PRUNED
    assert code(follower, "eth_getBlockByHash", UNKNOWN, False) == PRUNED
    assert code(follower, "debug_traceTransaction", sent) == PRUNED
    assert code(follower, "eth_getLogs", {"blockHash": UNKNOWN}) == PRUNED
    assert code(follower, "eth_feeHistory", "0x4", "latest", [50]) == PRUNED
    assert int(result(follower, "eth_gasPrice"), 16) > 0
    assert result(follower, "eth_call", {"to": SOMEBODY}, "latest") == "0x"


def test_batches_that_l1_took_back_are_taken_back(rollup: Rollup, tmp_path: Path) -> None:
    first = settle(rollup)
    place = rollup.chain.head().hash, rollup.nonce, rollup.queue, rollup.previous, rollup.first
    gone = [settle(rollup), settle(rollup, blocks=2)]
    follower = opened(tmp_path / "second", rollup.genesis)
    for one in (first, *gone):
        one.take(follower)

    (head, rollup.nonce, rollup.queue, rollup.previous, rollup.first) = place
    change = follower.set_head(head, head, head)
    assert len(change.reverted) == 2
    assert follower.head().hash == head
    rollup.chain.set_head(head, head, head)
    rollup.seal(rollup.send(None, data=KEEP_OLD_HASH))
    other = Told(rollup.previous, rollup.batch(), rollup.chain.head().number)
    other.take(follower)

    assert follower.head().hash == rollup.chain.head().hash
    for at in (first.block, other.block):
        balance = ("0x" + USER.hex(), hex(at))
        assert result(follower, "eth_getBalance", *balance) == result(rollup.chain, "eth_getBalance", *balance)
    rollup.seal()
    assert follower.execute(rollup.blocks[-1].block) == rollup.chain.head().hash, "whole blocks may follow"


def test_the_same_batch_comes_again_after_it_was_taken_back(rollup: Rollup, tmp_path: Path) -> None:
    first, second = settle(rollup), settle(rollup)
    follower = opened(tmp_path / "second", rollup.genesis)
    for one in (first, second):
        one.take(follower)
    back = _native.keccak256(rebuilt(rollup, first)[0])
    follower.set_head(back, back, back)

    second.take(follower)

    assert follower.head().hash == rollup.chain.head().hash
    assert follower.canonical_hash(first.block) == back


def test_what_l1_was_not_told_is_not_taken(rollup: Rollup, tmp_path: Path) -> None:
    first, second = settle(rollup), settle(rollup)
    follower = opened(tmp_path / "second", rollup.genesis)
    (name, blob), *others = first.blobs
    harmed = [(name, blob[:40] + bytes([blob[40] ^ 1]) + blob[41:]), *others]

    def refused(match: str, before: bytes, statement: bytes, blobs: list[tuple[bytes, bytes]]) -> None:
        with pytest.raises(_native.ProgramRefused, match=match):
            follower.take_batch(before, statement, blobs=blobs)
        assert follower.head().number == 0

    refused("open", first.before, first.made.encoded, harmed)
    refused("open", first.before, first.made.encoded, second.blobs)
    refused("number", first.before, second.made.encoded, second.blobs)
    refused("does not follow the head", second.before, second.made.encoded, second.blobs)
    wrong_root = bytearray(first.made.encoded)
    wrong_root[6 * 32] ^= 1
    refused("state root", first.before, bytes(wrong_root), first.blobs)
    with pytest.raises(ValueError, match="either blobs or what was kept"):
        follower.take_batch(first.before, first.made.encoded)
    first.take(follower)
    assert follower.head().number == first.block


def test_a_validium_s_batch_is_taken_out_of_its_payload(rollup: Rollup, tmp_path: Path) -> None:
    before, pointer = rollup.previous, b"\5" * 32
    rollup.seal(rollup.send(COUNTER))
    made = rollup.batch(pointer)
    assert made.kept is not None
    follower = opened(tmp_path / "second", rollup.genesis)

    with pytest.raises(_native.ProgramRefused, match="not the one that was committed"):
        follower.take_batch(before, made.encoded, kept=(pointer, made.kept + b"\0"))
    follower.take_batch(before, made.encoded, kept=(pointer, made.kept))

    assert follower.head().hash == rollup.chain.head().hash


BEGIN = """
import sys
from pathlib import Path
from ethrex_node import _native
folder = Path(sys.argv[1])
genesis, header, state = (folder / name for name in ("genesis", "header", "state"))
print("begins", flush=True)
_native.Chain(folder / "chain", genesis.read_bytes(), start=(header.read_bytes(), state.read_bytes()))
print("begun", flush=True)
"""


def test_kill_9_while_it_begins_leaves_nothing_or_all(rollup: Rollup, tmp_path: Path) -> None:
    many = {f"0x{at:040x}": {"balance": hex(at), "storage": {"0x1": hex(at)}} for at in range(1, 20_000)}
    document = json.loads(rollup.genesis) | {"alloc": many}
    folder = tmp_path / "killed"
    folder.mkdir()
    root = _native.genesis_hash(json.dumps(document).encode())[1]
    rollup.seal()
    fields = _native.rlp_decode(rollup.blocks[-1].block)[0]
    fields[3] = root
    header = _native.rlp_encode(fields)
    for name, content in (("genesis", rollup.genesis), ("header", header), ("state", json.dumps(document).encode())):
        (folder / name).write_bytes(content)
    outcomes = set()
    for milliseconds in (0, 40, 90, 150, 220, 300, 400, 600):
        with subprocess.Popen([sys.executable, "-c", BEGIN, str(folder)], stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(milliseconds / 1000)
            child.send_signal(signal.SIGKILL)
            outcomes.add(child.stdout.read())
        chain = _native.Chain(folder / "chain", rollup.genesis, start=(header, json.dumps(document).encode()))
        assert (chain.head().number, chain.head().hash) == (1, _native.keccak256(header))
        assert int(result(chain, "eth_getBalance", f"0x{19_999:040x}", "latest"), 16) == 19_999
        del chain
        for file in (folder / "chain").iterdir():
            file.unlink()
    assert "" in outcomes
