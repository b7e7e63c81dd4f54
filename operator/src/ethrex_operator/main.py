"""
``ethrex-operator run``: kopf watches the resources, one queue does the work, a Lease says who.

kopf is used for its watches alone: its handlers put keys on the queue. Where the lease is lost the process ends, so that
nothing which was begun under it can go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import uuid
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final, TypeVar

import aiohttp
import click
import kopf

from . import door, figures, installed, logs, tracing
from .api.base import GROUP, VERSION
from .kube import arrived, kinds
from .kube.children import Children
from .kube.client import Kube
from .kube.errors import KubeError
from .kube.lease import Leadership, LeaseLost, Name
from .kube.namespaces import Namespaces
from .kube.queue import Again, Queue
from .kube.tokens import Tokens
from .reconcile import dependents, scaling, steps
from .reconcile.scaling_state import Scaling
from .reconcile.store import named_by
from .reconcile.world import Key, Store, World
from .topology.workload import Program

log = logging.getLogger(__name__)
T = TypeVar("T")

LEASE: Final = "ethrex-operator"
PARALLEL: Final = 8
THREADS: Final = 32
SWEEP_SECONDS: Final = 300.0  # for as long as this a resource may stay that went while kopf's watch was broken
SETTLE_SECONDS: Final = 2.0  # so many changes that come together are one look of the planner
IDLE_SECONDS: Final = 0.1  # for which kopf keeps the body of a resource, and a task, after each event
KEEP_SECONDS: Final = 3.0  # an open connection to a chain: for looks that follow soon, not for those at rest
IN_CLUSTER_NAMESPACE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


@dataclass(frozen=True, slots=True)
class Settings:
    kubeconfig: Path | None
    own_namespace: str
    account: str  # the service account that coordinators know it by
    watched: str | None  # one namespace, or all of them
    metrics_port: int
    metrics_addr: str
    identity: str
    images: Mapping[Program, str]
    tracing_endpoint: str = ""  # of an OTLP/HTTP collector; empty: no traces
    tracing_ratio: float = 1.0


class _NoDiffs(kopf.DiffBaseStorage):
    """Nobody here asks kopf what has changed: it would copy each body several times for that."""

    def build(self, **_: Any) -> Any:
        return {}

    def fetch(self, **_: Any) -> Any:
        return None

    def store(self, **_: Any) -> None:
        return


class Operator:
    """Lives as long as it leads."""

    def __init__(
        self,
        settings: Settings,
        kube: Kube,
        session: aiohttp.ClientSession,
        issuer: str,
        listen: Callable[[], None] = lambda: None,
    ) -> None:
        """`listen` is called where signals come to somebody else now: kopf takes them, and ends."""
        self.settings, self._listen = settings, listen
        self.store = Store()
        self.children = Children(kube, settings.watched, self._child_changed)
        self.namespaces = Namespaces(kube, self.store.spaces, self._namespace_changed)
        self.world = World(
            *(kube, self.children, self.store, session, issuer),
            *(settings.own_namespace, settings.account, settings.watched, settings.identity, settings.images),
            *(Tokens(kube, Name(settings.own_namespace, settings.account)), Scaling(), self._wrote),
        )
        self.queue: Queue[Key] = Queue(self._run, parallel=PARALLEL)

    async def lead(self) -> None:
        """Until cancelled, or until a part of it cannot go on."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.children.watch())
            group.create_task(self._watch_resources())
            if self.settings.watched is None:
                group.create_task(self.namespaces.watch())
                await self.namespaces.ready.wait()
            await self.children.ready.wait()
            await arrived.every(self.world.kube, kinds.OURS.values(), self.settings.watched, self._is_known)
            self.queue.add(scaling.PLANNER)
            group.create_task(self.queue.work())
            group.create_task(self._sweep())

    def event(self, kind: str, type: str | None, body: dict[str, Any]) -> None:
        """What kopf tells of a resource: `type` is None for those that were there before."""
        metadata = body["metadata"]
        key = Key(kind, metadata["namespace"], metadata["name"])
        before = self.store.get(key)
        if type == "DELETED":
            if before is not None and before["metadata"]["uid"] == metadata["uid"]:  # else another has its name now
                self._gone(key, body)
            return
        if before is not None and int(metadata["resourceVersion"]) <= int(before["metadata"]["resourceVersion"]):
            return  # what a write was answered with, or from before that
        self.store.put(key, body)
        if before is None or _asks_otherwise(before, body):
            self.queue.add(key, generation=metadata["generation"])
        if before is None or _matters_to_others(before, body):
            self._tell_others(key, body)

    def _gone(self, key: Key, body: dict[str, Any]) -> None:
        self.store.remove(key)
        self.world.signers.forget(key)
        self.queue.drop(key)
        self._tell_others(key, body)

    async def _sweep(self) -> None:
        """Let go of what went unseen, now and then."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            for kind in kinds.OURS.values():
                known = self.store.uids(kind)
                try:
                    gone = await arrived.gone(self.world.kube, kind, self.settings.watched, known)
                except KubeError as error:
                    log.warning("resources cannot be listed", extra={"kind": kind.name, "reason": str(error)})
                    continue
                for namespace, name in gone:
                    key = Key(kind.name, namespace, name)
                    body = self.store.get(key)
                    if body is not None and body["metadata"]["uid"] == known[namespace, name]:
                        log.info("a resource went while nobody watched", extra={"key": str(key)})
                        self._gone(key, body)

    def _wrote(self, key: Key, before: dict[str, Any]) -> None:
        """A status of our own: the watch brings it when it is known already, with what somebody has changed meanwhile."""
        body = self.store.get(key)
        if body is None:
            return
        if _asks_otherwise(before, body):
            self.queue.add(key, generation=body["metadata"]["generation"])
        if _matters_to_others(before, body):
            self._tell_others(key, body)

    def _tell_others(self, key: Key, body: dict[str, Any]) -> None:
        for other in dependents.of(self.store, key, body):
            self.queue.add(other)
        if key.kind in scaling.CONCERNS:
            self.queue.add(scaling.PLANNER, seconds=SETTLE_SECONDS)

    async def _run(self, key: Key) -> Again:
        traced = self.world.kube.tracing
        if key == scaling.PLANNER:
            with traced.work("plan provers", {}):
                return await scaling.look(self.world, self.queue.add)
        named = {"ethrex.kind": key.kind, "k8s.namespace.name": key.namespace, "ethrex.name": key.name}
        with traced.work(f"reconcile {key.kind}", named):
            return await steps.reconcile(self.world, key)

    def _is_known(self, kind: str, namespace: str, name: str) -> bool:
        return Key(kind, namespace, name) in self.store

    def _child_changed(self, kind: str, namespace: str, name: str) -> None:
        key = Key(kind, namespace, name)
        if key in self.store:
            self.queue.add(key)

    def _namespace_changed(self, name: str) -> None:
        """Rollups there may be let in now, or no more, by those that select namespaces; and those have others to serve."""
        for key in self.store.rollups_in(name):
            body = self.store[key]
            if self._selects(key, body):
                self.queue.add(key)
                self._tell_others(key, body)

    def _selects(self, rollup: Key, body: dict[str, Any]) -> bool:
        """Whether anything that it names lets it in by a selector."""
        named = (self.store.get(one) or {} for one in named_by(rollup, body))
        return any(
            ((one.get("spec") or {}).get("allowedRollups") or {}).get("namespaces", {}).get("from") == "Selector"
            for one in named
        )

    async def _watch_resources(self) -> None:
        registry = kopf.OperatorRegistry()
        for kind in kinds.OURS.values():
            kopf.on.event(GROUP, VERSION, kind.plural, registry=registry)(self._handler(kind.name))
        kopf.on.login(registry=registry)(_login(self.settings))
        kopf.on.startup(registry=registry)(self._started)
        settings = kopf.OperatorSettings()
        settings.posting.enabled = False
        settings.peering.standalone = True
        settings.watching.initial_streaming = True
        settings.scanning.disabled = True
        settings.queueing.idle_timeout = IDLE_SECONDS
        settings.persistence.diffbase_storage = _NoDiffs()
        await kopf.operator(
            registry=registry,
            settings=settings,
            standalone=True,
            clusterwide=self.settings.watched is None,
            namespaces=[] if self.settings.watched is None else [self.settings.watched],
        )
        raise KubeError("the watches of resources ended")

    async def _started(self, **_: Any) -> None:
        asyncio.get_running_loop().call_soon(self._listen)  # it takes them in this turn of the loop

    def _handler(self, kind: str) -> Any:
        async def handle(type: str | None, body: kopf.Body, **_: Any) -> None:
            self.event(kind, type, dict(body))

        return handle


async def run(settings: Settings) -> None:
    """Until SIGTERM. Raises `LeaseLost`, `KubeError`."""
    stop = asyncio.Event()
    # Names that nobody answers for hold a thread each, and big answers of the API server are unpacked in one.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS))

    def listen() -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)

    listen()
    version = metadata.version("ethrex-operator")
    connector = aiohttp.TCPConnector(keepalive_timeout=KEEP_SECONDS)
    async with aiohttp.ClientSession(connector=connector) as session, contextlib.AsyncExitStack() as open_things:
        alone = await Kube.connect(settings.kubeconfig)  # whatever else goes on, nobody waits to renew
        open_things.push_async_callback(alone.close)
        leadership = Leadership(alone, Name(settings.own_namespace, LEASE), settings.identity)
        kube = await Kube.connect(settings.kubeconfig, may_write=lambda: leadership.may_write)
        open_things.push_async_callback(kube.close)
        kube.tracing = tracing.start(settings.tracing_endpoint, settings.tracing_ratio, version, settings.identity)
        open_things.push_async_callback(asyncio.to_thread, kube.tracing.stop)
        serving = door.Door(settings.metrics_addr, settings.metrics_port, leadership)
        serving.sources.append(lambda: figures.of_access(kube, leadership))
        await serving.start()
        open_things.push_async_callback(serving.stop)
        print(f"metrics    http://{settings.metrics_addr}:{serving.port}/metrics", flush=True)
        await _until(stop, leadership.acquire())
        if stop.is_set():
            return
        issuer = (await kube.request("GET", "/.well-known/openid-configuration"))["issuer"]
        operator = Operator(settings, kube, session, issuer, listen)
        serving.sources.append(lambda: figures.of_work(operator.queue, operator.store, operator.children))
        serving.sources.append(lambda: figures.of_rollups(operator.world.lost, operator.store))
        serving.sources.append(lambda: figures.of_scaling(operator.world.scaling))
        print(f"leading    {settings.identity}", flush=True)
        try:
            await _until(stop, _led(operator, leadership))
        finally:
            await leadership.release()


async def _led(operator: Operator, leadership: Leadership) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(leadership.hold())
        group.create_task(operator.lead())


async def _until(stop: asyncio.Event, work: Any) -> None:
    """Do `work` until it is done or somebody stops it; what it raises is raised."""
    working, stopped = asyncio.ensure_future(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((working, stopped), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
    finally:
        for task in (working, stopped):
            task.cancel()
        await asyncio.gather(working, stopped, return_exceptions=True)


def _asks_otherwise(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Its status is what the operator wrote itself."""
    return any(
        before["metadata"].get(name) != after["metadata"].get(name)
        for name in ("generation", "deletionTimestamp", "uid")
    )


