"""
web3_*, rpc_modules and net_version: constants of the process and a hash. Any process answers them.
"""

from __future__ import annotations

from ethrex_node.rpc import params, table
from ethrex_node.rpc.node import Local

METHODS = table.Group()


@METHODS.method("web3_clientVersion", kind=table.LOCAL)
def client_version(local: Local) -> str:
    """Name and version of the client."""
    return local.identity.client_version


@METHODS.method("web3_sha3", kind=table.LOCAL)
def sha3(local: Local, data: params.Data) -> str:
    """Keccak-256 of the data."""
    return params.hex_data(local.keccak(data))


@METHODS.method("net_version", kind=table.LOCAL)
def network_version(local: Local) -> str:
    """The network id, in decimal."""
    return str(local.identity.network_id)


@METHODS.method("rpc_modules", kind=table.LOCAL)
def modules(local: Local) -> dict[str, str]:
    """The namespaces that are served, each with its version."""
    return dict.fromkeys(local.modules(), "1.0")
