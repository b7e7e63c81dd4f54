"""A cluster as a place: names of services, mounted paths, and how service accounts are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ...topology.workload import Admission, File, Guests, Port, Program, UrlOf, Workload

FILES: Final = "/etc/ethrex"
VOLUMES: Final = "/data"
CACHE: Final = "/cache"
API_ACCESS: Final = "/var/run/secrets/ethrex.dev/api"
POD_NAME: Final = "POD_NAME"
TERMINATION_LOG: Final = "/dev/termination-log"
JWKS: Final = "https://kubernetes.default.svc/openid/v1/jwks"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A `Place`, for the children of a resource in `namespace`. `issuer` signs the service accounts' tokens."""

    namespace: str
    issuer: str
    images: Mapping[Program, str]  # of workloads that name none
    ports: dict[tuple[str, str], int]  # of services: (workload, port)

    def url(self, part: UrlOf) -> str:
        host = part.workload if part.namespace is None else f"{part.workload}.{part.namespace}.svc"
        return f"http://{host}:{self.ports[part.workload, part.port]}"

    def image(self, workload: Workload) -> str:
        return workload.image.reference or self.images[workload.program]

    def own_port(self, workload: Workload, port: Port) -> int:
        return port.number

    def own_address(self) -> str:
        return "0.0.0.0"

    def own_name(self, workload: Workload) -> str:
        return f"$({POD_NAME})"

    def volume(self, workload: Workload, name: str) -> str:
        return f"{VOLUMES}/{name}"

    def file(self, workload: Workload, name: str) -> str:
        return f"{FILES}/{name}"

    def result(self, workload: Workload) -> str:
        return TERMINATION_LOG

    def admission(self, workload: Workload, asked: Admission) -> tuple[str, ...]:
        content = _file(workload, asked.file).content
        prefix = asked.prefix
        assert isinstance(content, Guests), "an Admission names Guests"
        return (
            *(f"{prefix}issuer", self.issuer, f"{prefix}audience", content.audience),
            *(f"{prefix}subjects", self.file(workload, asked.file), f"{prefix}jwks", JWKS),
            *(f"{prefix}jwks-ca", f"{API_ACCESS}/ca.crt", f"{prefix}jwks-token", f"{API_ACCESS}/token"),
        )


def subjects(guests: Guests) -> str:
    """The file of who may come, as the coordinator reads it."""
    lines = (
        f"{one.role} system:serviceaccount:{one.namespace}:{one.account} {one.name} {one.pool}".rstrip()
        for one in guests.guests
    )
    return "\n".join(lines) + "\n"


def _file(workload: Workload, name: str) -> File:
    """Raises LookupError."""
    for file in workload.files:
        if file.name == name:
            return file
    raise LookupError(f"{workload.name} has no file {name!r}")
