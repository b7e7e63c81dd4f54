"""``EthrexL1Node``: one L1 client, with its consensus client where the chain has one."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .base import Model, Resource, Rule, Url
from .references import ConfigMapKey, SecretKey
from .running import Image, Metrics, Placement, Resources, Storage, Tracing, VolumeDeletion

Host = Annotated[str, Field(min_length=1, max_length=253)]


class DevChain(Model):
    """A one-node chain whose accounts everybody has the keys of."""

    block_time_milliseconds: Annotated[int, Field(ge=0, le=3_600_000)] = 1000
    """0: a block as soon as there are transactions."""
    accounts: Annotated[int, Field(ge=10, le=100)] = 10
    balance_ether: Annotated[int, Field(ge=1, le=1_000_000_000)] = 10_000


class Network(Model):
    """Exactly one chain."""

    dev: DevChain | None = None
    public: Literal["mainnet", "sepolia", "hoodi"] | None = None
    genesis: ConfigMapKey | None = None
    """A genesis in geth's format."""

    rules = (
        Rule(
            "[has(self.dev), has(self.public), has(self.genesis)].filter(x, x).size() == 1",
            "exactly one of dev, public, genesis",
            lambda network: sum(one is not None for one in (network.dev, network.public, network.genesis)) == 1,
        ),
    )


class External(Model):
    """A consensus client in a pod of its own, in the same namespace, that has the same secret. It comes to the Service `NAME-engine`, port 8551."""

    jwt_secret: SecretKey


class Sidecar(Model):
    """A consensus client in the same pod, of a public network. The secret that both have is made in the pod and never leaves it."""

    client: Literal["lighthouse", "lodestar", "nimbus", "prysm", "teku"]
    image: Annotated[str, Field(min_length=1, max_length=512)] | None = None
    """Left out, the release whose options the preset was written for. Another one has to know the same options."""
    checkpoint_sync_url: Url
    """A beacon API that is trusted for where to begin. From block 0 on, no client could tell a forged chain from the true one."""
    serve_blobs: bool = True
    """Keep the columns that blobs can be put together from: rollups on this node read theirs there. Half of them, with teku all."""
    extra_arguments: Annotated[
        tuple[Annotated[str, Field(pattern="^--", max_length=1024)], ...], Field(max_length=32)
    ] = ()
    """Behind those of the preset, each with its value: `--option=value`."""
    resources: Resources = Resources()
    storage: Storage = Storage(size="100Gi")


class Consensus(Model):
    """Who says what the head is. A dev chain does itself."""

    external: External | None = None
    sidecar: Sidecar | None = None

    rules = (
        Rule(
            "!(has(self.external) && has(self.sidecar))",
            "external or sidecar, not both",
            lambda consensus: consensus.external is None or consensus.sidecar is None,
        ),
    )


class Rpc(Model):
    namespaces: Annotated[tuple[Annotated[str, Field(pattern="^[a-z0-9]+$", max_length=16)], ...], Field(max_length=16)] = (
        "eth",
        "net",
        "web3",
    )  # fmt: skip
    workers: Annotated[int, Field(ge=0, le=64)] = 0
    """Processes besides the writer that answer."""
    websocket: bool = True
    cors_origins: Annotated[tuple[Host, ...], Field(max_length=32)] = ()


class Peers(Model):
    port: Annotated[int, Field(ge=1, le=65_535)] = 30_303
    bootnodes: Annotated[
        tuple[Annotated[str, Field(pattern="^enode://", max_length=512)], ...], Field(max_length=32)
    ] = ()


class L1NodeSpec(Model):
    network: Network
    consensus: Consensus = Consensus()
    sync_mode: Literal["full", "snap"] = "full"
    image: Image = Image()
    storage: Storage = Storage()
    rpc: Rpc = Rpc()
    peers: Peers = Peers()
    resources: Resources = Resources()
    placement: Placement = Placement()
    metrics: Metrics = Metrics()
    tracing: Tracing = Tracing()
    deletion: VolumeDeletion = VolumeDeletion()
    paused: bool = False
    """Nothing is changed while it is."""

    rules = (
        Rule(
            "self.network == oldSelf.network",
            "network cannot be changed: its data are those of a chain",
            path="network",
        ),
        Rule(
            "has(self.network.dev) || has(self.consensus.external) || has(self.consensus.sidecar)",
            "consensus is needed but on a dev chain: nothing else tells the head",
            lambda spec: (
                spec.network.dev is not None
                or spec.consensus.external is not None
                or spec.consensus.sidecar is not None
            ),
            "consensus",
        ),
        Rule(
            "!has(self.consensus.sidecar) || has(self.network.public)",
            "a sidecar follows a public network: for a chain of one's own name an external client",
            lambda spec: spec.consensus.sidecar is None or spec.network.public is not None,
            "consensus",
        ),
        Rule(
            "!has(self.network.dev) || (!has(self.consensus.external) && !has(self.consensus.sidecar))",
            "a dev chain has no consensus client",
            lambda spec: (
                spec.network.dev is None or (spec.consensus.external is None and spec.consensus.sidecar is None)
            ),
            "consensus",
        ),
    )


class EthrexL1Node(Resource):
    """An Ethereum execution client, that rollups settle on or that serves on its own."""

    kind: Literal["EthrexL1Node"]
    spec: L1NodeSpec
