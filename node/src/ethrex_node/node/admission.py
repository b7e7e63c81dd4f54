"""Who may come to the proof coordinator, as the settings say: by token file, by service account, or by either."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.core import Metric

from ..rollup.coordinator import identities, keyset, service_accounts
from ..rollup.settings import RollupSettings

JWKS_PATH = "/openid/v1/jwks"  # where an API server publishes its keys


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


def opened(asked: RollupSettings) -> Admission:
    """Raises `NobodyMayCome`, `BadTokenFile`, `BadSubjectsFile`."""
    known = None if asked.coordinator_tokens is None else identities.from_file(asked.coordinator_tokens)
    if asked.coordinator_issuer is None:
        if asked.coordinator_audience or asked.coordinator_subjects or asked.coordinator_jwks:
            raise NobodyMayCome("--proof-coordinator.issuer is missing: who signs the service accounts' tokens")
        if known is None:
            raise NobodyMayCome("--proof-coordinator.tokens or --proof-coordinator.issuer is missing: nobody may prove")
        return Admission(known)
    if not asked.coordinator_audience or asked.coordinator_subjects is None:
        raise NobodyMayCome("--proof-coordinator.issuer needs --proof-coordinator.audience and .subjects")
    keys = keyset.KeySet(_fetch(asked, asked.coordinator_issuer))
    subjects = service_accounts.Subjects(asked.coordinator_subjects)
    accounts = service_accounts.ServiceAccounts(asked.coordinator_issuer, asked.coordinator_audience, keys, subjects)
    return Admission(accounts if known is None else identities.either(known, accounts), keys, accounts)


def _fetch(asked: RollupSettings, issuer: str) -> keyset.Fetch:
    source = asked.coordinator_jwks or issuer.rstrip("/") + JWKS_PATH
    if "://" not in source:
        return keyset.from_file(Path(source))
    try:
        return keyset.from_url(source, asked.coordinator_jwks_ca, asked.coordinator_jwks_token)
    except ValueError as error:
        raise NobodyMayCome(f"--proof-coordinator.jwks: {error}") from None
