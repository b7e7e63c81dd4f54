"""
Tokens of the operator's own service account, for those who are not the API server (TokenRequest).

A coordinator knows the operator by one whose audience is its rollup: a token for one rollup opens no other.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from .client import Kube
from .kinds import SERVICE_ACCOUNT
from .lease import Name

VALID_SECONDS: Final = 3600
RENEWED_AFTER: Final = 0.8  # of that


class Tokens:
    def __init__(self, kube: Kube, account: Name, clock: Callable[[], float] = time.monotonic) -> None:
        self._kube, self._account, self._clock = kube, account, clock
        self._known: dict[str, tuple[float, str]] = {}

    async def of(self, audience: str) -> str:
        """Raises `KubeError`."""
        now = self._clock()
        until, token = self._known.get(audience, (0.0, ""))
        if token and now < until:
            return token
        self._known = {name: one for name, one in self._known.items() if now < one[0]}
        asked = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"audiences": [audience], "expirationSeconds": VALID_SECONDS},
        }
        path = SERVICE_ACCOUNT.path(self._account.namespace, self._account.name) + "/token"
        made = str((await self._kube.request("POST", path, asked))["status"]["token"])
        self._known[audience] = (now + RENEWED_AFTER * VALID_SECONDS, made)
        return made
