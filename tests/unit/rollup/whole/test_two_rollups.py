"""Two rollups on one set of contracts, one of ether and one with a coin of its own: neither touches the other's money."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from ethrex_node.dev import accounts
from ethrex_node.rollup.wallet import bridge
from unit.rollup.whole import roles, tokens
from unit.rollup.whole.processes import answered, ethrex_at
from unit.rollup.whole.roles import patiently, text

ETHER: Final = 10**18
PLAIN, NATIVE = 71, 72  # chain ids
USER: Final = 9
KEYS: Final = {
    PLAIN: roles.Keys(*accounts.derive()[1:4]),
    NATIVE: roles.Keys(*accounts.derive()[4:7]),
}


def me() -> str:
    return text(accounts.derive()[USER].address)


@dataclass
class Both:
    l1_url: str
    token: str
    plain: roles.Chain
    native: roles.Chain

    def l1(self, method: str, *params: Any) -> Any:
        return patiently(self.l1_url, method, *params)

    def run(self, chain: roles.Chain, *arguments: str) -> Any:
        return answered(ethrex_at(self.l1_url, chain.url, *arguments, account=USER))


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    folder: Path = tmp_path_factory.mktemp("rollups")
    with roles.l1(folder) as (l1_url, _):
        token = tokens.make(lambda *asked: patiently(l1_url, *asked), me(), me(), 1_000 * ETHER)
        plans = [
            {
                "chainId": chain_id,
                "committers": [text(keys.committer.address)],
                "proofs": {"attestedSigners": [text(keys.prover.address)]},
            }
            for chain_id, keys in KEYS.items()
        ]
        plans[1]["nativeToken"] = token
        roles.deploy(folder, l1_url, plans)
        with (
            roles.chain(folder, l1_url, PLAIN, KEYS[PLAIN]) as plain,
            roles.chain(folder, l1_url, NATIVE, KEYS[NATIVE]) as native,
        ):
            yield Both(l1_url, token, plain, native)


def test_a_chain_s_own_coin_goes_in_and_out(both: Both) -> None:
    both.run(both.native, "deposit", "10 USD")
    assert both.run(both.native, "balance", me())["l2"] == "10 USD"
    before = tokens.balance(both.l1, both.token, me())

    both.run(both.native, "withdraw", "4", "--claim")

    assert tokens.balance(both.l1, both.token, me()) - before == 4 * ETHER
    # Fees are paid in the coin as well.
    assert 5 * ETHER < int(both.run(both.native, "balance", me())["l2_units"]) < 6 * ETHER


def test_a_withdrawal_of_one_chain_is_none_of_another_s(both: Both) -> None:
    assert both.plain.bridge == both.native.bridge
    both.run(both.plain, "deposit", "3eth")
    both.run(both.native, "deposit", "3")
    done = both.run(both.plain, "withdraw", "1eth", "--wait")["l2_transaction"]
    (proof,) = both.run(both.plain, "message-proof", done)

    coin = text(bridge.COIN)
    withdrawal = (coin, coin, me(), ETHER, proof["batch_number"], int(proof["message_id"], 16))
    siblings = [bytes.fromhex(one[2:]) for one in proof["merkle_proof"]]
    for chain_id, is_taken in ((NATIVE, False), (PLAIN, True)):
        call = {"from": me(), "to": text(both.plain.bridge), "data": "0x" + _claim(chain_id, withdrawal, siblings)}
        if is_taken:
            assert both.l1("eth_call", call, "latest") == "0x"
        else:
            with pytest.raises(AssertionError, match="revert"):
                both.l1("eth_call", call, "latest")


def _claim(chain_id: int, withdrawal: tuple[Any, ...], siblings: list[bytes]) -> str:
    return bridge.CLAIM.call(chain_id, withdrawal, siblings).hex()
