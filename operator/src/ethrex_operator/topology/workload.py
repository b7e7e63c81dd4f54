"""
What runs for a resource, said once for both places it can run in: pods of a cluster, processes of this machine.

A `Workload` names programs, files, ports and volumes, and never an address or a folder: where an argument needs one it
holds a `Part` that says which, and the place that runs it (``kube``, ``local``) fills it in by `filled`. So the command
of a sequencer is written in one line of code, whoever starts it.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


class Program(enum.Enum):
    """The image that has it, and the command that a checkout has it by."""

    NODE = "ethrex"
    PROVER = "ethrex-prover"


class Lifetime(enum.Enum):
    SERVICE = "service"  # runs until told to stop, and comes again when it ends
    TASK = "task"  # runs until it has succeeded once
    WORKER = "worker"  # comes again when it fails; it has ended well when it was drained


class Reach(enum.Enum):
    """Who may come to a port."""

    PUBLIC = "public"  # users
    PROVERS = "provers"  # provers of the pools that the rollup is attached to, and the operator
    OPERATOR = "operator"  # the operator and who scrapes metrics
    ROLLUPS = "rollups"  # what runs for rollups, in whatever namespace
    NAMESPACE = "namespace"  # pods of the same namespace, who have to show a secret besides


@dataclass(frozen=True, slots=True)
class Port:
    name: str
    number: int  # the container's, and where it is free this machine's
    reach: Reach


# What an argument can hold besides text.


@dataclass(frozen=True, slots=True)
class UrlOf:
    """Where others reach a port of a workload, which may live in another namespace."""

    workload: str
    port: str
    namespace: str | None = None  # of the same resource where it is left out


@dataclass(frozen=True, slots=True)
class OwnPort:
    """The number that this workload's port has where it runs."""

    port: str


@dataclass(frozen=True, slots=True)
class OwnAddress:
    """The address to listen on: all of a pod, only the loopback of a machine."""


@dataclass(frozen=True, slots=True)
class InVolume:
    volume: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class FileOf:
    """The place of one of the workload's files, by its name."""

    file: str


@dataclass(frozen=True, slots=True)
class ResultFile:
    """Where a task writes what it found, a few KB, for whoever started it to read."""


@dataclass(frozen=True, slots=True)
class OwnName:
    """What the place calls the running instance: its pod's name, or the workload's."""


Part = str | UrlOf | OwnPort | OwnAddress | OwnName | InVolume | FileOf | ResultFile


@dataclass(frozen=True, slots=True)
class Joined:
    """One argument out of several parts, as in ``keystore:FILE?password=FILE``."""

    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Admission:
    """The options by which somebody knows who comes: how depends on the place. `file` holds `Guests`."""

    file: str
    prefix: str  # of the options, as in ``--proof-coordinator.``


Argument = Part | Joined | Admission


# What a file holds.


@dataclass(frozen=True, slots=True)
class Text:
    content: str


@dataclass(frozen=True, slots=True)
class SecretKey:
    """One value of a Secret, which nobody but the workload reads."""

    secret: str
    key: str


@dataclass(frozen=True, slots=True)
class ConfigKey:
    config_map: str
    key: str


@dataclass(frozen=True, slots=True)
class IdentityToken:
    """Who this workload is, for those of `audience`: its service account's token in a cluster, a secret of the run here."""

    audience: str
    account: str


@dataclass(frozen=True, slots=True)
class Guest:
    """A workload, or all that bear its service account, that may come in a role."""

    role: str  # a coordinator's: prover, observer, operator; a committee member's: writer, reader
    name: str
    account: str  # the service account, named like the workloads that have it
    namespace: str
    pool: str = ""


@dataclass(frozen=True, slots=True)
class Guests:
    """Who may come with a token for `audience`."""

    audience: str
    guests: tuple[Guest, ...]


@dataclass(frozen=True, slots=True)
class File:
    name: str
    content: Text | SecretKey | ConfigKey | IdentityToken | Guests


@dataclass(frozen=True, slots=True)
class Volume:
    """Data that outlives the workload. Only one instance has it at a time."""

    name: str
    size_bytes: int
    storage_class: str | None = None


@dataclass(frozen=True, slots=True)
class Probes:
    """Where HTTP tells of life; 200 is yes."""

    port: str
    live: str = "/healthz"
    ready: str = "/readyz"
    startup: str = "/startupz"


@dataclass(frozen=True, slots=True)
class Toleration:
    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""
    toleration_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Placement:
    """Where in a cluster it runs. A machine of one's own has one place."""

    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Toleration, ...] = ()
    affinity: Mapping[str, object] = field(default_factory=dict)
    topology_spread: tuple[Mapping[str, object], ...] = ()
    priority_class: str | None = None
    runtime_class: str | None = None
    account_annotations: Mapping[str, str] = field(
        default_factory=dict
    )  # of the service account, for a cloud's identities
    extended_resources: Mapping[str, int] = field(default_factory=dict)  # such as nvidia.com/gpu


