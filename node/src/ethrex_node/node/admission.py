"""Who may come to a door of the rollup's, as its options say: by token file, by service account, or by either."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from prometheus_client.core import Metric

from ..rollup.coordinator import identities, keyset, service_accounts
from ..rollup.settings import RollupSettings

JWKS_PATH: Final = "/openid/v1/jwks"  # where an API server publishes its keys


class NobodyMayCome(Exception):
    """The settings let nobody in, or contradict each other."""


@dataclass(frozen=True, slots=True)
class Admission:
    """`keys` wants to be run."""

    authenticate: identities.Authenticate
    keys: keyset.KeySet | None = None
    accounts: service_accounts.ServiceAccounts | None = None

    def metrics(self) -> Iterator[Metric]:
        for one in (self.keys, self.accounts):
            if one is not None:
                yield from one.metrics()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """How somebody may show who it is: a door's options, whose names begin with `prefix`."""

    prefix: str
    tokens: Path | None
    issuer: str | None = None
    audience: str | None = None
    subjects: Path | None = None
    jwks: str | None = None
    jwks_ca: Path | None = None
    jwks_token: Path | None = None


def of_coordinator(asked: RollupSettings) -> Ways:
    return Ways(
        prefix="--proof-coordinator.",
        tokens=asked.coordinator_tokens,
        issuer=asked.coordinator_issuer,
        audience=asked.coordinator_audience,
        subjects=asked.coordinator_subjects,
        jwks=asked.coordinator_jwks,
        jwks_ca=asked.coordinator_jwks_ca,
        jwks_token=asked.coordinator_jwks_token,
    )


def opened(ways: Ways, roles: type[enum.StrEnum] = identities.Role) -> Admission:
    """Raises `NobodyMayCome`, `BadTokenFile`, `BadSubjectsFile`."""
    prefix, issuer = ways.prefix, ways.issuer
    known = None if ways.tokens is None else identities.from_file(ways.tokens, roles)
    if issuer is None:
        if ways.audience or ways.subjects or ways.jwks:
            raise NobodyMayCome(f"{prefix}issuer is missing: who signs the service accounts' tokens")
        if known is None:
            raise NobodyMayCome(f"{prefix}tokens or {prefix}issuer is missing: nobody may come")
        return Admission(known)
    if not ways.audience or ways.subjects is None:
        raise NobodyMayCome(f"{prefix}issuer needs {prefix}audience and {prefix}subjects")
    keys = keyset.KeySet(_fetch(ways, issuer))
    subjects = service_accounts.Subjects(ways.subjects, roles)
    accounts = service_accounts.ServiceAccounts(issuer, ways.audience, keys, subjects)
    return Admission(accounts if known is None else identities.either(known, accounts), keys, accounts)


def _fetch(ways: Ways, issuer: str) -> keyset.Fetch:
    source = ways.jwks or issuer.rstrip("/") + JWKS_PATH
    if "://" not in source:
        return keyset.from_file(Path(source))
    try:
        return keyset.from_url(source, ways.jwks_ca, ways.jwks_token)
    except ValueError as error:
        raise NobodyMayCome(f"{ways.prefix}jwks: {error}") from None
