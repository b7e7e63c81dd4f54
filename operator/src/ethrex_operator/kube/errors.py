from __future__ import annotations


class KubeError(Exception):
    """The API server did not do what it was asked.

    KubeError
    + Away        it did not answer: come again
    + Conflict    409: somebody was faster, or a field is another manager's
    + NotFound    404
    + Gone        410: a watch has to begin again with a list
    + Forbidden   403: a role is missing; coming again does not help
    + Fenced      nothing may be written: this process no longer leads
    + Refused     what is not an object, or not allowed to change so (422 and others)
    """

    status: int | None = None


class Away(KubeError):
    pass


class Conflict(KubeError):
    status = 409


class NotFound(KubeError):
    status = 404


class Gone(KubeError):
    status = 410


class Forbidden(KubeError):
    status = 403


class Fenced(KubeError):
    pass


class Refused(KubeError):
    pass


def of(status: int, message: str) -> KubeError:
    for kind in (Conflict, NotFound, Gone, Forbidden):
        if kind.status == status:
            return kind(message)
    return Away(message) if status >= 500 or status == 429 else Refused(message)
