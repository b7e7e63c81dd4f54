"""What a prover's work can end in."""

from __future__ import annotations


class ProverError(Exception):
    """A job, or a question to a coordinator, did not come to its end.

    ProverError
    + Unreachable   the coordinator does not answer, or is busy: come again
    + LeaseLost     another prover has the job by now, or it is done: stop, and throw the work away
    + Refused       the coordinator says no: `status`, its message
      + ProofRefused  the proof is not one
    + Damaged       what came is not what was asked for: come again
    + Unprovable    executing the batch does not give what it claims: nobody can prove it
    + Failed        it did not work this time, or here: somebody else may
    + NotAble       this installation cannot prove: an option or a file is missing
    """


class Unreachable(ProverError):
    pass


class LeaseLost(ProverError):
    pass


class Refused(ProverError):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{message} (status {status})")
        self.status = status


class ProofRefused(Refused):
    pass


class Damaged(ProverError):
    pass


class Unprovable(ProverError):
    pass


class Failed(ProverError):
    pass


class NotAble(ProverError):
    pass
