"""
Who comes with a service account's token: a JSON Web Token (OIDC) that a cluster's API server signed for this rollup.

The signature is the issuer's, the audience is this rollup and the time is now; then a file says what the token's subject
may come as. It has a line a rule, ``role subject name`` or ``role subject name pool``, the first that fits holds, ``*`` in
a subject stands for anything, ``#`` begins a comment. A prover is called by the rule's name, a dot and its pod's name, so
that one pod of a pool cannot act for another.
"""

from __future__ import annotations

import enum
import fnmatch
import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jwt
from prometheus_client.core import Metric

from ethrex_node.observe import metrics
from ethrex_node.rollup.coordinator.errors import NotAllowed, Unavailable, Unidentified
from ethrex_node.rollup.coordinator.identities import ID, TOKEN_MOST, Identity, Role
from ethrex_node.rollup.coordinator.keyset import ALGORITHMS, KeySet

log = logging.getLogger(__name__)

SKEW_SECONDS: Final = 30.0  # between the issuer's clock and ours; its tokens live for 10 minutes and more
REQUIRED: Final = ["exp", "iss", "aud", "sub"]


class BadSubjectsFile(Exception):
    """The message names file and line."""


@dataclass(frozen=True, slots=True)
class Rule:
    role: enum.StrEnum
    pattern: str
    name: str
    pool: str = ""


class Subjects:
    """The rules of a file, read again when it has changed. One that cannot be read then leaves the last ones in force."""

    def __init__(self, path: Path, roles: type[enum.StrEnum] = Role) -> None:
        """Raises `BadSubjectsFile`."""
        self._path = path
        self._roles = roles
        self._seen = _stamp(path)
        self._rules = rules_of(path, roles)

    def rule(self, subject: str) -> Rule | None:
        now = _stamp(self._path)
        if now != self._seen:
            self._seen = now
            try:
                self._rules = rules_of(self._path, self._roles)
                log.info("who may come was read again", extra={"file": str(self._path), "rules": len(self._rules)})
            except BadSubjectsFile as error:
                log.error("who may come stays as it was", extra={"reason": str(error)})
        return next((one for one in self._rules if fnmatch.fnmatchcase(subject, one.pattern)), None)


def rules_of(path: Path, roles: type[enum.StrEnum]) -> list[Rule]:
    """Raises `BadSubjectsFile`."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSubjectsFile(f"cannot read the subjects file {path}: {error}") from None
    rules = [
        _rule(words, roles, f"{path}, line {number}")
        for number, line in enumerate(lines, 1)
        if (words := line.partition("#")[0].split())
    ]
    if not rules:
        raise BadSubjectsFile(f"{path} names nobody")
    return rules


def _rule(words: list[str], roles: type[enum.StrEnum], where: str) -> Rule:
    if len(words) not in (3, 4) or words[0] not in tuple(roles):
        raise BadSubjectsFile(f"{where}: expected `role subject name [pool]`, role one of {', '.join(roles)}")
    role, pattern, name, *pool = words
    if not ID.fullmatch(name):
        raise BadSubjectsFile(f"{where}: {name!r:.140} is not a name (letters, digits, `.`, `_`, `-`)")
    if not pattern.strip("*?"):
        raise BadSubjectsFile(f"{where}: {pattern} would let in everybody that the issuer knows")
    return Rule(roles(role), pattern, name, pool[0] if pool else "")


def _stamp(path: Path) -> tuple[int, ...]:
    """Of what the path leads to: a mounted file is replaced as a whole."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_ino, found.st_size


class ServiceAccounts:
    """An `Authenticate`. `outcomes` counts what became of the tokens."""

    def __init__(self, issuer: str, audience: str, keys: KeySet, subjects: Subjects) -> None:
        self.outcomes: Counter[str] = Counter()
        self._issuer = issuer
        self._audience = audience
        self._keys = keys
        self._subjects = subjects

    async def __call__(self, token: str) -> Identity:
        identity = self._identity(await self._claims(token))
        self.outcomes["taken"] += 1
        return identity

    async def _claims(self, token: str) -> Mapping[str, Any]:
        """What a good token says. Raises `Unidentified`, `Unavailable`."""
        if len(token) > TOKEN_MOST or not token.isascii():
            raise self._refused("malformed", f"a token has up to {TOKEN_MOST} characters of ASCII")
        try:
            header = jwt.get_unverified_header(token)
            key_id = header.get("kid")
            if header.get("alg") not in ALGORITHMS or not isinstance(key_id, str):
                raise self._refused("algorithm", f"the token is not signed by a named key, {' or '.join(ALGORITHMS)}")
            return jwt.decode(
                token,
                await self._key(key_id),
                algorithms=ALGORITHMS,
                audience=self._audience,
                issuer=self._issuer,
                leeway=SKEW_SECONDS,
                options={"require": REQUIRED},
            )
        except jwt.PyJWTError as error:
            raise self._refused(_outcome(error), f"the token is not taken: {error}") from None

    async def _key(self, key_id: str) -> jwt.PyJWK:
        try:
            return await self._keys.key(key_id)
        except (Unidentified, Unavailable) as error:
            self.outcomes["unknown key" if isinstance(error, Unidentified) else "issuer away"] += 1
            raise

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        """Raises `NotAllowed`, `Unidentified`."""
        subject = claims["sub"]
        rule = self._subjects.rule(subject)
        if rule is None:
            self.outcomes["subject"] += 1
            raise NotAllowed(f"{subject!r:.200} is known to the issuer and may not come here")
        pod = _pod(claims)
        name = f"{rule.name}.{pod}" if rule.role is Role.PROVER and pod else rule.name
        if not ID.fullmatch(name):
            raise self._refused("malformed", f"{name!r:.300} is not a name (letters, digits, `.`, `_`, `-`, up to 128)")
        return Identity(rule.role, name, rule.pool)

    def _refused(self, outcome: str, message: str) -> Unidentified:
        self.outcomes[outcome] += 1
        return Unidentified(message)

    def metrics(self) -> Iterator[Metric]:
        """A source for `observe.metrics.Metrics.add`."""
        yield metrics.counters(
            "coordinator_service_account_tokens", "What became of tokens", "outcome", dict(self.outcomes)
        )


OUTCOMES: Final[tuple[tuple[type[jwt.PyJWTError], str], ...]] = (
    (jwt.ExpiredSignatureError, "expired"),
    (jwt.ImmatureSignatureError, "early"),
    (jwt.InvalidAudienceError, "audience"),
    (jwt.InvalidIssuerError, "issuer"),
    (jwt.InvalidAlgorithmError, "algorithm"),
    (jwt.InvalidSignatureError, "signature"),
)


def _outcome(error: jwt.PyJWTError) -> str:
    return next((word for kind, word in OUTCOMES if isinstance(error, kind)), "malformed")


def _pod(claims: Mapping[str, Any]) -> str:
    """The name of the pod that the token was made for; empty where it was made for none."""
    bound = claims.get("kubernetes.io")
    pod = bound.get("pod") if isinstance(bound, dict) else None
    name = pod.get("name") if isinstance(pod, dict) else None
    return name if isinstance(name, str) else ""
