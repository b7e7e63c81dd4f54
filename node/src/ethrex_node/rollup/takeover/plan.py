"""
Whether a data folder's sequencer goes on, begins, or takes over from another. Pure.

CannotTakeOver
+ NotHandedOver   the sequencer before did not hand over: it takes a word that it is gone for good
+ Behind          L1, or the sequencer before, is further than this folder: follow until it is there
+ NotYet          L1 has not all batches yet: come again
"""

from __future__ import annotations

from dataclasses import dataclass

from ethrex_node.rollup.epochs.term import FIRST_EPOCH, OVER
from ethrex_node.rollup.follower.verdict import Agreement, Mark
from ethrex_node.rollup.store.schema import Ended, Term, TermState


class CannotTakeOver(Exception):
    """This data folder is none to sequence on now."""


class NotHandedOver(CannotTakeOver):
    pass


class Behind(CannotTakeOver):
    pass


class NotYet(CannotTakeOver):
    pass


@dataclass(frozen=True, slots=True)
class Known:
    """
    What a data folder says: `own` is the term of a sequencer that was here, `seen` the highest epoch that a follower here has
    heard (0: none), `ended` the word of that epoch's sequencer that it has handed over.
    """

    own: Term | None
    seen: int = 0
    ended: Ended | None = None


@dataclass(frozen=True, slots=True)
class GoOn:
    """As the data folder says: nothing changes hands."""


@dataclass(frozen=True, slots=True)
class Begin:
    """
    Seal in a new epoch. `ended` is where the one before ended, None where nobody said so. `is_own`: that was the sequencer of
    this folder, whose data is whole.
    """

    epoch: int
    ended: Ended | None
    is_own: bool


def decide(known: Known, epoch: int | None, *, is_gone: bool, is_recovered: bool = False) -> GoOn | Begin:
    """
    `epoch` is the one that was asked for, `is_gone` somebody's word that the sequencer before seals no more, `is_recovered`
    that an empty folder begins with what another lost. Raises `CannotTakeOver`.
    """
    own = known.own
    newest = max(known.seen, own.epoch if own is not None else 0)
    if newest == 0:
        if is_recovered and epoch is None:
            raise CannotTakeOver(
                "the epochs of the sequencers that lost this rollup's data are not on L1, and followers that heard of a later "
                "one than ours would not listen: name --epoch, one above the highest that any follower knows "
                "(ethrex_follower_epoch of its metrics, or `newest` of its ethrex_getBlocks); 2 where there was one sequencer"
            )
        return GoOn() if epoch in (None, FIRST_EPOCH) else Begin(epoch or FIRST_EPOCH, None, is_own=True)
    is_newest = own is not None and own.epoch == newest
    if own is not None and is_newest and own.epoch == epoch:
        return GoOn()
    if epoch is not None and epoch <= newest:
        raise CannotTakeOver(f"epoch {epoch} is over: epoch {newest} has begun, so a new one has to be above that")
    if own is not None and is_newest:
        return _after_own(own, epoch, is_gone=is_gone)
    ended = known.ended if known.ended is not None and known.ended.epoch == newest else None
    if ended is None and not is_gone:
        raise NotHandedOver(
            f"the sequencer of epoch {newest}, which this folder has followed, has not handed over: have it do so "
            "(ethrex l2 handover), or say --takeover if it is gone for good"
        )
    return Begin(epoch or newest + 1, ended, is_own=False)


def _after_own(own: Term, epoch: int | None, *, is_gone: bool) -> GoOn | Begin:
    """The newest sequencer that is known was the one of this folder."""
    if own.state is TermState.FENCED and (epoch is not None or is_gone):
        if epoch is None or not is_gone:
            raise CannotTakeOver(
                f"this folder's sequencer was replaced ({own.reason}): follow the one that did it, or name the next --epoch "
                "and say --takeover where that one is gone"
            )
        return Begin(epoch, None, is_own=False)
    if own.state not in OVER and epoch is not None:
        raise NotHandedOver(
            f"this folder's sequencer is in epoch {own.epoch} and has not handed over (ethrex l2 handover)"
        )
    if own.state is not TermState.ENDED or (epoch is None and not is_gone):
        return GoOn()
    return Begin(epoch or own.epoch + 1, own.ended, is_own=True)


@dataclass(frozen=True, slots=True)
class OnL1:
    """`last` is the last batch that L1 has (None: none), `agreement` how the chain here stands with all of them."""

    last: Mark | None
    agreement: Agreement


def check(begin: Begin, head: Mark, l1: OnL1) -> None:
    """
    Whether the chain here is what the next epoch may begin on; `head` is its last block (its `batch` says nothing). Raises
    `CannotTakeOver`.
    """
    wrong = l1.agreement.contradicted
    if wrong is not None:
        raise Behind(
            f"block {wrong.block} is another one in batch {wrong.batch} on L1: follow until this chain is L1's"
        )
    last = Mark(0, 0, b"") if l1.last is None else l1.last
    if last.block > head.block:
        raise Behind(
            f"L1 has batch {last.batch} up to block {last.block}, this folder ends with block {head.block}: follow "
            "a node that has the blocks until they are here"
        )
    ended = begin.ended
    if ended is None:
        return
    _nobody_goes_on(ended, last.batch)
    if head.block < ended.block:
        raise Behind(f"epoch {ended.epoch} ended with block {ended.block}, this folder with {head.block}: follow on")
    if (head.block, head.hash) != (ended.block, ended.hash):
        raise Behind(f"epoch {ended.epoch} ended with another block {ended.block} than this folder's")
    if last.batch < ended.batch:
        raise NotYet(
            f"L1 has batches up to {last.batch}, the sequencer of epoch {ended.epoch} commits up to {ended.batch}"
        )


def check_own(begin: Begin, last_committed: int) -> None:
    """
    The same for a folder whose own sequencer handed over, and may still have to commit; one where nobody has sealed yet has
    nothing to go on from. Raises `CannotTakeOver`.
    """
    if begin.ended is None:
        return
    _nobody_goes_on(begin.ended, last_committed)


def _nobody_goes_on(ended: Ended, last_committed: int) -> None:
    if last_committed > ended.batch:
        raise CannotTakeOver(
            f"L1 has batch {last_committed}, epoch {ended.epoch} ended with {ended.batch}: somebody goes on"
        )
