"""Followers of a rollup: they execute what the sequencer sealed, hold it against L1, and believe nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from ethrex_node import _native
from ethrex_node.dev import accounts
from ethrex_node.rollup.epochs import heads
from ethrex_node.rollup.follower import feed
from ethrex_node.rollup.store.schema import SignedHead
from unit.rollup.l1_proxy import proxies
from unit.rollup.whole import roles
from unit.rollup.whole.roles import LIMIT_SECONDS, ask, patiently, text

CHAIN_ID: Final = 4_346
COMMITTER, SETTLER, PROVER, USER = accounts.derive()[1:5]
KEYS: Final = roles.Keys(COMMITTER, SETTLER, PROVER)
PLAN: Final = {
    "chainId": CHAIN_ID,
    "committers": [text(COMMITTER.address)],
    "genesis": {"balancesWei": {text(USER.address): 10**20}},
    "proofs": {"attestedSigners": [text(PROVER.address)]},
}
RECIPIENT: Final = "0x" + "ab" * 20
EXTRA_DATA: Final = 12  # place in a header
DEPLOYED: Final[list[dict[str, Any]]] = []


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("followed")


@pytest.fixture(scope="module")
def chain(folder: Path) -> Iterator[roles.Chain]:
    """A batch has a block, and L1 keeps up with them on a slow machine too: what it confirms is never far away."""
    with roles.l1(folder) as (l1_url, _):
        roles.deploy(folder, l1_url, [PLAN])
        flags = ("--committer.commit-time", "0.5", "--committer.idle-time", "0.5", "--block-producer.block-time", "2")
        with roles.chain(folder, l1_url, CHAIN_ID, KEYS, *flags) as running:
            DEPLOYED[:] = [running.deployment]
            yield running


def until(is_so: Callable[[], object], part: roles.Part) -> None:
    end = time.monotonic() + LIMIT_SECONDS
    while not _is(is_so):
        assert time.monotonic() < end, part.log.read_text()[-3000:]
        time.sleep(0.05)


def _is(is_so: Callable[[], object]) -> bool:
    with contextlib.suppress(roles.Away):
        return bool(is_so())
    return False


def block(url: str, which: str) -> dict[str, Any] | None:
    found: dict[str, Any] | None = patiently(url, "eth_getBlockByNumber", which, False)
    return found


def height(url: str, which: str = "latest") -> int:
    """0 where nothing is safe or final yet."""
    try:
        found = block(url, which)
    except AssertionError as error:
        if "block not found" not in str(error):
            raise
        return 0
    return 0 if found is None else int(found["number"], 16)


def is_at(follower: roles.Follower, number: int) -> Callable[[], bool]:
    return lambda: height(follower.url) >= number


def same_chain(chain: roles.Chain, follower: roles.Follower, which: str) -> None:
    ours = block(follower.url, which)
    assert ours is not None
    assert ours == block(chain.url, ours["number"])


def pay(url: str, chain: roles.Chain) -> str:
    nonce = int(patiently(chain.url, "eth_getTransactionCount", text(USER.address), "pending"), 16)
    return roles.pay(url, CHAIN_ID, USER, nonce)


def test_it_has_the_sequencers_blocks_and_l1s_heads(folder: Path, chain: roles.Chain) -> None:
    with roles.follower(folder, chain) as follower:
        until(lambda: not follower.reasons(), follower.part)
        until(lambda: height(follower.url, "finalized") > 0, follower.part)

        for which in ("latest", "safe", "finalized"):
            same_chain(chain, follower, which)
        safe = height(follower.url, "safe")
        batch = ask(chain.url, "ethrex_getBatchByBlock", hex(safe))
        assert batch["last_block"] == safe
        assert ask(follower.url, "ethrex_getBatchByNumber", hex(batch["number"]))["batch_hash"] == batch["batch_hash"]
        assert ask(follower.url, "ethrex_getContracts") == ask(chain.url, "ethrex_getContracts")


def test_transactions_go_to_the_sequencer_and_come_back_in_blocks(folder: Path, chain: roles.Chain) -> None:
    with roles.follower(folder, chain) as follower:
        before = int(ask(chain.url, "eth_getBalance", RECIPIENT, "latest"), 16)
        sent = pay(follower.url, chain)
        until(lambda: ask(follower.url, "eth_getTransactionReceipt", sent), follower.part)

        assert ask(follower.url, "eth_getTransactionReceipt", sent) == ask(chain.url, "eth_getTransactionReceipt", sent)
        assert int(ask(follower.url, "eth_getBalance", RECIPIENT, "latest"), 16) == before + 1
        with pytest.raises(AssertionError, match="nonce"):  # the sequencer's no is the caller's answer
            roles.pay(follower.url, CHAIN_ID, USER, 0)


def test_it_goes_on_where_kill_9_left_it(folder: Path, chain: roles.Chain) -> None:
    with roles.follower(folder, chain) as follower:
        for _ in range(4):
            reached = height(follower.url)
            until(is_at(follower, reached + 2), follower.part)
            follower.part.kill()
            follower.part.start()
        until(lambda: not follower.reasons(), follower.part)

        same_chain(chain, follower, "latest")
        same_chain(chain, follower, "safe")


async def test_it_serves_and_says_so_while_the_sequencer_is_away(folder: Path, chain: roles.Chain) -> None:
    async with proxies(chain.url, 1) as (proxy,):
        await asyncio.to_thread(_without_sequencer, folder, chain, proxy)


def _without_sequencer(folder: Path, chain: roles.Chain, proxy: Any) -> None:
    with roles.follower(folder, chain, "--follow.max-lag", "1", sequencer_url=proxy.url) as follower:
        until(lambda: not follower.reasons(), follower.part)
        proxy.down = True
        until(lambda: "503" in follower.reasons().get("lag", ""), follower.part)
        assert height(follower.url) > 0
        with pytest.raises(AssertionError, match="the sequencer does not answer"):
            pay(follower.url, chain)

        proxy.down = False
        until(lambda: not follower.reasons(), follower.part)
        same_chain(chain, follower, "latest")


def changed(raw: str, field: int, value: bytes) -> str:
    header, *body = _native.rlp_decode(bytes.fromhex(raw[2:]))
    header[field] = value
    return "0x" + _native.rlp_encode([header, *body]).hex()


def head_of(raw: str, epoch: int = 1, key: bytes = COMMITTER.key) -> dict[str, str]:
    """What the holder of a key says of a block."""
    header = _native.rlp_decode(bytes.fromhex(raw[2:]))[0]
    number, block_hash = int.from_bytes(header[feed.NUMBER], "big"), _native.keccak256(_native.rlp_encode(header))
    deployed = DEPLOYED[0]
    where = heads.domain(int(deployed["l1ChainId"]), bytes.fromhex(deployed["proposer"][2:]))
    signed = _native.keccak256(heads.preimage(where, CHAIN_ID, epoch, number, block_hash))
    signature = _native.sign_hash(key, signed)
    return heads.as_json(SignedHead(number, block_hash, epoch, signature[:64] + bytes([27 + signature[64]])))


def signed_again(result: dict[str, Any], blocks: list[str], **how: Any) -> dict[str, Any]:
    """An answer with other blocks, signed by the sequencer: it is the sequencer that lies."""
    ends = head_of(blocks[-1], **how)
    return result | {"blocks": blocks, "signed": ends, "newest": ends}


async def test_a_block_that_does_not_come_to_its_root_is_not_taken(folder: Path, chain: roles.Chain) -> None:
    async with proxies(chain.url, 1) as (proxy,):
        await asyncio.to_thread(_wrong_root, folder, chain, proxy)


def _wrong_root(folder: Path, chain: roles.Chain, proxy: Any) -> None:
    state_root = 3
    with roles.follower(folder, chain, sequencer_url=proxy.url) as follower:
        until(lambda: not follower.reasons(), follower.part)

        def lie(method: str, params: list[Any], result: Any) -> Any:
            if method != "ethrex_getBlocks" or not result["blocks"]:
                return result
            return signed_again(result, [changed(result["blocks"][0], state_root, b"\x66" * 32)])

        proxy.change = lie
        until(lambda: "is invalid" in follower.reasons().get("sequencer", ""), follower.part)
        stopped = height(follower.url)
        same_chain(chain, follower, "latest")
        until(lambda: height(chain.url) > stopped + 2, follower.part)
        assert height(follower.url) == stopped

        proxy.change = None
        until(lambda: not follower.reasons(), follower.part)
        same_chain(chain, follower, "latest")


async def test_a_block_that_is_not_l1s_is_taken_back(folder: Path, chain: roles.Chain) -> None:
    async with proxies(chain.url, 1) as (proxy,):
        await asyncio.to_thread(_another_block, folder, chain, proxy)


def _another_block(folder: Path, chain: roles.Chain, proxy: Any) -> None:
    """The lie is a good block by every rule: other fees of L1, nothing else. Only L1 knows that it was not sealed."""
    lied: dict[int, str] = {}

    def lie(method: str, params: list[Any], result: Any) -> Any:
        if method != "ethrex_getBlocks" or not result["blocks"]:
            return result
        first = int(params[0], 16)
        if not lied:
            lied[first] = changed_fees(result["blocks"][0])
        (at,) = lied
        if first > at:
            return {"latest": hex(at), "blocks": [], "signed": None, "newest": result["newest"]}
        blocks = result["blocks"][: at - first + 1]
        blocks = [*blocks[:-1], lied[at]] if first + len(blocks) > at else blocks
        return signed_again(result, blocks) | {"latest": hex(at)}

    with roles.follower(folder, chain, sequencer_url=proxy.url) as follower:
        until(lambda: not follower.reasons() and height(follower.url, "safe"), follower.part)
        proxy.change = lie
        until(lambda: "on L1 ends with" in follower.reasons().get("sequencer", ""), follower.part)
        (at,) = lied
        assert height(follower.url) < at
        same_chain(chain, follower, "latest")
        assert "back to what L1 confirmed" in follower.part.log.read_text()

        # It stays where L1 is with it over a restart, and goes on once the sequencer's blocks are L1's.
        follower.part.kill()
        follower.part.start()
        until(lambda: "on L1 ends with" in follower.reasons().get("sequencer", ""), follower.part)
        assert height(follower.url) < at
        proxy.change = None
        until(lambda: not follower.reasons(), follower.part)
        same_chain(chain, follower, "latest")


def changed_fees(raw: str) -> str:
    header = _native.rlp_decode(bytes.fromhex(raw[2:]))[0]
    extra = bytearray(header[EXTRA_DATA])
    extra[8] ^= 1
    return changed(raw, EXTRA_DATA, bytes(extra))


async def test_a_sequencer_that_took_a_block_back_is_rejoined(folder: Path, chain: roles.Chain) -> None:
    async with proxies(chain.url, 1) as (proxy,):
        await asyncio.to_thread(_taken_back, folder, chain, proxy)


def _taken_back(folder: Path, chain: roles.Chain, proxy: Any) -> None:
    """Before L1 has it, a block is the sequencer's word alone."""
    lied: list[int] = []

    def lie(method: str, params: list[Any], result: Any) -> Any:
        if method != "ethrex_getBlocks" or len(result["blocks"]) != 1 or lied:
            return result  # of blocks that are behind the newest L1 may have the batch already
        lied.append(int(params[0], 16))
        return signed_again(result, [changed_fees(result["blocks"][0])]) | {"latest": params[0]}

    with roles.follower(folder, chain, "--follow.tag", "finalized", sequencer_url=proxy.url) as follower:
        until(lambda: not follower.reasons(), follower.part)
        proxy.change = lie
        until(lambda: lied and height(follower.url) > lied[0], follower.part)

        assert "the sequencer took blocks back" in follower.part.log.read_text()
        assert block(follower.url, hex(lied[0])) == block(chain.url, hex(lied[0]))
        until(lambda: not follower.reasons(), follower.part)


