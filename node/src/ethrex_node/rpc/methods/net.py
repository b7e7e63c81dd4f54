"""
net_* and admin_*: peers and the node itself.
"""

from __future__ import annotations

from typing import Any

from ethrex_node.rpc import params, table
from ethrex_node.rpc.node import Node

METHODS = table.Group()


@METHODS.method("net_listening")
def listening(node: Node) -> bool:
    """Whether the node takes connections of peers."""
    return node.peers.listening()


@METHODS.method("net_peerCount")
def peer_count(node: Node) -> str:
    """How many peers are connected."""
    return params.hex_quantity(node.peers.count())


@METHODS.method("admin_nodeInfo")
def node_info(node: Node) -> dict[str, Any]:
    """The node's identity, addresses and protocols."""
    return dict(node.peers.node_info())


@METHODS.method("admin_peers")
def peers(node: Node) -> list[dict[str, Any]]:
    """The connected peers."""
    return [dict(peer) for peer in node.peers.peers()]


@METHODS.method("admin_datadir")
def data_folder(node: Node) -> str:
    """The absolute path of the data folder."""
    return node.identity.data_folder
