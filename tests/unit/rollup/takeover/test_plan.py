"""Whose turn it is in a data folder, and on what a new epoch may begin: pure."""

from __future__ import annotations

import pytest

from ethrex_node.rollup.follower.verdict import Agreement, Mark
from ethrex_node.rollup.store.schema import Ended, Term, TermState
from ethrex_node.rollup.takeover import plan
from ethrex_node.rollup.takeover.plan import Begin, GoOn, Known, OnL1

ENDED = Ended(1, 7, 70, b"\x07" * 32, b"\x01" * 65)
HEAD = Mark(0, 70, ENDED.hash)
LAST = Mark(7, 70, ENDED.hash)
AGREED = Agreement(LAST, None)


@pytest.mark.parametrize(
    ("known", "epoch", "is_gone", "expected"),
    [
        (Known(None), None, False, GoOn()),  # a fresh folder
        (Known(None), 1, False, GoOn()),
        (Known(Term(1)), None, False, GoOn()),
        (Known(Term(1)), None, True, GoOn()),  # its own term goes on, whatever a flag says
        (Known(Term(2)), 2, False, GoOn()),
        (Known(Term(2, TermState.FENCING, 8)), None, True, GoOn()),
        (Known(None, 1, ENDED), None, False, Begin(2, ENDED, is_own=False)),
        (Known(None, 1, ENDED), 5, False, Begin(5, ENDED, is_own=False)),
        (Known(None, 1), None, True, Begin(2, None, is_own=False)),
        (Known(None, 2, ENDED), None, True, Begin(3, None, is_own=False)),  # the word is of an epoch before
        (Known(Term(1, TermState.ENDED, 7, ENDED)), None, False, GoOn()),  # ended is ended
        (Known(Term(1, TermState.ENDED, 7, ENDED)), 1, False, GoOn()),
        (Known(Term(1, TermState.ENDED, 7, ENDED)), 2, False, Begin(2, ENDED, is_own=True)),
        (Known(Term(1, TermState.ENDED, 7, ENDED)), None, True, Begin(2, ENDED, is_own=True)),
        (Known(Term(1, TermState.ENDED, 7, ENDED), 2), None, True, Begin(3, None, is_own=False)),
        (Known(Term(1, TermState.FENCED)), None, False, GoOn()),
        (Known(Term(1, TermState.FENCED), 2), None, True, Begin(3, None, is_own=False)),
        (Known(Term(2, TermState.FENCED), 1), 3, True, Begin(3, None, is_own=False)),
        (Known(Term(2, TermState.FENCED), 1), 2, True, GoOn()),  # the same command again and again changes nothing
    ],
)
def test_whose_turn_it_is(known: Known, epoch: int | None, is_gone: bool, expected: GoOn | Begin) -> None:
    assert plan.decide(known, epoch, is_gone=is_gone) == expected


@pytest.mark.parametrize(
    ("known", "epoch", "is_gone", "said"),
    [
        (Known(None, 1), None, False, "has not handed over"),
        (Known(None, 2, ENDED), None, False, "has not handed over"),
        (Known(Term(1), 2), None, False, "has not handed over"),
        (Known(Term(1)), 2, True, "is in epoch 1 and has not handed over"),
        (Known(Term(1, TermState.DRAINING, 7)), 2, False, "is in epoch 1 and has not handed over"),
        (Known(Term(1), 2, ENDED), 2, False, "epoch 2 is over"),
        (Known(Term(3)), 2, True, "epoch 2 is over: epoch 3 has begun"),
        (Known(Term(1, TermState.FENCED)), None, True, "follow the one that did it"),
        (Known(Term(1, TermState.FENCED)), 4, False, "follow the one that did it"),
    ],
)
def test_when_it_is_nobodys(known: Known, epoch: int | None, is_gone: bool, said: str) -> None:
    with pytest.raises(plan.CannotTakeOver, match=said):
        plan.decide(known, epoch, is_gone=is_gone)


def test_an_epoch_begins_where_the_one_before_ended() -> None:
    plan.check(Begin(2, ENDED, is_own=False), HEAD, OnL1(LAST, AGREED))


def test_an_epoch_begins_ahead_of_l1_where_nobody_handed_over() -> None:
    plan.check(Begin(2, None, is_own=False), Mark(0, 99, b"\x09" * 32), OnL1(LAST, AGREED))
    plan.check(Begin(2, None, is_own=False), Mark(0, 9, b"\x09" * 32), OnL1(None, Agreement(None, None)))


def test_whoever_handed_over_in_this_folder_may_still_have_to_commit() -> None:
    plan.check_own(Begin(2, ENDED, is_own=True), 6)
    with pytest.raises(plan.CannotTakeOver, match="somebody goes on"):
        plan.check_own(Begin(2, ENDED, is_own=True), 8)


OTHER = Mark(0, 70, b"\x08" * 32)


@pytest.mark.parametrize(
    ("begin", "head", "l1", "kind", "said"),
    [
        (Begin(2, None, is_own=False), OTHER, OnL1(LAST, Agreement(None, LAST)), plan.Behind, "another one in batch 7"),
        (Begin(2, None, is_own=False), Mark(0, 69, b""), OnL1(LAST, AGREED), plan.Behind, "ends with block 69"),
        (Begin(2, ENDED, is_own=False), Mark(0, 69, b""), OnL1(None, AGREED), plan.Behind, "follow on"),
        (Begin(2, ENDED, is_own=False), OTHER, OnL1(None, AGREED), plan.Behind, "another block 70"),
        (Begin(2, ENDED, is_own=False), Mark(0, 71, b""), OnL1(LAST, AGREED), plan.Behind, "another block 70"),
        (Begin(2, ENDED, is_own=False), HEAD, OnL1(Mark(6, 60, b""), AGREED), plan.NotYet, "commits up to 7"),
        (Begin(2, ENDED, is_own=False), HEAD, OnL1(Mark(8, 70, b""), AGREED), plan.CannotTakeOver, "somebody goes on"),
    ],
)
def test_on_what_no_epoch_begins(begin: Begin, head: Mark, l1: OnL1, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        plan.check(begin, head, l1)


def test_a_folder_that_begins_with_what_another_lost_needs_an_epoch() -> None:
    with pytest.raises(plan.CannotTakeOver, match="name --epoch, one above the highest"):
        plan.decide(Known(None), None, is_gone=False, is_recovered=True)
    assert plan.decide(Known(None), 2, is_gone=False, is_recovered=True) == Begin(2, None, is_own=True)
    assert plan.decide(Known(None), 1, is_gone=False, is_recovered=True) == GoOn()
    assert plan.decide(Known(Term(2)), None, is_gone=False, is_recovered=True) == GoOn(), "it is in the folder by now"
    assert plan.decide(Known(None, 3), None, is_gone=True, is_recovered=True) == Begin(4, None, is_own=False)
    plan.check_own(Begin(2, None, is_own=True), 7)
