"""Manifests that are taken and manifests that are refused: one table for the models and for the API server."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Final

Object = dict[str, Any]

ADDRESS: Final = "0x" + "ab" * 20
HASH: Final = "0x" + "cd" * 32
SECRET_KEY: Final = {"address": ADDRESS, "secret": {"name": "keys", "key": "main"}}

LEAST: Final[dict[str, Object]] = {
    "EthrexL1Node": {"network": {"dev": {}}},
    "EthrexSettlement": {"l1": {"ref": {"name": "l1"}}},
    "EthrexRollup": {"l1": {"ref": {"name": "l1"}}, "chainId": 7},
    "ProverPool": {},
}
SHORT: Final = {"l1": "EthrexL1Node", "settlement": "EthrexSettlement", "rollup": "EthrexRollup", "pool": "ProverPool"}
CONTRACTS: Final = dict.fromkeys(("proposer", "bridge", "registry", "attestedVerifier"), ADDRESS)
GONE: Final = object()  # take the field away


@dataclass(frozen=True, slots=True)
class Case:
    """The least manifest of a kind with some fields set. `refused` is the path that both verdicts name; empty: taken."""

    kind: str
    changes: tuple[tuple[str, Any], ...]
    refused: str = ""

    @property
    def name(self) -> str:
        told = ",".join(f"{path}={'GONE' if value is GONE else value}" for path, value in self.changes)
        return f"{self.kind}:{told}"[:110]

    def manifest(self, name: str = "case") -> Object:
        kind = SHORT[self.kind]
        made = {
            "apiVersion": "ethrex.dev/v1alpha1",
            "kind": kind,
            "metadata": {"name": name},
            "spec": copy.deepcopy(LEAST[kind]),
        }
        for path, value in self.changes:
            _set(made, f"spec.{path}", copy.deepcopy(value) if value is not GONE else GONE)
        return made


def _set(made: Object, path: str, value: Any) -> None:
    *folders, last = path.split(".")
    for folder in folders:
        made = made.setdefault(folder, {})
    if value is GONE:
        made.pop(last, None)
    else:
        made[last] = value


def ok(kind: str, **changes: Any) -> Case:
    return Case(kind, tuple((path.replace("__", "."), value) for path, value in changes.items()))


def no(kind: str, refused: str, **changes: Any) -> Case:
    return Case(
        kind,
        tuple((path.replace("__", "."), value) for path, value in changes.items()),
        f"spec.{refused}" if refused else "spec",
    )


EXTERNAL: Final = {"external": {"jwtSecret": {"name": "jwt", "key": "jwt.hex"}}}
CHECKPOINT: Final = "https://checkpoint.example"


def sidecar(client: str, **more: Any) -> dict[str, Any]:
    return {"sidecar": {"client": client, "checkpointSyncUrl": CHECKPOINT, **more}}


ONE: Final = {"threshold": 1, "members": [{}]}

TAKEN: Final = (
    ok("l1"),
    ok("l1", network__dev__blockTimeMilliseconds=0),
    ok("l1", network__dev={"accounts": 20, "balanceEther": 5}),
    ok("l1", network={"public": "mainnet"}, consensus=EXTERNAL),
    ok("l1", network={"public": "hoodi"}, consensus=sidecar("lighthouse")),
    ok(
        "l1",
        network={"public": "sepolia"},
        consensus=sidecar("nimbus", image="registry.example/nimbus:1", serveBlobs=False),
    ),
    ok("l1", network={"public": "mainnet"}, consensus=sidecar("teku", extraArguments=["--p2p-peer-upper-bound=50"])),
    ok(
        "l1",
        network={"public": "mainnet"},
        consensus=sidecar("prysm", storage={"size": "300Gi"}, resources={"limits": {"memory": "16Gi"}}),
    ),
    ok("l1", network={"genesis": {"name": "genesis", "key": "genesis.json"}}, consensus=EXTERNAL),
    ok("l1", syncMode="snap"),
    ok("l1", storage={"size": "1.5Ti", "storageClassName": "fast"}),
    ok("l1", rpc={"namespaces": ["eth", "debug"], "workers": 4, "websocket": False}),
    ok("l1", rpc__corsOrigins=["*"]),
    ok("l1", peers={"port": 30304, "bootnodes": ["enode://abc@1.2.3.4:30303"]}),
    ok("l1", resources={"requests": {"cpu": "500m", "memory": "2Gi"}, "limits": {"memory": "4Gi"}}),
    ok("l1", placement__nodeSelector={"disk": "nvme"}),
    ok("l1", placement__tolerations=[{"key": "a", "operator": "Exists", "effect": "NoSchedule"}]),
    ok("l1", placement__affinity={"nodeAffinity": {"anything": ["goes"]}}),
    ok("l1", placement={"labels": {"team": "a"}, "annotations": {"b": "c"}}),
    ok("l1", metrics={"podMonitor": True}),
    ok("l1", tracing={"endpoint": "http://collector:4318", "ratioPercent": 100}),
    ok("l1", deletion={"policy": "Delete"}),
    ok("l1", paused=True),
    ok("l1", image={"reference": "registry.example/node@sha256:abc", "pullPolicy": "Always", "pullSecrets": ["pull"]}),
    ok("settlement"),
    ok("settlement", l1={"urls": ["https://one.example", "https://two.example"], "beaconUrl": "https://b.example"}),
    ok("settlement", l1__ref__namespace="chains"),
    ok("settlement", mode="Adopt", salt=HASH),
    ok("settlement", mode="Adopt", contracts=CONTRACTS | {"timelock": ADDRESS}, owner=SECRET_KEY),
    ok("settlement", owner=SECRET_KEY),
    ok("settlement", owner={"devAccount": 0}),
    ok("settlement", owner={"address": ADDRESS, "web3Signer": {"url": "http://s:9000", "publicKey": "0x" + "aa" * 33}}),
    ok("settlement", guardian=ADDRESS),
    ok("settlement", timelock={"delaySeconds": 60, "proposers": [ADDRESS], "executors": [ADDRESS]}),
    ok("settlement", allowedRollups={"namespaces": {"from": "All"}}),
    ok("settlement", allowedRollups={"namespaces": {"from": "Selector", "matchLabels": {"team": "a"}}}),
    ok("rollup"),
    ok("rollup", chainId=(1 << 53) - 1),
    ok("rollup", settlement={"name": "shared"}),
    ok("rollup", settlement={"name": "shared", "namespace": "contracts"}),
    ok("rollup", bootstrap="L1", sequencer__epoch=2),
    ok("rollup", sequencer__epoch=1),
    ok("rollup", mode="Validium", committee={"threshold": 1, "members": [{}]}),
    ok("rollup", mode="Validium", committee={"threshold": 2, "members": [{"key": SECRET_KEY}, {}, {}]}),
    ok("rollup", nativeToken=ADDRESS),
    ok("rollup", genesis={"gasLimit": 60_000_000, "baseFeeWei": 7}),
    ok("rollup", genesis__balancesWei={ADDRESS: "1000000000000000000000000"}),
    ok("rollup", genesis__fees={"operatorFeePerGasWei": 5, "operatorFeeVault": ADDRESS}),
    ok("rollup", delays={"inclusionSeconds": 0, "takeoverSeconds": 60, "proofWindowSeconds": 1}),
    ok("rollup", sequencer__blockTimeMilliseconds=200),
    ok("rollup", sequencer__rpc__namespaces=["eth", "ethrex"]),
    ok("rollup", batching={"endAfterSeconds": 1, "endAfterIdleSeconds": 1, "gasLimit": 1_000_000, "blobs": 1}),
    ok("rollup", commit={"waitForCheapBlobsSeconds": 600, "cheapBlobFeeWei": 0}),
    ok("rollup", proving__policy={"require": ["attested", "sp1"], "requireZK": True}),
    ok("rollup", proving__policy={"require": [], "minimum": 2}),
    ok("rollup", proving={"verifyWithinSeconds": 60, "programVersion": 3}),
    ok("rollup", proving__pools=[{"ref": {"name": "h100", "namespace": "gpu"}, "fallbackOrder": 1}]),
    ok("rollup", proving__pools=[{"ref": {"name": "h100", "namespace": "n" * 63}}]),
    ok("rollup", followers={"replicas": 3, "maxLagSeconds": 5}),
    ok("rollup", keys={"committer": SECRET_KEY, "settler": {"devAccount": 2}}),
    ok("rollup", keys__committer={"address": ADDRESS, "secret": {"name": "k", "key": "a.json", "passwordKey": "pw"}}),
    ok("rollup", alarms={"forcedInclusionSeconds": 60, "lowBalanceWei": "0"}),
    ok("rollup", archive={"enabled": True, "storage": {"size": "1Ti"}}),
    ok("rollup", l1={"urls": ["http://l1"], "beaconUrl": "http://b"}, archive={"enabled": True}),
    ok("rollup", deletion={"policy": "Delete", "settle": "Abandon", "timeoutSeconds": 0}),
    ok("pool"),
    ok("pool", scaling={"mode": "Fixed"}, replicas=0),
    ok("pool", scaling={"mode": "External"}, replicas=1000),
    ok("pool", scaling={"min": 2, "max": 2, "warmFloor": 2}),
    ok("pool", cost={"pricePerHour": "2.10", "budgetPerDay": "60"}),
    ok("pool", cost={"pricePerHour": "2.1"}),
    ok("pool", backend="sp1", accelerator={"profile": "nvidia-gpu", "count": 2}),
    ok("pool", accelerator={"profile": "nvidia-gpu", "count": 2}),
    ok("pool", backend="tee", accelerator={"profile": "gke-tdx"}, signer=SECRET_KEY),
    ok("pool", accelerator={"profile": "nvidia-mig", "resourceName": "nvidia.com/mig-1g.10gb"}),
    ok("pool", cacheVolumeClaim="proving-keys", placement__serviceAccountAnnotations={"cloud/role": "prover"}),
    ok("pool", fairness={"defaultWeight": 3, "maxSharePercent": 50}, drain={"gracePeriodSeconds": 3600}),
)

REFUSED: Final = (
    no("l1", "network", network={}),
    no("l1", "network", network={"dev": {}, "public": "mainnet"}),
    no("l1", "network", network=GONE),
    no("l1", "network.public", network={"public": "goerli"}, consensus=EXTERNAL),
    no("l1", "network.dev.blockTimeMilliseconds", network__dev__blockTimeMilliseconds=-1),
    no("l1", "network.dev.accounts", network__dev__accounts=1),
    no("l1", "network.genesis.key", network={"genesis": {"name": "g"}}, consensus=EXTERNAL),
    no("l1", "consensus", network={"public": "mainnet"}),
    no("l1", "consensus", consensus=EXTERNAL),
    no("l1", "consensus", network={"public": "mainnet"}, consensus={**EXTERNAL, **sidecar("teku")}),
    no("l1", "consensus", consensus=sidecar("teku")),
    no("l1", "consensus", network={"genesis": {"name": "g", "key": "genesis.json"}}, consensus=sidecar("teku")),
    no("l1", "consensus.sidecar.client", network={"public": "mainnet"}, consensus=sidecar("mine")),
    no(
        "l1",
        "consensus.sidecar.checkpointSyncUrl",
        network={"public": "mainnet"},
        consensus={"sidecar": {"client": "lighthouse"}},
    ),
    no(
        "l1",
        "consensus.sidecar.extraArguments",
        network={"public": "mainnet"},
        consensus=sidecar("lodestar", extraArguments=["beacon"]),
    ),
    no("l1", "consensus.external.jwtSecret", network={"public": "mainnet"}, consensus={"external": {}}),
    no("l1", "syncMode", syncMode="light"),
    no("l1", "storage.size", storage__size="20 GB"),
    no("l1", "storage.size", storage__size="0"),
    no("l1", "storage.storageClassName", storage__storageClassName=""),
    no("l1", "rpc.workers", rpc__workers=65),
    no("l1", "rpc.workers", rpc__workers="two"),
    no("l1", "rpc.namespaces", rpc__namespaces="eth"),
    no("l1", "rpc.websocket", rpc__websocket="yes"),
    no("l1", "peers.port", peers__port=0),
    no("l1", "peers.port", peers__port=70_000),
    no("l1", "tracing.ratioPercent", tracing__ratioPercent=101),
    no("l1", "deletion.policy", deletion__policy="Keep"),
    no("l1", "deletion.settle", deletion__settle="Abandon"),
    no("rollup", "deletion.timeoutSeconds", deletion__timeoutSeconds=-5),
    no("pool", "deletion", deletion={"policy": "Delete"}),
    no("l1", "image.pullPolicy", image__pullPolicy="Sometimes"),
    no("l1", "image.reference", image__reference=""),
    no("l1", "paused", paused="true"),
    no("settlement", "l1", l1={}),
    no("settlement", "l1", l1=GONE),
    no("settlement", "l1", l1={"ref": {"name": "l1"}, "urls": ["http://one"]}),
    no("settlement", "l1.ref.name", l1={"ref": {}}),
    no("settlement", "l1.ref.name", l1={"ref": {"name": "Not_A_Name"}}),
    no("settlement", "mode", mode="Redeploy"),
    no("settlement", "contracts", contracts=CONTRACTS),
    no("settlement", "contracts", mode="Adopt", contracts=CONTRACTS, salt=HASH),
    no("settlement", "contracts.bridge", mode="Adopt", contracts=CONTRACTS | {"bridge": "here"}),
    no(
        "settlement",
        "timelock.handOver",
        timelock={"proposers": [ADDRESS], "executors": [ADDRESS], "handOver": "Perhaps"},
    ),
    no("settlement", "salt", salt="0x12"),
    no("settlement", "owner", owner={}),
    no("settlement", "owner", owner={"devAccount": 1, "secret": {"name": "k", "key": "a"}}),
    no("settlement", "owner.address", owner={"secret": {"name": "k", "key": "a"}}),
    no("settlement", "owner.address", owner={"devAccount": 1, "address": ADDRESS}),
    no("settlement", "owner.devAccount", owner={"devAccount": 10}),
    no("settlement", "guardian", guardian="vitalik.eth"),
    no("settlement", "timelock.proposers", timelock={"executors": [ADDRESS]}),
    no("settlement", "timelock.proposers", timelock={"proposers": [], "executors": [ADDRESS]}),
    no("settlement", "allowedRollups.namespaces.from", allowedRollups={"namespaces": {"from": "Some"}}),
    no(
        "settlement",
        "allowedRollups.namespaces.matchLabels",
        allowedRollups={"namespaces": {"matchLabels": {"a": "b"}}},
    ),
    no("rollup", "chainId", chainId=GONE),
    no("rollup", "chainId", chainId=0),
    no("rollup", "chainId", chainId=1 << 53),
    no("rollup", "chainId", chainId="7"),
    no("rollup", "bootstrap", bootstrap="snapshot"),
    no("rollup", "sequencer.epoch", bootstrap="L1"),
    no("rollup", "sequencer.epoch", sequencer__epoch=0),
    no("rollup", "mode", mode="rollup"),
    no("rollup", "nativeToken", nativeToken="0x12"),
    no("rollup", "genesis.gasLimit", genesis__gasLimit=21_000),
    no("rollup", "genesis.baseFeeWei", genesis__baseFeeWei=6),
    no("rollup", "genesis.fees.operatorFeeVault", genesis__fees={"operatorFeePerGasWei": 5}),
    no("rollup", "sequencer.blockTimeMilliseconds", sequencer__blockTimeMilliseconds=50),
    no("rollup", "batching.blobs", batching__blobs=7),
    no("rollup", "batching.endAfterSeconds", batching__endAfterSeconds=0),
    no("rollup", "commit.maxFeePerGasWei", commit__maxFeePerGasWei=0),
    no("rollup", "proving.policy", proving__policy={"require": []}),
    no("rollup", "proving.policy.minimum", proving__policy={"minimum": 5}),
    no("rollup", "proving.verifyWithinSeconds", proving__verifyWithinSeconds=5),
    no("rollup", "followers.replicas", followers__replicas=33),
    no("rollup", "alarms.lowBalanceWei", alarms__lowBalanceWei="-1"),
    no("rollup", "proving.pools", proving__pools=[{"ref": {"name": "h100", "namespace": "n" * 64}}]),
    no("rollup", "committee", mode="Validium"),
    no("rollup", "committee", committee={"threshold": 1, "members": [{}]}),
    no("rollup", "committee.threshold", mode="Validium", committee={"threshold": 2, "members": [{}]}),
    no("rollup", "committee.members", mode="Validium", committee={"threshold": 1, "members": []}),
    no("rollup", "archive.enabled", mode="Validium", committee=ONE, archive={"enabled": True}),
    no("rollup", "l1.beaconUrl", l1={"urls": ["http://l1"]}, archive={"enabled": True}),
    no("pool", "backend", backend="gpu"),
    no("pool", "replicas", replicas=2),
    no("pool", "replicas", scaling={"mode": "Fixed"}),
    no("pool", "replicas", scaling={"mode": "Fixed"}, replicas=-1),
    no("pool", "scaling.min", scaling={"min": 5, "max": 4}),
    no("pool", "scaling.warmFloor", scaling={"warmFloor": 5, "max": 4}),
    no("pool", "scaling.mode", scaling={"mode": "planner"}),
    no("pool", "cost.pricePerHour", cost={"budgetPerDay": "60"}),
    no("pool", "cost.pricePerHour", cost={"pricePerHour": "cheap"}),
    no("pool", "accelerator.profile", accelerator={"profile": "abacus"}),
    no("pool", "fairness.maxSharePercent", fairness={"maxSharePercent": 0}),
    no("pool", "drain.gracePeriodSeconds", drain={"gracePeriodSeconds": 0}),
)


def change(before: Case, after: Case) -> tuple[Case, Case]:
    """Of a resource that is there: `after` says whether it is refused."""
    assert before.kind == after.kind
    return before, after


VALIDIUM: Final = {"mode": "Validium", "committee": ONE}
TIMELOCK: Final = {"delaySeconds": 60, "proposers": [ADDRESS], "executors": [ADDRESS]}
ADOPTED: Final = {"mode": "Adopt", "contracts": CONTRACTS}
OTHER: Final = "0x" + "ef" * 20

CHANGED: Final = (
    change(ok("l1"), no("l1", "network", network__dev__blockTimeMilliseconds=5)),
    change(ok("l1"), no("l1", "network", network={"public": "mainnet"}, consensus=EXTERNAL)),
    change(ok("l1"), ok("l1", storage__size="30Gi", rpc__workers=2)),
    change(ok("l1"), ok("l1", storage__storageClassName="fast")),
    change(
        ok("l1", storage__storageClassName="fast"),
        no("l1", "storage.storageClassName", storage__storageClassName="slow"),
    ),
    change(ok("l1", storage__storageClassName="fast"), no("l1", "storage.storageClassName")),
    change(
        ok("l1", network={"public": "hoodi"}, consensus=sidecar("teku")),
        ok("l1", network={"public": "hoodi"}, consensus=sidecar("nimbus")),
    ),
    change(ok("settlement"), no("settlement", "l1", l1={"urls": ["http://other"]})),
    change(ok("settlement"), no("settlement", "salt", salt=HASH)),
    change(ok("settlement", salt=HASH), no("settlement", "salt")),
    change(ok("settlement", salt=HASH), no("settlement", "salt", salt="0x" + "ee" * 32)),
    change(ok("settlement", **ADOPTED), no("settlement", "contracts", mode="Adopt")),
    change(
        ok("settlement", **ADOPTED),
        no("settlement", "contracts", mode="Adopt", contracts=CONTRACTS | {"bridge": OTHER}),
    ),
    change(ok("settlement", **ADOPTED), ok("settlement", **ADOPTED, owner=SECRET_KEY)),
    change(ok("settlement"), no("settlement", "owner", owner=SECRET_KEY)),
    change(ok("settlement", owner=SECRET_KEY), no("settlement", "owner", owner=SECRET_KEY | {"address": OTHER})),
    change(
        ok("settlement", owner=SECRET_KEY),
        ok("settlement", owner=SECRET_KEY | {"secret": {"name": "rotated", "key": "main"}}),
    ),
    change(ok("settlement", owner={"devAccount": 1}), no("settlement", "owner", owner={"devAccount": 2})),
    change(ok("settlement"), ok("settlement", timelock=TIMELOCK)),
    change(ok("settlement", timelock=TIMELOCK), no("settlement", "timelock")),
    change(
        ok("settlement", timelock=TIMELOCK),
        no("settlement", "timelock", timelock=TIMELOCK | {"delaySeconds": 61}),
    ),
    change(
        ok("settlement", timelock=TIMELOCK | {"handOver": "Held"}),
        ok("settlement", timelock=TIMELOCK | {"handOver": "AtOnce"}),
    ),
    change(ok("rollup"), no("rollup", "chainId", chainId=8)),
    change(ok("rollup"), no("rollup", "mode", **VALIDIUM)),
    change(ok("rollup"), no("rollup", "genesis", genesis__gasLimit=60_000_000)),
    change(ok("rollup"), no("rollup", "l1", l1={"urls": ["http://other"]})),
    change(ok("rollup"), no("rollup", "nativeToken", nativeToken=ADDRESS)),
    change(ok("rollup", settlement={"name": "shared"}), no("rollup", "settlement")),
    change(ok("rollup"), ok("rollup", bootstrap="L1", sequencer__epoch=2)),
    change(ok("rollup", bootstrap="L1", sequencer__epoch=2), no("rollup", "bootstrap", sequencer__epoch=2)),
    change(ok("rollup", sequencer__epoch=2), no("rollup", "sequencer.epoch", sequencer__epoch=1)),
    change(ok("rollup", sequencer__epoch=2), no("rollup", "sequencer.epoch")),
    change(ok("rollup", sequencer__epoch=2), ok("rollup", sequencer__epoch=3)),
    change(
        ok("rollup", **VALIDIUM),
        no("rollup", "committee.members", mode="Validium", committee={"threshold": 1, "members": [{}, {}]}),
    ),
    change(ok("rollup"), ok("rollup", sequencer__blockTimeMilliseconds=200, followers__replicas=2)),
    change(ok("pool"), no("pool", "backend", backend="sp1")),
    change(ok("pool"), ok("pool", scaling__max=9)),
)