async def test_what_no_sequencer_of_the_newest_epoch_has_signed_is_not_taken(folder: Path, chain: roles.Chain) -> None:
    async with proxies(chain.url, 1) as (proxy,):
        await asyncio.to_thread(_not_signed, folder, chain, proxy)


def _not_signed(folder: Path, chain: roles.Chain, proxy: Any) -> None:
    how: dict[str, Any] = {"key": USER.key}

    def sign(method: str, params: list[Any], result: Any) -> Any:
        if method != "ethrex_getBlocks" or not result["blocks"]:
            return result
        return signed_again(result, result["blocks"], **how)

    proxy.change = sign
    proxy.deaf = {"ethrex_showHead"}  # the sequencer itself is in epoch 1 and stays there for the other tests
    with roles.follower(folder, chain, sequencer_url=proxy.url) as follower:
        until(lambda: "may not commit for the chain" in follower.reasons().get("sequencer", ""), follower.part)
        assert height(follower.url) == 0

        # An epoch that was heard is remembered: after a restart the one before it is not listened to either.
        how = {"epoch": 2}
        until(lambda: not follower.reasons(), follower.part)
        proxy.change = None
        until(lambda: "epoch 2 has begun" in follower.reasons().get("sequencer", ""), follower.part)
        follower.part.kill()
        follower.part.start()
        until(lambda: "epoch 2 has begun" in follower.reasons().get("sequencer", ""), follower.part)
        stopped = height(follower.url)
        until(lambda: height(chain.url) > stopped + 2, follower.part)
        assert height(follower.url) == stopped
        same_chain(chain, follower, "latest")

        proxy.change = sign
        until(lambda: not follower.reasons(), follower.part)


def test_a_follower_of_a_follower_has_the_sequencers_word(folder: Path, chain: roles.Chain) -> None:
    with (
        roles.follower(folder, chain) as first,
        roles.follower(folder, chain, sequencer_url=first.url) as second,
    ):
        until(lambda: not second.reasons() and height(second.url) > 0, second.part)
        until(lambda: height(second.url, "safe") > 0, second.part)

        same_chain(chain, second, "latest")
        newest = ask(second.url, "ethrex_getBlocks", "0x1")
        assert newest["newest"]["epoch"] == "0x1"
        assert newest["signed"] is not None
