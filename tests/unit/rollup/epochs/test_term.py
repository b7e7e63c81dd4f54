"""What a term needs next, by its state: pure."""

from __future__ import annotations

import pytest

from ethrex_node.rollup.epochs import term
from ethrex_node.rollup.epochs.term import Seen, Step
from ethrex_node.rollup.store.schema import Ended, Term, TermState

ENDED = Ended(1, 7, 70, b"\x07" * 32)


def seen(open_batch: int = 7, blocks: int = 2, pending: int = 0, *, is_late: bool = False, committed: int = 5) -> Seen:
    return Seen(open_batch, blocks, pending, is_late, committed)


@pytest.mark.parametrize(
    ("given", "at", "expected"),
    [
        (Term(1), seen(), Step.NOTHING),
        (Term(1, until_batch=8), seen(7), Step.NOTHING),
        (Term(1, until_batch=7), seen(7, blocks=0), Step.NOTHING),  # it is the last and shall be there
        (Term(1, until_batch=7), seen(7, blocks=1), Step.CLOSE),
        (Term(1, until_batch=7), seen(8, blocks=0), Step.CLOSE),
        (Term(1, TermState.DRAINING, 7), seen(7, pending=3), Step.NOTHING),
        (Term(1, TermState.DRAINING, 7), seen(7, pending=3, is_late=True), Step.END),
        (Term(1, TermState.DRAINING, 7), seen(7), Step.END),
        (Term(1, TermState.DRAINING, 7), seen(7, blocks=0), Step.END),
        (Term(1, TermState.DRAINING, 7), seen(8, blocks=0, pending=3), Step.END),  # killed behind the batch's end
        (Term(1, TermState.ENDED, 7, ENDED), seen(8, blocks=0), Step.NOTHING),
        (Term(1, TermState.FENCED, 7), seen(7), Step.NOTHING),
        (Term(2, TermState.FENCING, 7), seen(7, blocks=0), Step.NOTHING),
        (Term(2, TermState.FENCING, 7), seen(7, blocks=1, committed=6), Step.END_BATCH),
        (Term(2, TermState.FENCING, 7), seen(8, blocks=0, committed=6), Step.NOTHING),
        (Term(2, TermState.FENCING, 7), seen(8, blocks=0, committed=7), Step.OPEN),
    ],
)
def test_what_a_term_needs_next(given: Term, at: Seen, expected: Step) -> None:
    assert term.next_step(given, at) is expected
