"""The kinds that the operator reads and writes, and where the API server has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..api.base import API_VERSION


@dataclass(frozen=True, slots=True)
class Kind:
    api_version: str
    name: str
    plural: str

    @property
    def root(self) -> str:
        return "/api/v1" if self.api_version == "v1" else f"/apis/{self.api_version}"

    def path(self, namespace: str | None, name: str | None = None) -> str:
        """Of a collection, of all namespaces where none is named, or of one object."""
        where = f"{self.root}/namespaces/{namespace}/{self.plural}" if namespace else f"{self.root}/{self.plural}"
        return f"{where}/{name}" if name else where


L1_NODE: Final = Kind(API_VERSION, "EthrexL1Node", "ethrexl1nodes")
SETTLEMENT: Final = Kind(API_VERSION, "EthrexSettlement", "ethrexsettlements")
ROLLUP: Final = Kind(API_VERSION, "EthrexRollup", "ethrexrollups")
POOL: Final = Kind(API_VERSION, "ProverPool", "proverpools")
OURS: Final = {kind.name: kind for kind in (L1_NODE, SETTLEMENT, ROLLUP, POOL)}

NAMESPACE: Final = Kind("v1", "Namespace", "namespaces")
POD: Final = Kind("v1", "Pod", "pods")
CLAIM: Final = Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
SERVICE_ACCOUNT: Final = Kind("v1", "ServiceAccount", "serviceaccounts")
CONFIG_MAP: Final = Kind("v1", "ConfigMap", "configmaps")
SERVICE: Final = Kind("v1", "Service", "services")
STATEFUL_SET: Final = Kind("apps/v1", "StatefulSet", "statefulsets")
JOB: Final = Kind("batch/v1", "Job", "jobs")
NETWORK_POLICY: Final = Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
BUDGET: Final = Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
LEASE: Final = Kind("coordination.k8s.io/v1", "Lease", "leases")
EVENT: Final = Kind("events.k8s.io/v1", "Event", "events")

CHILDREN: Final = (SERVICE_ACCOUNT, CONFIG_MAP, CLAIM, SERVICE, NETWORK_POLICY, BUDGET, STATEFUL_SET, JOB)
_BY_NAME: Final = {(kind.api_version, kind.name): kind for kind in (*OURS.values(), *CHILDREN, POD, LEASE, EVENT)}


def of(given: dict[str, object]) -> Kind:
    """Of an object. Raises LookupError for one that is not used here."""
    return _BY_NAME[str(given["apiVersion"]), str(given["kind"])]
