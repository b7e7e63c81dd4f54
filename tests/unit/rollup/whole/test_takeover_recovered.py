"""A sequencer hands over behind a batch that was named, to a follower that began with a reconstructed state."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from unit.rollup.whole.processes import COMMAND
from unit.rollup.whole.roles import ask
from unit.rollup.whole.takeovers import World, answered, running, until, world_of

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with world_of(tmp_path) as made:
        yield made


def reconstruct(world: World, out: Path) -> None:
    given = ("--deployment", str(world.one.deployment), "--eth-rpc-url", world.l1_url, "--beacon", world.l1_url)
    words = [COMMAND, "l2", "reconstruct", *given, "--out", str(out), "--verified", "--json"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


def test_a_follower_that_has_no_genesis_goes_on_behind_the_batch_that_was_named(world: World) -> None:
    one, two, recovered = world.one, world.two, world.folder / "recovered"
    begun = ("--reconstructed", str(recovered))
    with running(one.sequencer()) as first:
        world.pay(one.url, first)
        until(lambda: world.status()[1] >= 1, first)
        reconstruct(world, recovered)
        with running(two.follower(one.url, *begun)) as follower:
            until(lambda: not two.reasons(), follower)
            world.receipt(two.url, world.pay(two.url, first)["transactionHash"], follower)

            open_batch = answered(one.handover("--status"))["openBatch"]
            last = open_batch + 1
            done = answered(one.handover("--at-batch", str(last)))
            assert (done["state"], done["lastBatch"], done["done"]) == ("ended", last, True)
            assert world.status()[0] == last
            assert ask(one.url, "ethrex_getBatchByBlock", hex(done["lastBlock"]))["number"] == last
            until(lambda: ask(two.url, "ethrex_getBlocks", hex(two.height()))["ended"], follower)
            until(lambda: two.height() == done["lastBlock"], follower)
            follower.kill()
        first.kill()

    with running(two.sequencer(*begun)) as second:
        until(lambda: not two.reasons(), second)
        sent = world.pay(two.url, second)
        assert ask(two.url, "ethrex_getBlocks", sent["blockNumber"])["newest"]["epoch"] == "0x2"
        until(lambda: ask(two.url, "ethrex_getBatchByBlock", sent["blockNumber"]), second)
        batch = ask(two.url, "ethrex_getBatchByBlock", sent["blockNumber"])["number"]
        assert batch > last
        until(lambda: world.status()[1] >= batch, second)
        second.kill()
        second.start()
        until(lambda: not two.reasons(), second)
        world.pay(two.url, second)
