"""
The RPC's settings: what the command line fills in. Defaults are geth's where geth has the setting.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

DEFAULT_NAMESPACES: Final = ("eth", "net", "web3")
ALWAYS_SERVED: Final = ("rpc_modules",)
AUTH_NAMESPACES: Final = ("engine", "eth", "net", "web3", "admin", "debug", "txpool")


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the doors. Sizes in bytes, times in seconds."""

    body_bytes: int = 5 * 1024 * 1024
    head_bytes: int = 64 * 1024
    head_seconds: float = 30
    body_seconds: float = 30
    idle_seconds: float = 120
    write_seconds: float = 30  # a client that does not read its answer
    answer_seconds: float = 30
    batch_items: int = 1000
    batch_response_bytes: int = 25_000_000
    connections: int = 10_000
    message_bytes: int = 32 * 1024 * 1024  # WebSocket, one message in
    ping_seconds: float = 30
    gzip_bytes: int = 1400  # below one packet compression buys nothing
    gzip_inline_bytes: int = 32 * 1024  # above this (about 1 ms) compression leaves the event loop
    heavy_threads: int = 2
    heavy_waiting: int = 512
    filters: int = 10_000
    filter_seconds: float = 300
    subscriptions: int = 256  # a connection
    subscription_queue: int = 10_000  # notifications that a slow subscriber may owe


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """One listening address. `origins` and `vhosts` may hold "*"."""

    host: str = "127.0.0.1"
    port: int = 8545
    namespaces: tuple[str, ...] = DEFAULT_NAMESPACES
    http: bool = True
    websocket: bool = False
    vhosts: frozenset[str] = frozenset({"localhost"})
    cors_origins: frozenset[str] = frozenset()
    websocket_origins: frozenset[str] = frozenset()
    prefix: str = ""  # the only path that is served, "" = "/"
    limits: Limits = field(default_factory=Limits)
