"""
What the Python methods work on, bound into the table once at start.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ethrex_node.rpc import filters, parts, settings, subscriptions


@dataclass(frozen=True, slots=True)
class Local:
    """What any process of the node knows. `modules` gives the namespaces that are served."""

    identity: parts.Identity
    keccak: Callable[[bytes], bytes]
    modules: Callable[[], list[str]]


@dataclass(frozen=True, slots=True)
class Node:
    """What lives in the writing process."""

    identity: parts.Identity
    keccak: Callable[[bytes], bytes]
    reader: parts.Reader
    pool: parts.Pool
    heads: parts.Heads
    peers: parts.Peers
    filters: filters.Filters
    subscriptions: subscriptions.Subscriptions
    limits: settings.Limits
    upstream: parts.Upstream | None = None
