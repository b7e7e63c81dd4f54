"""Only clusters made for tests are touched, whatever context a user's kubeconfig is at."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml


class ForeignCluster(Exception):
    """A kubeconfig that may lead to somebody's real cluster."""


def own(path: Path, context: str = "e2e") -> None:
    """Accept a kubeconfig of a test cluster: its current context is `context`, on this machine. Raises `ForeignCluster`."""
    try:
        config = yaml.safe_load(path.read_text())
        current = config["current-context"]
        cluster = _named(config["contexts"], current)["context"]["cluster"]
        server = _named(config["clusters"], cluster)["cluster"]["server"]
        host = urlsplit(server).hostname or ""
    except (OSError, yaml.YAMLError, LookupError, TypeError) as error:
        raise ForeignCluster(f"{path} is not a kubeconfig with a current context: {error!r}") from None
    if current != context:
        raise ForeignCluster(f"{path}: its context is {current!r}, and only {context!r} is for these tests")
    if not _is_loopback(host):
        raise ForeignCluster(f"{path}: its server is {server}, which is not on this machine")


def _named(entries: list[Any], name: str) -> Any:
    return {entry["name"]: entry for entry in entries}[name]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
