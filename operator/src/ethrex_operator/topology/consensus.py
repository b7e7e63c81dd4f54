"""
The consensus client of an L1 node as a companion of its pod: a preset for each client that the API names.

A preset is the client's image and its options as its own documentation has them; nothing else of a client is known. They come to the
node by the pod's loopback and prove themselves with a secret that is made before each start of the pod, in memory: no other pod, and
no operator, ever has it.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ..api.l1node import Sidecar
from . import running
from .workload import Argument, Companion, InVolume, Joined, OwnAddress, OwnPort, Part, Port, Reach

NAME: Final = "consensus"
LOOPBACK: Final = "127.0.0.1"
SHARED: Final = "engine"
SECRET: Final = InVolume(SHARED, "jwt.hex")
DATA: Final = "beacon"
BEACON: Final = Port("beacon", 5052, Reach.ROLLUPS)
METRICS: Final = Port("beacon-metrics", 5054, Reach.OPERATOR)
PEERS: Final = 9_000


@dataclass(frozen=True, slots=True)
class Preset:
    """Options with ``{names}`` for what differs. `blobs`: to keep enough of each blob to serve it."""

    image: str
    options: tuple[str, ...]
    blobs: str
    command: tuple[str, ...] = ()
    before: tuple[str, ...] = ()


PRESETS: Final[Mapping[str, Preset]] = {
    "lighthouse": Preset(
        image="sigp/lighthouse:v8.2.1",
        command=("lighthouse",),
        options=(
            *("bn", "--network={network}", "--datadir={data}", "--checkpoint-sync-url={checkpoint}"),
            *("--execution-endpoint={engine}", "--execution-jwt={secret}", "--port={peers}", "--disable-upnp"),
            *("--http", "--http-address={address}", "--http-port={api}"),
            *("--metrics", "--metrics-address={address}", "--metrics-port={metrics}"),
            "--logfile-max-number=0",
        ),
        blobs="--semi-supernode",
    ),
    "lodestar": Preset(
        image="chainsafe/lodestar:v1.45.0",
        options=(
            *("beacon", "--network={network}", "--dataDir={data}", "--checkpointSyncUrl={checkpoint}"),
            *("--execution.urls={engine}", "--jwtSecret={secret}", "--port={peers}", "--logFile=none"),
            *("--rest=true", "--rest.address={address}", "--rest.port={api}"),
            *("--metrics=true", "--metrics.address={address}", "--metrics.port={metrics}"),
        ),
        blobs="--semiSupernode=true",
    ),
    # Its checkpoint is taken by a run of its own, which leaves a database that has a head as it is.
    "nimbus": Preset(
        image="statusim/nimbus-eth2:multiarch-v26.7.0",
        options=(
            *("--network={network}", "--data-dir={data}", "--non-interactive=true", "--status-bar=false"),
            *("--el={engine}", "--jwt-secret={secret}", "--tcp-port={peers}", "--udp-port={peers}", "--nat=none"),
            *("--rest=true", "--rest-address={address}", "--rest-port={api}"),
            *("--metrics=true", "--metrics-address={address}", "--metrics-port={metrics}"),
        ),
        before=(
            *("trustedNodeSync", "--network={network}", "--data-dir={data}"),
            *("--trusted-node-url={checkpoint}", "--backfill=false"),
        ),
        blobs="--light-supernode=true",
    ),
    "prysm": Preset(
        image="gcr.io/offchainlabs/prysm/beacon-chain:v7.1.8",
        options=(
            *("--{network}", "--datadir={data}", "--accept-terms-of-use"),
            *("--checkpoint-sync-url={checkpoint}", "--genesis-beacon-api-url={checkpoint}"),
            *("--execution-endpoint={engine}", "--jwt-secret={secret}"),
            *("--p2p-tcp-port={peers}", "--p2p-udp-port={peers}"),
            *("--http-host={address}", "--http-port={api}"),
            *("--monitoring-host={address}", "--monitoring-port={metrics}"),
        ),
        blobs="--semi-supernode",
    ),
    "teku": Preset(
        image="consensys/teku:26.7.1",
        options=(
            *("--network={network}", "--data-path={data}", "--log-destination=CONSOLE"),
            *("--checkpoint-sync-url={checkpoint}", "--ee-endpoint={engine}", "--ee-jwt-secret-file={secret}"),
            "--p2p-port={peers}",
            *("--rest-api-enabled=true", "--rest-api-interface={address}", "--rest-api-port={api}"),
            "--rest-api-host-allowlist=*",
            *("--metrics-enabled=true", "--metrics-interface={address}", "--metrics-port={metrics}"),
            "--metrics-host-allowlist=*",
        ),
        blobs="--p2p-subscribe-all-custody-subnets-enabled=true",
    ),
}


def companion(asked: Sidecar, network: str, engine: int) -> Companion:
    """`engine`: the port of the node's Engine API. Another client finds the volume of the one before, and a folder of its own there."""
    preset = PRESETS[asked.client]
    values: dict[str, Part] = {
        "network": network,
        "data": InVolume(DATA, asked.client),
        "checkpoint": asked.checkpoint_sync_url,
        "engine": f"http://{LOOPBACK}:{engine}",
        "secret": SECRET,
        "address": OwnAddress(),
        "api": OwnPort(BEACON.name),
        "metrics": OwnPort(METRICS.name),
        "peers": str(PEERS),
    }
    options = (*preset.options, *((preset.blobs,) if asked.serve_blobs else ()))
    return Companion(
        name=NAME,
        image=asked.image or preset.image,
        command=preset.command,
        arguments=(*(_filled(one, values) for one in options), *asked.extra_arguments),
        before=(tuple(_filled(one, values) for one in preset.before),) if preset.before else (),
        ports=(BEACON, METRICS),
        volumes=(running.volume(DATA, asked.storage),),
        home=DATA,
        resources=running.resources(asked.resources),
    )


def _filled(option: str, values: Mapping[str, Part]) -> Argument:
    found: list[Part] = []
    for text, name, _, _ in string.Formatter().parse(option):
        found += [text] if text else []
        found += [values[name]] if name else []
    return found[0] if len(found) == 1 else Joined(tuple(found))
