"""
Settings that cannot hold together. Each check is a function of the settings and of what was given, and yields the
message; all of them are told at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from ethrex_node.config import errors
from ethrex_node.config.nearest import hint
from ethrex_node.config.settings import MEMORY, Settings
from ethrex_node.config.sources import Told

Given = Mapping[str, str]
Check = Callable[[Settings, Given], Iterator[str]]

NAMESPACES: Final = (
    "eth", "net", "web3", "debug", "txpool", "admin", "trace", "ots", "testing", "dev", "anvil", "evm", "hardhat", "rpc",
    "ethrex",
)  # fmt: skip
EVERY: Final = "all"  # the word for every namespace but the engine's
DEV_NAMESPACES: Final = frozenset({"dev", "anvil", "evm", "hardhat"})
EXTRA_DATA_BYTES: Final = 32


def check(told: Told) -> None:
    """Raises `SettingsInvalid` with every contradiction."""
    found = [message for one in CHECKS for message in one(told.settings, told.given)]
    if found:
        raise errors.SettingsInvalid("\n  ".join(found))


def _dev_alone(settings: Settings, given: Given) -> Iterator[str]:
    if settings.dev and "network" in given:
        yield f"{given['network']}: a dev chain has a genesis of its own; leave out either --network or --dev"
    if not settings.dev:
        for name, origin in given.items():
            if name.startswith("dev."):
                yield f"{origin} has a meaning only with --dev"


def _fork(settings: Settings, given: Given) -> Iterator[str]:
    if settings.fork_url is None:
        if "fork-block" in given:
            yield f"{given['fork-block']} has a meaning only with --fork-url"
        return
    origin = given["fork-url"]
    if not settings.dev:
        yield f"{origin} has a meaning only with --dev"
    if not settings.fork_url.startswith(("http://", "https://")):
        yield f"{origin}: {settings.fork_url[:60]!r} is not the URL of a node: http://... or https://..."
    if settings.dev and settings.datadir != MEMORY:
        yield f"{given.get('datadir', '--datadir')}: a fork lives in memory; leave out either --datadir or --fork-url"
    if settings.http_workers:
        yield f"{given['http.workers']}: a fork is answered by one process; leave out --http.workers"
    if settings.import_file is not None:
        yield f"{given['import']}: a fork takes no blocks of others; leave out --import"


def _ports(settings: Settings, given: Given) -> Iterator[str]:
    doors = [("http.port", settings.http_addr, settings.http_port)]
    doors.append(("authrpc.port", settings.authrpc_addr, settings.authrpc_port))
    if settings.metrics:
        doors.append(("metrics.port", settings.metrics_addr, settings.metrics_port))
    if settings.ws_enabled and settings.ws_port not in (None, settings.http_port):
        doors.append(("ws.port", settings.ws_addr or settings.http_addr, settings.ws_port or 0))
    for index, (name, address, port) in enumerate(doors):
        for other, its_address, its_port in doors[:index]:
            meets = address == its_address or "0.0.0.0" in (address, its_address) or "::" in (address, its_address)
            if port != 0 and port == its_port and meets:
                yield f"{given.get(name, '--' + name)} and {given.get(other, '--' + other)} are both {port}"


def _namespaces(settings: Settings, given: Given) -> Iterator[str]:
    for name, namespaces in (("http.api", settings.http_api), ("ws.api", settings.ws_api or ())):
        origin = given.get(name, f"--{name}")
        for namespace in namespaces:
            if namespace == "engine":
                yield f"{origin}: the engine namespace is served on --authrpc.port alone, behind its secret"
            elif namespace not in (*NAMESPACES, EVERY):
                yield f"{origin}: no namespace {namespace!r}{hint(namespace, NAMESPACES)}"
            elif namespace in DEV_NAMESPACES and not settings.dev:
                yield f"{origin}: the namespace {namespace} has a meaning only with --dev"


def _websocket(settings: Settings, given: Given) -> Iterator[str]:
    if not settings.ws_enabled:
        for name in ("ws.addr", "ws.port", "ws.api", "ws.origins"):
            if name in given:
                yield f"{given[name]} has a meaning only with --ws.enabled"


def _metrics(settings: Settings, given: Given) -> Iterator[str]:
    if not settings.metrics:
        for name in ("metrics.addr", "metrics.port"):
            if name in given:
                yield f"{given[name]} has a meaning only with --metrics"


def _memory(settings: Settings, given: Given) -> Iterator[str]:
    if settings.datadir == MEMORY and not settings.dev:
        yield f"{given.get('datadir', '--datadir')}: only a dev chain can live in memory"


def _extra_data(settings: Settings, given: Given) -> Iterator[str]:
    origin = given.get("builder.extra-data", "--builder.extra-data")
    try:
        size = len(extra_data(settings.builder_extra_data))
    except ValueError:
        yield f"{origin}: {settings.builder_extra_data!r} begins with 0x and is not hex of whole bytes"
        return
    if size > EXTRA_DATA_BYTES:
        yield f"{origin} has {size} bytes, at most {EXTRA_DATA_BYTES} are allowed"


def namespaces(given: tuple[str, ...], *, dev: bool) -> tuple[str, ...]:
    """What --http.api and --ws.api mean."""
    if EVERY not in given:
        return given
    return tuple(one for one in NAMESPACES if dev or one not in DEV_NAMESPACES)


def extra_data(text: str) -> bytes:
    """The bytes that --builder.extra-data means."""
    return bytes.fromhex(text[2:]) if text.startswith("0x") else text.encode()


def _bootnodes(settings: Settings, given: Given) -> Iterator[str]:
    for url in settings.bootnodes or ():
        if not url.startswith(("enode://", "enr:")):
            yield f"{given.get('bootnodes', '--bootnodes')}: {url[:60]!r} is neither an enode URL nor a node record"


CHECKS: Final[tuple[Check, ...]] = (
    _dev_alone,
    _fork,
    _ports,
    _namespaces,
    _websocket,
    _metrics,
    _memory,
    _extra_data,
    _bootnodes,
)
