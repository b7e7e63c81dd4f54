"""Our node follows the chain of a real consensus client, over the merge and Shanghai, and its blocks carry our transactions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from eth_account import Account

from ethrex_node.dev import accounts
from interop import consensus_client, nodes
from interop.consensus_client import Chain

pytestmark = [pytest.mark.long, pytest.mark.timeout(3 * consensus_client.WAIT_SECONDS)]
TO = "0x" + "22" * 20


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    sender = accounts.derive()[0]
    try:
        with consensus_client.chain(
            tmp_path_factory.mktemp("consensus"), {sender.address.hex(): {"balance": hex(10**20)}}
        ) as found:
            yield found
    except nodes.ToolMissing as missing:
        pytest.skip(str(missing))


def test_validators_propose_what_the_node_builds(chain: Chain) -> None:
    chain.wait("a first payload", lambda: chain.height("latest"))
    block = chain.wait("a beacon block", chain.head)
    told = consensus_client.payload(block)

    here = chain.block(hex(int(told["block_number"])))
    assert here["hash"] == told["block_hash"]
    assert here["stateRoot"] == told["state_root"]
    assert here["miner"] == consensus_client.FEES_TO


def test_a_transaction_sent_to_the_node_is_in_a_beacon_block(chain: Chain) -> None:
    transaction = {
        "nonce": 0,
        "to": TO,
        "gas": 21_000,
        "value": 7,
        "chainId": consensus_client.CHAIN_ID,
        "maxFeePerGas": 10**10,
        "maxPriorityFeePerGas": 10**9,
    }
    raw = Account.from_key(accounts.derive()[0].key).sign_transaction(transaction).raw_transaction
    sent = chain.node.call("eth_sendRawTransaction", "0x" + bytes(raw).hex())
    receipt = chain.wait("a receipt", lambda: chain.node.call("eth_getTransactionReceipt", sent))

    assert receipt["status"] == "0x1"
    assert int(chain.node.call("eth_getBalance", TO, "latest"), 16) == 7
    number = int(receipt["blockNumber"], 16)
    chain.wait("its beacon block", lambda: int(consensus_client.payload(chain.head())["block_number"]) >= number)
    bodies = [consensus_client.payload(one) for one in chain.back_to(number)]
    assert ["0x" + bytes(raw).hex()] in [one["transactions"] for one in bodies if int(one["block_number"]) == number]


def test_the_chain_goes_on_over_shanghai(chain: Chain) -> None:
    chain.wait("Shanghai", lambda: int(chain.block("latest")["timestamp"], 16) >= chain.shanghai_time)

    assert "withdrawalsRoot" in chain.block("latest")
    assert chain.block("0x1").get("withdrawalsRoot") is None


def test_what_two_thirds_have_voted_for_becomes_safe(chain: Chain) -> None:
    """Finality takes two such epochs in a row, which validators on a loaded machine may not reach in time."""
    chain.wait("a justified block", lambda: chain.height("safe"))

    assert 0 < chain.height("safe") <= chain.height("latest")
