"""
L1 takes back what the sequencer before has committed, after another has taken over: that one commits it again, and goes on with
what the sponsor has paid for.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ethrex_node.dev import accounts
from unit.rollup.whole.roles import ask, patiently, text
from unit.rollup.whole.takeovers import PLAN, RECIPIENT, World, answered, running, until, world_of

pytestmark = pytest.mark.timeout(900)

SPONSOR = 8  # a dev account
FINAL = ("--eth.final-depth", "300")  # nothing that this test does is final on L1
PAYS = ("--sponsor.key", f"dev:{SPONSOR}", "--sponsor.targets", RECIPIENT, "--sponsor.all-transactions", "2")
HOLDERS = {**PLAN["genesis"]["balancesWei"], text(accounts.derive()[SPONSOR].address): 10**18}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with world_of(tmp_path, {**PLAN, "genesis": {"balancesWei": HOLDERS}}) as made:
        yield made


def test_the_one_that_took_over_commits_what_l1_took_back_of_the_one_before(world: World) -> None:
    one, two = world.one, world.two
    with running(one.sequencer(*FINAL, *PAYS)) as first, running(two.follower(one.url)) as follower:
        world.pay(one.url, first)
        world.receipt(one.url, ask(one.url, "ethrex_sendTransaction", {"to": RECIPIENT}), first)
        before = patiently(world.l1_url, "evm_snapshot")
        world.pay(one.url, first)
        done = answered(one.handover())
        until(lambda: ask(two.url, "ethrex_getBlocks", "0x1")["ended"], follower)
        until(lambda: two.height() == done["lastBlock"], follower)
        follower.kill()
        first.kill()
    with running(two.sequencer(*FINAL, *PAYS)) as second:
        until(lambda: two.height() > done["lastBlock"], second)
        hashes = [
            ask(two.url, "ethrex_getBatchByNumber", hex(number))["batch_hash"]
            for number in range(1, done["lastBatch"] + 1)
        ]

        assert patiently(world.l1_url, "evm_revert", before) is True

        assert world.status()[0] < done["lastBatch"]
        until(lambda: world.status()[0] > done["lastBatch"], second)
        assert "a batch that another sequencer had committed is made again" in second.log.read_text()
        again = [ask(two.url, "ethrex_getBatchByNumber", hex(number)) for number in range(1, done["lastBatch"] + 1)]
        assert [one["batch_hash"] for one in again] == hashes, "to the bit"
        world.receipt(two.url, ask(two.url, "ethrex_sendTransaction", {"to": RECIPIENT}), second)
        with pytest.raises(AssertionError, match="-39012"):
            ask(two.url, "ethrex_sendTransaction", {"to": RECIPIENT})
        world.pay(two.url, second)
        world.all_is_settled(second)
