"""
One leader: a Lease that is renewed every two seconds, and given up by the clock of this machine before anyone may take it.

A holder that could not renew for `GIVE_UP_SECONDS` stops being one, whatever it believes of the API server; another may take
the Lease only `DURATION_SECONDS` after it has last seen it change, by its own clock. So two never lead at a time, as long as
clocks run at about the same pace; what they show does not matter.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from . import errors, kinds
from .client import Kube, Object

log = logging.getLogger(__name__)

DURATION_SECONDS: Final = 15.0
GIVE_UP_SECONDS: Final = 10.0
RENEW_SECONDS: Final = 2.0
CALL_SECONDS: Final = 3.0
assert GIVE_UP_SECONDS + CALL_SECONDS < DURATION_SECONDS, "the old leader is gone before the new one begins"


class LeaseLost(Exception):
    """Somebody else may lead from now on: this process has to end."""


@dataclass(frozen=True, slots=True)
class Name:
    namespace: str
    name: str


class Leadership:
    """`acquire`, then `hold` for as long as it lasts, then `release`."""

    def __init__(self, kube: Kube, lease: Name, identity: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._kube, self._lease, self._identity, self._clock = kube, lease, identity, clock
        self._renewed = float("-inf")
        self._seen: tuple[str, float] | None = None  # version of another's lease, and when it was first seen

    @property
    def leads(self) -> bool:
        return self._clock() - self._renewed < GIVE_UP_SECONDS

    @property
    def may_write(self) -> float:
        """So many seconds a write that begins now may take, to be over before another leads; none where it leads no more."""
        remaining = GIVE_UP_SECONDS - (self._clock() - self._renewed)
        return remaining + CALL_SECONDS if remaining > 0 else 0.0

    async def acquire(self) -> None:
        """Until this process leads."""
        while True:
            if await self._try():
                break
            await asyncio.sleep(RENEW_SECONDS)
        log.info("leading", extra={"identity": self._identity})

    async def hold(self) -> None:
        """Renew until it is lost. Raises `LeaseLost`."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            remaining = GIVE_UP_SECONDS - (self._clock() - self._renewed)
            if remaining <= 0:
                raise LeaseLost(f"not renewed for {GIVE_UP_SECONDS:g} s")
            try:
                async with asyncio.timeout(min(CALL_SECONDS, remaining)):
                    held = await self._try()
            except TimeoutError:
                continue
            if not held and self._seen is not None:
                raise LeaseLost(f"{self._lease.name} is another's")

    async def release(self) -> None:
        """So that the next leader does not have to wait."""
        if not self.leads:
            return
        self._renewed = float("-inf")
        try:
            async with asyncio.timeout(CALL_SECONDS):
                found = await self._kube.get(kinds.LEASE, self._lease.namespace, self._lease.name)
                if found["spec"].get("holderIdentity") == self._identity:
                    found["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1}
                    await self._kube.replace(found)
        except (TimeoutError, errors.KubeError) as error:
            log.warning("the lease was not released", extra={"reason": str(error)})

    async def _try(self) -> bool:
        """Take or renew it; whether it is ours now."""
        began = self._clock()  # what counts is when the request left
        try:
            found = await self._kube.find(kinds.LEASE, self._lease.namespace, self._lease.name)
            if found is None:
                await self._kube.create(self._wanted({}, 0))
            elif not self._may_take(found):
                return False
            else:
                spec = found.get("spec") or {}
                mine = spec.get("holderIdentity") == self._identity
                found["spec"] = self._wanted(spec, int(spec.get("leaseTransitions") or 0) + (not mine))["spec"]
                await self._kube.replace(found)
        except errors.KubeError as error:
            log.warning("the lease was not renewed", extra={"reason": str(error)})
            return False
        self._renewed, self._seen = began, None
        return True

    def _may_take(self, found: Object) -> bool:
        spec = found.get("spec") or {}
        holder = spec.get("holderIdentity")
        if holder in (self._identity, "", None):
            return True
        version, now = found["metadata"]["resourceVersion"], self._clock()
        if self._seen is None or self._seen[0] != version:
            self._seen = (version, now)
            return False
        return now - self._seen[1] > float(spec.get("leaseDurationSeconds") or DURATION_SECONDS)

    def _wanted(self, spec: Object, transitions: int) -> Object:
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        mine = spec.get("holderIdentity") == self._identity
        return {
            "apiVersion": kinds.LEASE.api_version,
            "kind": kinds.LEASE.name,
            "metadata": {"name": self._lease.name, "namespace": self._lease.namespace},
            "spec": {
                "holderIdentity": self._identity,
                "leaseDurationSeconds": int(DURATION_SECONDS),
                "acquireTime": spec.get("acquireTime", now) if mine else now,
                "renewTime": now,
                "leaseTransitions": transitions,
            },
        }
