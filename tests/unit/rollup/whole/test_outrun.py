"""A sequencer that took over, and the one before commits first: processes on a real L1, with the real contracts."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from unit.rollup.whole.roles import Part, ask, patiently
from unit.rollup.whole.takeovers import World, running, until, world_of

pytestmark = pytest.mark.timeout(900)

SLOW = ("--committer.cheap-blob-fee", "0", "--committer.wait", "15")  # it commits that long after a batch has ended
NEVER = ("--committer.cheap-blob-fee", "0", "--committer.wait", "3600")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with world_of(tmp_path) as made:
        # L1 fees at their floor are the same for all batches: nobody sees in the blocks where batches ended.
        patiently(made.l1_url, "anvil_mine", hex(300))
        yield made


def pause(part: Part) -> None:
    assert part.process is not None
    part.process.send_signal(signal.SIGSTOP)


def go_on(part: Part) -> None:
    assert part.process is not None
    part.process.send_signal(signal.SIGCONT)


def hang_with_a_batch_uncommitted(world: World, first: Part, follower: Part) -> int:
    """The first stops, with blocks in an ended batch and in one that is open, all of which the follower has. Gives its height."""
    one, two = world.one, world.two
    world.pay(one.url, first)
    until(lambda: int(ask(one.url, "ethrex_batchNumber"), 16) >= 1, first)
    ended = ask(one.url, "ethrex_getBatchByNumber", "0x1")["last_block"]
    world.pay(one.url, first)
    for sent in world.sent:
        world.receipt(two.url, sent, follower)
    until(lambda: two.height() > ended, follower)
    assert world.status()[0] == 0
    pause(first)
    height = two.height()
    follower.kill()
    return height


def test_what_the_one_before_still_commits_is_adopted_and_nothing_is_lost(world: World) -> None:
    one, two = world.one, world.two
    with running(one.sequencer(*SLOW)) as first:
        with running(two.follower(one.url)) as follower:
            had = hang_with_a_batch_uncommitted(world, first, follower)
        with running(two.sequencer("--takeover", "--epoch", "2", *NEVER)) as waiting:
            until(lambda: "users may come" in two.reasons().get("term", ""), waiting)
            until(lambda: int(ask(two.url, "ethrex_batchNumber"), 16) >= 1, waiting)
            ours = ask(two.url, "ethrex_getBatchByNumber", "0x1")["batch_hash"]

            go_on(first)
            until(lambda: world.status()[0] >= 1, first)
            first.kill()
            until(lambda: "its batches are adopted" in waiting.log.read_text(), waiting)
            until(lambda: ask(two.url, "ethrex_getBatchByNumber", "0x1")["batch_hash"] != ours, waiting)
            until(lambda: ask(two.url, "ethrex_getBatchByNumber", "0x1")["status"] == "committed", waiting)
            assert "users may come" in two.reasons()["term"], "L1 has nothing of the new term"
            waiting.kill()

        with running(two.sequencer("--takeover", "--epoch", "2")) as second:
            until(lambda: not two.reasons(), second)
            assert two.height() > had
            for sent in world.sent:
                world.receipt(two.url, sent, second)
            world.pay(two.url, second)
            world.all_is_settled(second)


def test_what_it_commits_and_nobody_else_has_ends_the_term_and_it_says_how_to_go_on(world: World) -> None:
    one, two = world.one, world.two
    with running(one.sequencer(*SLOW)) as first:
        with running(two.follower(one.url)) as follower:
            hang_with_a_batch_uncommitted(world, first, follower)
        with running(two.sequencer("--takeover", "--epoch", "2", *NEVER)) as second:
            until(lambda: "users may come" in two.reasons().get("term", ""), second)
            go_on(first)
            world.pay(one.url, first)
            until(lambda: "replaced: L1 has batch" in two.reasons().get("term", ""), first)
            said = two.reasons()["term"]
            assert "ethrex l2 follow --sequencer URL" in said
            assert "ethrex l2 sequencer --takeover --epoch 3" in said
            second.kill()

        with running(two.follower(one.url)) as follower:
            until(lambda: not two.reasons(), follower)
            for sent in world.sent:
                world.receipt(two.url, sent, follower)
            first.kill()
            follower.kill()
        with running(two.sequencer("--takeover", "--epoch", "3")) as third:
            until(lambda: not two.reasons(), third)
            world.pay(two.url, third)
            world.all_is_settled(third)