@dataclass(frozen=True, slots=True)
class Resources:
    """In the units of Kubernetes: ``500m``, ``2Gi``."""

    requests: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Image:
    """Without a reference: the release of the program that belongs to this operator."""

    reference: str | None = None
    pull_policy: str = "IfNotPresent"
    pull_secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Companion:
    """
    Another project's program, in the same pod as a workload's own: both have the loopback and the workload's scratch folders, the
    companion only to read them. Its image has the command where none is named.
    """

    name: str
    image: str
    command: tuple[str, ...]
    arguments: tuple[Argument, ...]
    before: tuple[tuple[Argument, ...], ...] = ()
    ports: tuple[Port, ...] = ()
    volumes: tuple[Volume, ...] = ()
    home: str = ""  # which of its volumes
    resources: Resources = Resources()


@dataclass(frozen=True, slots=True)
class Workload:
    """One program that runs, or a number of equal ones. `name` is unique in its namespace."""

    name: str
    role: str  # l1, deployer, sequencer, follower, archive, committee, prover
    account: str  # the service account that it runs as, in a cluster
    program: Program
    image: Image
    lifetime: Lifetime
    arguments: tuple[Argument, ...]
    before: tuple[tuple[Argument, ...], ...] = ()  # runs of the same program that succeed before each start
    environment: Mapping[str, Argument] = field(default_factory=dict)
    ports: tuple[Port, ...] = ()
    files: tuple[File, ...] = ()
    volumes: tuple[Volume, ...] = ()
    scratch: tuple[str, ...] = ()  # folders in memory, gone with the instance
    cache_claim: str | None = None  # somebody's, read-only at `/cache`; only in a cluster
    companion: Companion | None = None
    probes: Probes | None = None
    resources: Resources = Resources()
    placement: Placement = Placement()
    labels: Mapping[str, str] = field(default_factory=dict)  # the user's, handed on
    annotations: Mapping[str, str] = field(default_factory=dict)
    stop_seconds: int = 30

    @property
    def every_port(self) -> tuple[Port, ...]:
        """Of all its programs."""
        return self.ports if self.companion is None else (*self.ports, *self.companion.ports)

    @property
    def every_volume(self) -> tuple[Volume, ...]:
        return self.volumes if self.companion is None else (*self.volumes, *self.companion.volumes)

    def port(self, name: str) -> Port:
        """Raises LookupError."""
        for port in self.every_port:
            if port.name == name:
                return port
        raise LookupError(f"{self.name} has no port {name!r}")


@dataclass(frozen=True, slots=True)
class Door:
    """One address for all workloads of a role that an owner has. On one machine users come to each of them."""

    name: str
    role: str
    port: Port


class Place(Protocol):
    """What a place that runs workloads says of itself, to fill in arguments."""

    def url(self, part: UrlOf) -> str: ...
    def own_port(self, workload: Workload, port: Port) -> int: ...
    def own_address(self) -> str: ...
    def own_name(self, workload: Workload) -> str: ...
    def volume(self, workload: Workload, name: str) -> str: ...
    def file(self, workload: Workload, name: str) -> str: ...
    def result(self, workload: Workload) -> str: ...
    def admission(self, workload: Workload, asked: Admission) -> tuple[str, ...]: ...


def command(arguments: tuple[Argument, ...], workload: Workload, place: Place) -> tuple[str, ...]:
    """What the program is started with, behind its name. Raises LookupError, as `filled` does."""
    found: list[str] = []
    for argument in arguments:
        if isinstance(argument, Admission):
            found.extend(place.admission(workload, argument))
        else:
            found.append(filled(argument, workload, place))
    return tuple(found)


def filled(argument: Part | Joined, workload: Workload, place: Place) -> str:
    """An argument as the program gets it. Raises LookupError where the workload has no such port, volume or file."""
    match argument:
        case Joined(parts):
            return "".join(filled(part, workload, place) for part in parts)
        case UrlOf():
            return place.url(argument)
        case OwnPort(name):
            return str(place.own_port(workload, workload.port(name)))
        case OwnAddress():
            return place.own_address()
        case InVolume(volume, path):
            if volume not in (*workload.scratch, *(one.name for one in workload.every_volume)):
                raise LookupError(f"{workload.name} has no volume {volume!r}")
            folder = place.volume(workload, volume)
            return f"{folder}/{path}" if path else folder
        case FileOf(name):
            if all(one.name != name for one in workload.files):
                raise LookupError(f"{workload.name} has no file {name!r}")
            return place.file(workload, name)
        case OwnName():
            return place.own_name(workload)
        case ResultFile():
            return place.result(workload)
        case str():
            return argument
