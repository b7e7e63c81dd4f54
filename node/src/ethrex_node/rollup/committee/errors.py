"""Why a validium's payload is not kept, or not had."""

from __future__ import annotations

from collections.abc import Mapping


class CommitteeError(Exception):
    """The committee does not do what a validium needs.

    CommitteeError
    + MemberFailed   one member: it does not answer, or says no, or something that is not so
    + TooFew         fewer members than L1 asks for signed: come again
    + CannotKeep     this member cannot write its disk, or read it
    """


class MemberFailed(CommitteeError):
    pass


class TooFew(CommitteeError):
    def __init__(self, needed: int, got: int, reasons: Mapping[str, str]) -> None:
        told = "; ".join(f"{name}: {reason}" for name, reason in sorted(reasons.items()))
        super().__init__(f"{got} of {needed} signatures of the data committee: {told or 'no member is named'}")
        self.needed, self.got = needed, got


class CannotKeep(CommitteeError):
    pass
