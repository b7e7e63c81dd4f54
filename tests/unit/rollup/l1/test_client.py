"""Three nodes over one real chain, of which one lies, lags, stalls or talks nonsense."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from unit.rollup import l1_process, l1_proxy
from unit.rollup.conftest import KEYS
from unit.rollup.l1_proxy import Proxy

from ethrex_node.rollup.l1 import endpoint, errors
from ethrex_node.rollup.l1.client import L1Client, Settings

EMITTER = "0x" + "e1" * 20
# PUSH1 7, PUSH0, PUSH0, LOG1: a log without data under topic 7
EMITS = "0x60075f5fa100"
SEVEN = (7).to_bytes(32, "big")
OTHER_HASH = "0x" + "ab" * 32


@pytest.fixture
async def nodes(l1: l1_process.L1) -> AsyncIterator[list[Proxy]]:
    async with l1_proxy.proxies(l1.url, 3) as made:
        yield made


@pytest.fixture
async def asking(nodes: list[Proxy]) -> AsyncIterator[L1Client]:
    urls = tuple(node.url for node in nodes)
    opened = await L1Client.open(Settings(urls=urls, timeout_seconds=3, logs_per_request=2))
    yield opened
    await opened.close()


def emit(l1: l1_process.L1) -> int:
    l1.ask("anvil_setCode", EMITTER, EMITS)
    l1.ask("eth_sendTransaction", {"from": "0x" + KEYS[5].address.hex(), "to": EMITTER, "gas": "0x10000"})
    l1.mine()
    return l1.head()


async def test_all_of_one_mind(l1: l1_process.L1, asking: L1Client) -> None:
    block = emit(l1)

    head = await asking.head()
    found = await asking.logs(b"\xe1" * 20, [SEVEN], 0, head.number)

    assert (asking.chain_id, head.number) == (31337, block)
    assert found[-1].block_number == block
    assert found[-1].block_hash == head.hash
    assert [one.dissents for one in asking.endpoints] == [0, 0, 0]


async def test_a_node_that_hides_logs_is_named_and_outvoted(
    l1: l1_process.L1, nodes: list[Proxy], asking: L1Client
) -> None:
    block = emit(l1)
    nodes[1].change = lambda method, _, result: [] if method == "eth_getLogs" else result
    await asking.head()

    assert len(await asking.logs(b"\xe1" * 20, [SEVEN], block, block)) == 1
    assert [one.dissents for one in asking.endpoints] == [0, 1, 0]


async def test_a_node_that_invents_logs_of_other_blocks_is_not_heard(
    l1: l1_process.L1, nodes: list[Proxy], asking: L1Client
) -> None:
    block = emit(l1)
    await asking.head()
    honest = await asking.logs(b"\xe1" * 20, [SEVEN], block, block)

    def shift(method: str, _: list[Any], result: Any) -> Any:
        return [one | {"blockNumber": hex(block + 9)} for one in result] if method == "eth_getLogs" else result

    nodes[0].change = shift
    assert await asking.logs(b"\xe1" * 20, [SEVEN], block, block) == honest
    assert asking.endpoints[0].failures == 1


async def test_two_liars_of_three_decide_nothing_where_they_lie_differently(
    l1: l1_process.L1, nodes: list[Proxy], asking: L1Client
) -> None:
    head = await asking.head()
    address = KEYS[0].address
    for number in (0, 1):
        lie = hex(90 + number)
        nodes[number].change = lambda method, _, result, lie=lie: lie if "Count" in method else result

    with pytest.raises(errors.Disagreement, match="2 L1 nodes have to agree"):
        await asking.nonce(address, head.number)


async def test_a_node_that_is_behind_is_not_taken_for_a_liar(
    l1: l1_process.L1, nodes: list[Proxy], asking: L1Client
) -> None:
    old = l1.ask("eth_getBlockByNumber", "latest", False)
    nodes[2].change = lambda method, params, result: old if params[:1] == ["latest"] else result
    block = emit(l1)

    head = await asking.head()

    assert head.number == block
    assert len(await asking.logs(b"\xe1" * 20, [SEVEN], block, block)) == 1
    assert [one.dissents for one in asking.endpoints] == [0, 0, 0]
    lags = {sample.labels["l1"]: sample.value for family in asking.metrics() for sample in family.samples}
    assert lags[asking.endpoints[2].name] == block - int(old["number"], 16)


async def test_a_node_with_another_chain_of_blocks_is_named(nodes: list[Proxy], asking: L1Client) -> None:
    def fork(method: str, _: list[Any], result: Any) -> Any:
        return result | {"hash": OTHER_HASH} if method == "eth_getBlockByNumber" else result

    nodes[0].change = fork

    assert (await asking.head()).hash.hex() != OTHER_HASH[2:]
    assert asking.endpoints[0].dissents == 1


@pytest.mark.parametrize(
    "answer", [b"", b"[]", b"{", b'{"result"', b'{"id":1}', b'{"result":{"number":5}}', b"\xff\xfe"]
)
async def test_nonsense_is_counted_and_the_others_are_heard(
    nodes: list[Proxy], asking: L1Client, answer: bytes
) -> None:
    nodes[0].raw_answer = answer

    await asking.head()
    await asking.market()

    assert asking.endpoints[0].failures >= 1


async def test_a_node_that_hangs_is_left_behind_and_counted(nodes: list[Proxy], asking: L1Client) -> None:
    nodes[0].silent = {"eth_getBlockByNumber"}

    await asking.head()

    assert asking.endpoints[0].failures >= 1


async def test_too_few_nodes_decide_nothing(nodes: list[Proxy], asking: L1Client) -> None:
    nodes[0].down = nodes[1].down = True

    with pytest.raises(errors.Disagreement, match="head: 2 L1 nodes have to agree, 1 do"):
        await asking.head()
    assert await asking.balance(KEYS[0].address) > 0


async def test_who_failed_is_asked_last(nodes: list[Proxy], asking: L1Client) -> None:
    nodes[0].down = True
    await asking.balance(KEYS[0].address)
    before = len(nodes[0].asked)

    await asking.balance(KEYS[0].address)

    assert len(nodes[0].asked) == before


async def test_an_endpoint_of_another_chain_is_refused(l1: l1_process.L1) -> None:
    async with l1_proxy.proxies(l1.url, 2) as nodes:
        nodes[1].change = lambda method, _, result: "0x5" if method == "eth_chainId" else result

        with pytest.raises(errors.WrongChain, match="serves chain 5, expected 31337"):
            await L1Client.open(Settings(urls=tuple(node.url for node in nodes)))


async def test_a_revert_comes_with_its_data(l1: l1_process.L1, asking: L1Client) -> None:
    reverts = "0x6001600053600160 00fd".replace(" ", "")
    l1.ask("anvil_setCode", "0x" + "e2" * 20, reverts)
    head = await asking.head()

    with pytest.raises(errors.CallFailed, match="revert") as failed:
        await asking.call(b"\xe2" * 20, b"", head.number)
    assert failed.value.data == "0x01"


async def test_who_used_a_nonce_is_found(l1: l1_process.L1, asking: L1Client) -> None:
    sender = "0x" + KEYS[6].address.hex()
    sent = []
    for _ in range(3):
        sent.append(l1.ask("eth_sendTransaction", {"from": sender, "to": sender}))
        l1.mine(2)
    head = await asking.head()

    for nonce in range(3):
        found = await asking.transaction_with_nonce(KEYS[6].address, nonce, 0, head.number)
        assert found == bytes.fromhex(sent[nonce][2:])
    assert await asking.transaction_with_nonce(KEYS[6].address, 3, 0, head.number) is None


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("already known", errors.AlreadyKnown),
        ("txpool is full: transaction underpriced", errors.PoolFull),
        ("replacement transaction underpriced: new tx gas fee cap 1 < 2", errors.Underpriced),
        ("nonce too low: next nonce 3, tx nonce 2", errors.NonceTooLow),
        ("insufficient funds for gas * price + value", errors.Unfunded),
        ("address already reserved", errors.OtherPool),
        ("execution reverted", errors.CallFailed),
    ],
)
def test_nodes_words_have_names(message: str, kind: type[errors.CallFailed]) -> None:
    assert type(errors.named(-32000, message)) is kind


def test_a_url_s_secret_stays_out_of_names_and_errors() -> None:
    found = endpoint.Endpoint("https://user:word@rpc.example/v3/secret?key=secret", None, 1)  # type: ignore[arg-type]

    assert found.name == "rpc.example"


async def test_two_urls_of_one_host_are_two_voices(l1: l1_process.L1) -> None:
    async with l1_proxy.proxies(l1.url, 1) as (node,):
        opened = await L1Client.open(Settings(urls=(node.url, node.url + "/?second", l1.url)))
        await opened.head()
        await opened.close()

    first = node.url.removeprefix("http://")
    assert [one.name for one in opened.endpoints] == [first, first + "#2", l1.url.removeprefix("http://")]
    assert node.asked.count("eth_chainId") == 2


@pytest.mark.parametrize("needed", [0, 4])
def test_an_agreement_that_cannot_be_is_refused(needed: int) -> None:
    with pytest.raises(ValueError, match="cannot agree"):
        Settings(urls=("a", "b", "c"), needed=needed)