def _matters_to_others(before: dict[str, Any], after: dict[str, Any]) -> bool:
    return _asks_otherwise(before, after) or (before.get("status") or {}).get("contracts") != (
        after.get("status") or {}
    ).get("contracts")


def _login(settings: Settings) -> Any:
    def login(**_: Any) -> Any:
        if settings.kubeconfig is not None:
            os.environ["KUBECONFIG"] = str(settings.kubeconfig)
            return kopf.login_with_kubeconfig(**_)
        return kopf.login_with_service_account(**_)

    return login


def _own_namespace() -> str:
    with contextlib.suppress(OSError):
        return IN_CLUSTER_NAMESPACE.read_text().strip()
    return "default"


@click.group(context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "ETHREX_OPERATOR"})
def operator() -> None:
    """Reconcile EthrexL1Node, EthrexSettlement, EthrexRollup and ProverPool in a cluster."""


_own_namespace_option = click.option("--own-namespace", default=None, help="where its lease is (default: the pod's)")


@operator.command("run")
@click.option(
    "--kubeconfig", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="default: the pod's own access"
)
@_own_namespace_option
@click.option(
    "--service-account",
    "account",
    default="ethrex-operator",
    show_default=True,
    help="its own: coordinators know it by that",
)
@click.option("--namespace", "watched", default=None, help="watch only this one (default: all)")
@click.option(
    "--metrics-port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="also of the probes"
)
@click.option("--metrics-addr", default="0.0.0.0", show_default=True)
@click.option("--node-image", default="ethrex-node:0.1.0", show_default=True, help="where a resource names none")
@click.option("--prover-image", default="ethrex-prover:0.1.0", show_default=True, help="where a pool names none")
@click.option(
    "--tracing-endpoint", default="", help="OTLP/HTTP collector to send traces to [default: none], http://host:4318"
)
@click.option(
    "--tracing-ratio",
    type=click.FloatRange(0, 1),
    default=1.0,
    show_default=True,
    help="share of the reconciles that is traced",
)
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
)
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True)
def run_(
    log_level: str, log_format: str, node_image: str, prover_image: str, own_namespace: str | None, **given: Any
) -> None:
    """Until SIGTERM. A second one waits until the first has left its lease."""
    logs.start(log_level, log_format)
    settings = Settings(
        own_namespace=own_namespace or _own_namespace(),
        identity=f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}",
        images={Program.NODE: node_image, Program.PROVER: prover_image},
        **given,
    )
    asyncio.run(run(settings))


