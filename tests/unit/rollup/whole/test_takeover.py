"""One sequencer takes over from another: processes on a real L1, with the real contracts and a prover."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ethrex_node.rollup.epochs import heads
from ethrex_node.rollup.l1 import signers
from unit.rollup.whole import roles
from unit.rollup.whole.roles import ask, patiently
from unit.rollup.whole.takeovers import CHAIN_ID, LIMIT_SECONDS, SECOND, USER, World, answered, running, until, world_of

pytestmark = pytest.mark.timeout(900)  # minutes on a machine that is busy


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with world_of(tmp_path) as made:
        yield made


def test_a_sequencer_hands_over_and_a_follower_goes_on_in_its_place(world: World) -> None:
    """Kill -9 of either at each point of it on the way."""
    one, two = world.one, world.two
    with running(one.sequencer()) as first, running(two.follower(one.url)) as follower:
        for url in (one.url, two.url, one.url):
            world.pay(url, first)
        until(lambda: world.status()[0] >= 1, first)

        # Nobody takes over from a sequencer that has not handed over, unless somebody says that it is gone.
        follower.kill()
        refused = subprocess.run(
            [str(Path(sys.executable).with_name("ethrex")), *two.sequencer().command[1:]],
            capture_output=True,
            text=True,
            env=two.sequencer().environment,
            timeout=LIMIT_SECONDS,
        )
        assert refused.returncode != 0
        assert "has not handed over" in refused.stderr
        follower.start()

        # Killed while it drains, it goes on with that.
        status = answered(one.handover("--status"))
        assert (status["epoch"], status["state"], status["done"]) == (1, "sealing", False)
        asked = subprocess.Popen(one.handover_command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: answered(one.handover("--status"))["state"] != "sealing", first)
        first.kill()
        asked.kill()
        asked.wait()
        first.start()
        patiently(one.url, "eth_chainId")
        until(lambda: one.handover("--status").returncode == 0, first)
        done = answered(one.handover())
        assert (done["epoch"], done["state"], done["done"]) == (1, "ended", True)
        last = done["lastBlock"]
        assert one.height() == last
        assert world.status()[0] == done["lastBatch"]

        # It seals no more, says so, and still gives its blocks.
        with pytest.raises(AssertionError, match="handed over: epoch 1 ended"):
            roles.pay(one.url, CHAIN_ID, USER, len(world.sent))
        assert "handed over" in one.reasons()["term"]
        first.kill()
        first.start()
        until(lambda: "handed over" in one.reasons().get("term", ""), first)
        until(lambda: ask(two.url, "ethrex_getBlocks", "0x1")["ended"], follower)
        until(lambda: two.height() == last, follower)
        assert one.height() == last
        follower.kill()

    # The second begins behind the last block, whenever it is killed.
    with running(two.sequencer()) as second:
        for seconds in (0.3, 1.0, 2.0, 3.0):
            time.sleep(seconds)  # wherever it is by then
            second.kill()
            second.start()
        until(lambda: two.height() > last, second)
        world.pay(two.url, second)
        newest = ask(two.url, "ethrex_getBlocks", hex(two.height()))["newest"]
        assert newest["epoch"] == "0x2"

        # The first, whose last batch the second builds on, stays what it was: it has handed over.
        until(lambda: world.status()[0] > done["lastBatch"], second)
        with running(one.sequencer()) as back:
            until(lambda: "handed over" in one.reasons().get("term", ""), back)
            until(lambda: answered(one.handover("--status"))["done"], back)
            assert answered(one.handover())["state"] == "ended"

        # The first is a follower of the second now, and takes nobody's transactions for its own.
        with running(one.follower(two.url)) as again:
            until(lambda: not one.reasons(), again)
            world.pay(one.url, again)
            assert ask(one.url, "eth_getBlockByNumber", hex(last + 1), False) == ask(
                two.url, "eth_getBlockByNumber", hex(last + 1), False
            )
        world.all_is_settled(second)
        batch = ask(two.url, "ethrex_getBatchByNumber", "0x1")
        assert batch["status"] in ("verified", "final")


def test_a_sequencer_that_hangs_is_replaced_and_does_no_harm_when_it_comes_back(world: World) -> None:
    one, two = world.one, world.two
    with running(one.sequencer()) as first:
        with running(two.follower(one.url)) as follower:
            for url in (one.url, two.url):
                world.pay(url, first)
            until(lambda: world.status()[0] >= 1, first)
            assert first.process is not None
            first.process.send_signal(signal.SIGSTOP)
            for sent in world.sent:
                world.receipt(two.url, sent, follower)
            had = two.height()
            follower.kill()

        # Until L1 has a batch of the new epoch nobody else's word counts, and users wait. Killed on the way it goes on.
        with running(two.sequencer("--takeover", "--epoch", "2")) as second:
            for seconds in (0.5, 2.0, 4.0):
                time.sleep(seconds)  # wherever it is by then
                second.kill()
                second.start()
            until(lambda: not two.reasons(), second)
            assert two.height() >= had
            world.pay(two.url, second)
            before = world.status()[0]

            # The old one finds another's batch on L1 under a number of its own: it stops for good, and says so.
            first.process.send_signal(signal.SIGCONT)
            until(lambda: "replaced: " in one.reasons().get("term", ""), first)
            assert "another sequencer has taken over" in first.log.read_text()
            stopped = one.height()
            first.kill()
            first.start()
            until(lambda: "replaced: " in one.reasons().get("term", ""), first)
            with pytest.raises(AssertionError, match="replaced"):
                roles.pay(one.url, CHAIN_ID, USER, len(world.sent))
            until(lambda: world.status()[0] > before + 1, second)
            assert one.height() == stopped
            first.kill()

            # What it sealed alone goes, once it follows who replaced it.
            with running(one.follower(two.url)) as again:
                until(lambda: not one.reasons(), again)
                world.pay(one.url, again)
                for number in (had, one.height()):
                    ours = ask(one.url, "eth_getBlockByNumber", hex(number), False)
                    assert ours == ask(two.url, "eth_getBlockByNumber", hex(number), False)
            world.all_is_settled(second)


def test_a_sequencer_that_is_shown_a_later_epoch_stops(world: World) -> None:
    one = world.one
    deployed = json.loads(one.deployment.read_text())
    where = heads.domain(int(deployed["l1ChainId"]), bytes.fromhex(deployed["proposer"][2:]))

    def shown(key: bytes, epoch: int) -> Any:
        signed = asyncio.run(heads.sign(signers.local(key), where, CHAIN_ID, epoch, 9, b"\x09" * 32))
        return ask(one.url, "ethrex_showHead", heads.as_json(signed))

    with running(one.sequencer()) as first:
        world.pay(one.url, first)
        assert shown(USER.key, 2) is False
        assert shown(SECOND.key, 1) is False
        with pytest.raises(AssertionError, match="signed head"):
            ask(one.url, "ethrex_showHead", {})
        world.pay(one.url, first)

        assert shown(SECOND.key, 2) is True
        assert one.reasons()["term"] == "replaced: epoch 2 has begun"
        stopped = one.height()
        with pytest.raises(AssertionError, match="epoch 2 has begun"):
            roles.pay(one.url, CHAIN_ID, USER, len(world.sent))
        first.kill()
        first.start()
        until(lambda: "replaced: " in one.reasons().get("term", ""), first)
        assert one.height() == stopped
