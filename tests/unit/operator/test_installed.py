"""What `helm test` and `helm uninstall` ask: a lease that is renewed counts, one that is only there does not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from ethrex_operator import installed
from ethrex_operator.kube import errors, kinds
from ethrex_operator.kube.client import Kube
from ethrex_operator.kube.lease import Name
from unit.operator.virtual_time import run

Object = dict[str, Any]
LEASE = Name("system", "ethrex-operator")


class ObjectsStandIn:
    def __init__(self, lease: Object | None = None, pools: tuple[str, ...] = (), absent: tuple[str, ...] = ()) -> None:
        self._lease, self._pools, self._absent = lease, pools, absent

    async def find(self, kind: kinds.Kind, namespace: str, name: str) -> Object | None:
        assert (kind, namespace, name) == (kinds.LEASE, LEASE.namespace, LEASE.name)
        return self._lease

    async def list(self, kind: kinds.Kind, namespace: str | None) -> tuple[list[Object], str]:
        if kind.name in self._absent:
            raise errors.NotFound(kind.plural)
        names = self._pools if kind is kinds.POOL else ()
        return [{"metadata": {"namespace": namespace or "team", "name": one}} for one in names], "1"


def lease(age_seconds: float, holder: str = "pod-1") -> Object:
    renewed = datetime.now(UTC) - timedelta(seconds=age_seconds)
    stamp = renewed.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return {"spec": {"holderIdentity": holder, "renewTime": stamp}}


@pytest.mark.parametrize(
    ("made", "found"),
    [
        (lambda: lease(1), "pod-1"),
        (lambda: lease(3600), None),
        (lambda: lease(1, holder=""), None),
        (lambda: None, None),
        (lambda: {"spec": {}}, None),
    ],
)
def test_who_leads_has_renewed_its_lease(made: Callable[[], Object | None], found: str | None) -> None:
    assert run(installed.leader(cast("Kube", ObjectsStandIn(made())), LEASE, 0.0)) == found


@pytest.mark.parametrize("namespace", [None, "one"])
def test_what_is_left_is_named_and_a_kind_without_a_crd_has_nothing(namespace: str | None) -> None:
    kube = cast("Kube", ObjectsStandIn(pools=("a", "b"), absent=("EthrexRollup",)))

    assert run(installed.resources(kube, namespace)) == [f"ProverPool {namespace or 'team'}/{one}" for one in "ab"]
