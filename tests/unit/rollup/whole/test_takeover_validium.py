"""A validium is taken over: what the one before has left is made again, kept by the same committee, committed and verified."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ethrex_node.dev import accounts
from unit.rollup.whole import roles
from unit.rollup.whole.roles import TOKEN, Part, ask, text
from unit.rollup.whole.takeovers import PLAN, World, running, until, world_of

pytestmark = pytest.mark.timeout(900)

MEMBER = 8  # the dev account that keeps payloads
COMMITTEE = {"members": [text(accounts.derive()[MEMBER].address)], "threshold": 1}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with world_of(tmp_path, {**PLAN, "dataCommittee": COMMITTEE}) as made:
        yield made


def member(world: World, port: int) -> Part:
    (world.folder / "writers").write_text(f"writer sequencer {TOKEN}\n")
    words = [
        *("ethrex", "l2", "da-node", "--deployment", str(world.one.deployment), "--key", f"dev:{MEMBER}"),
        *("--datadir", str(world.folder / "member"), "--tokens", str(world.folder / "writers"), "--port", str(port)),
        *("--eth-rpc-url", world.l1_url),
    ]
    return Part("da-node", words, world.folder / "member.log")


def test_a_validium_is_taken_over(world: World) -> None:
    one, two, port = world.one, world.two, roles.free_port()
    flags = ("--committee.members", f"http://127.0.0.1:{port}", "--committee.token", str(world.folder / "token"))
    with running(member(world, port)) as keeper:
        with running(one.sequencer(*flags)) as first, running(two.follower(one.url)) as follower:
            world.pay(one.url, first)
            until(lambda: world.status()[0] >= 1, first)
            keeper.kill()  # what comes now is in no batch on L1
            until(lambda: int(ask(one.url, "ethrex_batchNumber"), 16) > world.status()[0], first)
            world.receipt(two.url, world.pay(two.url, first)["transactionHash"], follower)
            first.kill()
            had = two.height()
            follower.kill()
            keeper.start()

        with running(two.sequencer("--takeover", *flags)) as second:
            until(lambda: not two.reasons(), second)
            assert two.height() > had
            world.pay(two.url, second)
            world.all_is_settled(second)
            committed = world.status()[0]
            for number in range(1, committed + 1):
                batch = ask(two.url, "ethrex_getBatchByNumber", hex(number), False)
                assert batch["blob_hashes"] == []
            kept = list((world.folder / "member" / "payloads").glob("??/*"))
            assert len(kept) >= committed
