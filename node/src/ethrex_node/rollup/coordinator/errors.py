"""Why the coordinator says no."""

from __future__ import annotations


class CoordinatorError(Exception):
    """What was asked cannot be done.

    CoordinatorError       status of the answer
    + BadRequest     400   mend the request
    + Unidentified   401   show a token that is known
    + NotAllowed     403   the token's role does not do this
    + NotFound       404   no such job, input or prover
    + Conflict       409   the lease is another's by now, or the job is done: stop working on it
    + TooLarge       413
    + InvalidProof   422   the proof does not prove the job's batch: it counts against the prover
    + TooMany        429   come again after `retry_seconds`
    + Unavailable    503   what it takes to answer is away: come again
    """

    status = 400


class BadRequest(CoordinatorError):
    pass


class Unidentified(CoordinatorError):
    status = 401


class NotAllowed(CoordinatorError):
    status = 403


class NotFound(CoordinatorError):
    status = 404


class Conflict(CoordinatorError):
    status = 409


class TooLarge(CoordinatorError):
    status = 413

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"a body may have {limit_bytes} bytes")


class InvalidProof(CoordinatorError):
    status = 422


class TooMany(CoordinatorError):
    status = 429

    def __init__(self, retry_seconds: float) -> None:
        super().__init__("too many requests")
        self.retry_seconds = retry_seconds


class Unavailable(CoordinatorError):
    status = 503
