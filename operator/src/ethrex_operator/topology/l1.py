"""An `EthrexL1Node` as a workload."""

from __future__ import annotations

from typing import Final

from ..api.l1node import EthrexL1Node, L1NodeSpec, Rpc
from . import consensus, running
from .facts import L1
from .workload import (
    Argument,
    ConfigKey,
    File,
    FileOf,
    InVolume,
    Lifetime,
    OwnAddress,
    OwnPort,
    Part,
    Port,
    Probes,
    Program,
    Reach,
    SecretKey,
    UrlOf,
    Workload,
)

RPC: Final = Port("rpc", 8545, Reach.PUBLIC)
ENGINE: Final = Port("engine", 8551, Reach.NAMESPACE)
DATA: Final = "data"
STOP_SECONDS: Final = 60


def workload(node: EthrexL1Node) -> Workload:
    spec = node.spec
    sidecar = spec.consensus.sidecar
    ports = (RPC, running.METRICS) if spec.consensus.external is None else (RPC, running.METRICS, ENGINE)
    return Workload(
        name=node.name,
        role="l1",
        account=node.name,
        program=Program.NODE,
        image=running.image(spec.image),
        lifetime=Lifetime.SERVICE,
        arguments=(
            *_network(spec),
            *("--datadir", InVolume(DATA)),
            *rpc(spec.rpc),
            *_engine(spec),
            *running.metrics(),
            *running.tracing(spec.tracing),
        ),
        ports=ports,
        before=() if sidecar is None else (("engine-secret", consensus.SECRET),),
        files=_files(spec),
        volumes=(running.volume(DATA, spec.storage),),
        scratch=() if sidecar is None else (consensus.SHARED,),
        companion=None if sidecar is None else consensus.companion(sidecar, str(spec.network.public), ENGINE.number),
        probes=Probes(running.METRICS.name),
        resources=running.resources(spec.resources),
        placement=running.placement(spec.placement),
        labels=running.labels(spec.placement, spec.metrics),
        annotations=spec.placement.annotations,
        stop_seconds=STOP_SECONDS,
    )


def seen_from(node: EthrexL1Node, namespace: str, beacon: Part | None = None) -> L1:
    """As rollups in `namespace` reach it. Blobs are served by a dev chain itself, by a sidecar, or by what `beacon` names."""
    where = None if node.namespace == namespace else node.namespace
    url = UrlOf(node.name, RPC.name, where)
    dev = node.spec.network.dev is not None
    sidecar = node.spec.consensus.sidecar
    if sidecar is not None and sidecar.serve_blobs:
        beacon = beacon or UrlOf(node.name, consensus.BEACON.name, where)
    return L1(urls=(url,), beacon=beacon or (url if dev else None), dev=dev)


def rpc(asked: Rpc) -> tuple[Argument, ...]:
    """The public door. Whoever may reach it is a matter of the network, so any host name is served."""
    given: list[Argument] = ["--http.addr", OwnAddress(), "--http.port", OwnPort(RPC.name), "--http.vhosts", "*"]
    given += ["--http.api", ",".join(asked.namespaces)]
    if asked.cors_origins:
        given += ["--http.corsdomain", ",".join(asked.cors_origins)]
    if asked.workers:
        given += ["--http.workers", str(asked.workers)]
    if asked.websocket:
        given += ["--ws.enabled"]
    return tuple(given)


def _network(spec: L1NodeSpec) -> tuple[Argument, ...]:
    network = spec.network
    if network.dev is not None:
        return (
            *("--dev", "--dev.block-time", f"{network.dev.block_time_milliseconds / 1000:g}"),
            *("--dev.accounts", str(network.dev.accounts), "--dev.balance", str(network.dev.balance_ether)),
        )
    chosen: Argument = network.public if network.public is not None else FileOf("genesis.json")
    given: list[Argument] = ["--network", chosen, "--syncmode", spec.sync_mode, "--p2p.port", str(spec.peers.port)]
    if spec.peers.bootnodes:
        given += ["--bootnodes", ",".join(spec.peers.bootnodes)]
    return tuple(given)


def _engine(spec: L1NodeSpec) -> tuple[Argument, ...]:
    if spec.network.dev is not None:
        return ()
    if spec.consensus.sidecar is not None:
        here = ("--authrpc.addr", consensus.LOOPBACK, "--authrpc.port", str(ENGINE.number))
        return (*here, "--authrpc.jwtsecret", consensus.SECRET)
    return (
        *("--authrpc.addr", OwnAddress(), "--authrpc.port", OwnPort(ENGINE.name), "--authrpc.vhosts", "*"),
        *("--authrpc.jwtsecret", FileOf("jwt.hex")),
    )


def _files(spec: L1NodeSpec) -> tuple[File, ...]:
    files = []
    if spec.network.genesis is not None:
        files.append(File("genesis.json", ConfigKey(spec.network.genesis.name, spec.network.genesis.key)))
    if spec.consensus.external is not None:
        secret = spec.consensus.external.jwt_secret
        files.append(File("jwt.hex", SecretKey(secret.name, secret.key)))
    return tuple(files)