@operator.command("check")
@_own_namespace_option
@click.option("--namespace", "watched", default=None, help="that it watches (default: all)")
@click.option(
    "--seconds", type=click.FloatRange(0), default=60.0, show_default=True, help="how long to wait for a leader"
)
def check(own_namespace: str | None, watched: str | None, seconds: float) -> None:
    """Whether one leads and its resources can be read: 1 where not. `helm test` runs it."""

    async def ask(kube: Kube) -> tuple[str | None, list[str]]:
        lease = Name(own_namespace or _own_namespace(), LEASE)
        return await installed.leader(kube, lease, seconds), await installed.resources(kube, watched)

    leader, resources = asyncio.run(_asked(ask))
    if leader is None:
        click.echo(f"nobody leads within {seconds:g} s", err=True)
        sys.exit(1)
    click.echo(f"{leader} leads; {len(resources)} resources")


@operator.command("left")
@click.option("--namespace", "watched", default=None, help="look only there (default: everywhere)")
def left(watched: str | None) -> None:
    """The resources that nobody would look after without an operator: 1 where there are any. `helm uninstall` asks first."""
    found = asyncio.run(_asked(lambda kube: installed.resources(kube, watched)))
    if found:
        click.echo("not uninstalled: nobody would look after these any more. Delete them first:", err=True)
        click.echo("\n".join(found), err=True)
        sys.exit(1)


async def _asked(question: Callable[[Kube], Awaitable[T]]) -> T:
    """As the pod that this runs in. Raises `KubeError`."""
    kube = await Kube.connect()
    try:
        return await question(kube)
    finally:
        await kube.close()


def main() -> None:
    """The command `ethrex-operator`. It ends with 1 where it can lead no longer: its pod is started again."""
    try:
        operator(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except (LeaseLost, KubeError, ExceptionGroup) as error:
        for one in _leaves(error):
            click.echo(f"ethrex-operator: {type(one).__name__}: {one}", err=True)
        sys.exit(1)


def _leaves(error: Exception) -> list[Exception]:
    if isinstance(error, ExceptionGroup):
        return [leaf for one in error.exceptions for leaf in _leaves(one)]
    return [error]
