"""
Who may come in: a token says which role, and under which name.

A token file has a line an identity: ``role name token``, or ``role name token pool`` for provers; ``#`` begins a comment.
A prover's ids are its name, or its name, a dot and more: pods of a pool share a token. Nothing is served without a token.
Service accounts' tokens are another `Authenticate`: see ``service_accounts``.
"""

from __future__ import annotations

import enum
import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ethrex_node.rollup.coordinator.errors import NotAllowed, Unidentified

TOKEN_LEAST: Final = 32  # characters: 128 bits in hex
TOKEN_MOST: Final = 4096
ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class Role(enum.StrEnum):
    PROVER = "prover"  # takes jobs, reads their inputs, brings proofs
    OBSERVER = "observer"  # reads the queue; sees no input and no proof
    OPERATOR = "operator"  # an observer that may cordon provers, and have the sequencer hand over


@dataclass(frozen=True, slots=True)
class Identity:
    """`role` is a `Role`, or one of another door's."""

    role: enum.StrEnum
    name: str
    pool: str = ""

    def must_be(self, *roles: enum.StrEnum) -> None:
        """Raises `NotAllowed`."""
        if self.role not in roles:
            raise NotAllowed(f"{self.role.value} {self.name} may not do this: it takes {' or '.join(roles)}")

    def must_own(self, prover_id: str) -> None:
        """Raises `NotAllowed`."""
        if not ID.fullmatch(prover_id) or (prover_id != self.name and not prover_id.startswith(self.name + ".")):
            raise NotAllowed(f"{self.name} may not act for {prover_id!r:.140}")


Authenticate = Callable[[str], Awaitable[Identity]]  # a bearer token -> who it is; raises Unidentified, Unavailable


class BadTokenFile(Exception):
    """The message names file and line, and no token."""


def from_file(path: Path, roles: type[enum.StrEnum] = Role) -> Authenticate:
    """Read once, at start. Raises `BadTokenFile`."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadTokenFile(f"cannot read the token file {path}: {error}") from None
    known: dict[bytes, Identity] = {}
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if words:
            digest, identity = _line(words, roles, f"{path}, line {number}")
            if digest in known:
                raise BadTokenFile(f"{path}, line {number}: the token of {known[digest].name} again")
            known[digest] = identity
    if not known:
        raise BadTokenFile(f"{path} names nobody")
    return of(known)


def of(known: Mapping[bytes, Identity]) -> Authenticate:
    """By SHA-256 of the tokens: looking one up takes a time that says nothing about the others."""

    async def authenticate(token: str) -> Identity:
        identity = known.get(_digest(token)) if len(token) <= TOKEN_MOST else None
        if identity is None:
            raise Unidentified("the token is not known")
        return identity

    return authenticate


def either(one: Authenticate, other: Authenticate) -> Authenticate:
    """Who is unknown to the one is asked of the other."""

    async def authenticate(token: str) -> Identity:
        try:
            return await one(token)
        except Unidentified:
            return await other(token)

    return authenticate


def bearer(header: str | None) -> str:
    """The token of an Authorization header. Raises `Unidentified`."""
    kind, _, token = (header or "").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise Unidentified("a bearer token is needed")
    return token.strip()


def _line(words: list[str], roles: type[enum.StrEnum], where: str) -> tuple[bytes, Identity]:
    if len(words) not in (3, 4) or words[0] not in tuple(roles):
        raise BadTokenFile(f"{where}: expected `role name token [pool]`, role one of {', '.join(roles)}")
    role, name, token, *pool = words
    if not ID.fullmatch(name):
        raise BadTokenFile(f"{where}: {name!r:.140} is not a name (letters, digits, `.`, `_`, `-`)")
    if not TOKEN_LEAST <= len(token) <= TOKEN_MOST:
        raise BadTokenFile(f"{where}: the token has {len(token)} characters, at least {TOKEN_LEAST} are needed")
    return _digest(token), Identity(roles(role), name, pool[0] if pool else "")


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
