"""
A dev chain that forks another one: it begins with a block of that chain, and what it has not written itself is read from
that chain's node.

The rules are those of the chain where its id is a known network's, else those of any dev chain. The clock goes on from
the forked block's time, so that a fork of an old block keeps the rules of its day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from .. import _native
from ..config import dev as dev_config
from ..config import errors, genesis, networks, settings
from ..dev.upstream import Upstream, UpstreamFailed, UpstreamRefused

NO_CODE: Final = b""


@dataclass(frozen=True, slots=True)
class Forked:
    """A chain over another one's state."""

    native: _native.Chain
    genesis: genesis.Genesis
    upstream: Upstream
    block: int

    def facts(self) -> dict[str, Any]:
        """As anvil_nodeInfo tells them."""
        return {"forkUrl": self.upstream.name, "forkBlockNumber": self.block}


class CannotFork(errors.ConfigError):
    """--fork-url or --fork-block names what cannot be forked."""


def open_fork(wanted: settings.Settings, folder: Path, accounts: Sequence[bytes]) -> Forked:
    """Begin the chain in an empty folder, the dev accounts funded. Raises `CannotFork`."""
    assert wanted.fork_url is not None
    upstream = Upstream(wanted.fork_url)
    try:
        return _begun(wanted, folder, accounts, upstream)
    except (UpstreamFailed, ValueError) as error:
        upstream.close()
        raise CannotFork(f"--fork-url: {error}") from error
    except BaseException:
        upstream.close()
        raise


def _begun(wanted: settings.Settings, folder: Path, accounts: Sequence[bytes], upstream: Upstream) -> Forked:
    chain_id = _number(upstream, "eth_chainId")
    block = _block(wanted, upstream)
    rules = _rules(chain_id, wanted.dev_chain_id or chain_id, block)
    native = _native.Chain.fork(
        folder / "chain", rules.json, orjson.dumps(block), orjson.dumps(_receipts(upstream, block)), upstream.send
    )
    balance = wanted.dev_balance * 10**18
    for address in accounts:
        # On public chains others have the keys too, and have set code that takes away what comes in.
        native.patch(_native.Patch(address, balance=balance, code=NO_CODE))
    if _network(chain_id) is None:
        _provide_contracts(native)
    return Forked(native, rules, upstream, int(block["number"], 16))


def _block(wanted: settings.Settings, upstream: Upstream) -> dict[str, Any]:
    """The block to fork, with whole transactions."""
    place = "latest" if wanted.fork_block is None else hex(wanted.fork_block)
    block = upstream.result("eth_getBlockByNumber", [place, True])
    if block is None:
        head = _number(upstream, "eth_blockNumber")
        raise CannotFork(f"--fork-block {wanted.fork_block}: {upstream.name} has blocks up to {head}")
    if not isinstance(block, dict) or not {"number", "gasLimit"} <= block.keys():
        raise UpstreamFailed(f"{upstream.name} answers eth_getBlockByNumber with something else than a block")
    return block


def _number(upstream: Upstream, method: str) -> int:
    value = upstream.result(method, [])
    try:
        return int(value, 16)
    except (TypeError, ValueError) as error:
        raise UpstreamFailed(
            f"{upstream.name} answers {method} with {str(value)[:60]!r}, which is no number"
        ) from error


def _receipts(upstream: Upstream, block: dict[str, Any]) -> Any:
    """None where the node does not know the method: the block then shows no transactions."""
    try:
        return upstream.result("eth_getBlockReceipts", [block["number"]])
    except UpstreamRefused:
        return None


def _network(chain_id: int) -> networks.Network | None:
    found = (networks.load(name) for name in networks.NAMES)
    return next((network for network in found if network.genesis.chain_id == chain_id), None)


def _rules(forked_id: int, chain_id: int, block: dict[str, Any]) -> genesis.Genesis:
    network = _network(forked_id)
    config = dev_config.config(chain_id) if network is None else {**network.genesis.config, "chainId": chain_id}
    document = {"config": config, "gasLimit": block["gasLimit"], "difficulty": "0x0", "alloc": {}}
    return genesis.check(document, f"the rules of chain {chain_id}")


def _provide_contracts(native: _native.Chain) -> None:
    """The system contracts that a dev chain's rules ask for, where the chain lacks them."""
    contracts = {bytes.fromhex(address.removeprefix("0x")): one for address, one in dev_config.contracts().items()}
    for (address, contract), (*_, has_code, _delegated) in zip(
        contracts.items(), native.accounts(list(contracts)), strict=True
    ):
        if not has_code:
            slots = {int(slot, 16): int(value, 16) for slot, value in contract.get("storage", {}).items()}
            code = bytes.fromhex(contract["code"].removeprefix("0x"))
            nonce = int(str(contract.get("nonce", 0)), 0)
            native.patch(_native.Patch(address, nonce=nonce, code=code, storage=slots))
