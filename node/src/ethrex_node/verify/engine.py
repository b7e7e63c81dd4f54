"""One block in py-evm: from a witness to the header, the receipts and the state that py-evm comes to."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import rlp  # type: ignore[import-untyped]
from eth.abc import BlockHeaderAPI
from eth.consensus.context import ConsensusContext
from eth.db.atomic import AtomicDB
from eth.db.chain import ChainDB
from eth.exceptions import HeaderNotFound
from eth.vm.chain_context import ChainContext
from eth.vm.header import HeaderSedes
from eth.vm.interrupt import EVMMissingData
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError
from trie.exceptions import MissingTrieNode

from ethrex_node.verify import forks, material, state
from ethrex_node.verify.errors import Unverifiable

MAINNET_DEPOSITS: Final = "0x00000000219ab540356cbb839cbe05303d7705fa"


class Refused(Exception):
    """py-evm does not take the block that this node took."""


class Insufficient(Exception):
    """py-evm asked for a node, a code or a header that the witness does not hold."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`accounts` is the state after the block, as far as the witness goes."""

    header: BlockHeaderAPI
    receipts: tuple[bytes, ...]
    accounts: state.WitnessAccounts


def header_of(block: bytes) -> BlockHeaderAPI:
    header: BlockHeaderAPI = HeaderSedes.deserialize(rlp.decode(block)[0])
    return header


def execute(given: material.Material, config: Mapping[str, Any]) -> Outcome:
    """Raises Unverifiable where py-evm has not the rules, Refused where it says no, Insufficient."""
    fields = rlp.decode(given.block)[0]
    number, timestamp, difficulty = (int.from_bytes(fields[at], "big") for at in (8, 11, 7))
    rules = forks.rules(config, number, timestamp, difficulty)
    if rules.module == "prague" and config.get("depositContractAddress", MAINNET_DEPOSITS).lower() != MAINNET_DEPOSITS:
        raise Unverifiable(number, "the chain's deposit contract is not mainnet's, the only one that py-evm knows")
    chaindb = _database(given)
    parent: BlockHeaderAPI = rlp.decode(given.headers[-1], sedes=HeaderSedes)
    machine = _machine(rules, config, _hashes(given))
    block = rlp.decode(given.block, sedes=machine.get_block_class())
    start = machine.create_header_from_parent(parent)
    vm = machine(start, chaindb, ChainContext(config["chainId"]), ConsensusContext(chaindb.db))
    try:
        done = vm.import_block(block).block
    except ValidationError as error:
        raise Refused(str(error)) from error
    except (EVMMissingData, MissingTrieNode, HeaderNotFound) as error:
        raise Insufficient(f"{type(error).__name__}: {error}") from error
    receipts = tuple(receipt.encode() for receipt in done.get_receipts(chaindb))
    accounts = vm.state._account_db
    return Outcome(done.header, receipts, accounts)


def _database(given: material.Material) -> ChainDB:
    db = AtomicDB()
    for item in (*given.nodes, *given.codes, *given.headers):
        db[keccak(item)] = item
    return ChainDB(db)


def _hashes(given: material.Material) -> tuple[bytes, ...]:
    """What BLOCKHASH knows, the parent first: a header tells its parent's hash, so the last hash needs no header."""
    return (keccak(given.headers[-1]), *(rlp.decode(header)[0] for header in reversed(given.headers)))


def _machine(rules: forks.Rules, config: Mapping[str, Any], hashes: tuple[bytes, ...]) -> Any:
    """The fork's machine over this package's state."""
    base = getattr(importlib.import_module(f"eth.vm.forks.{rules.module}"), rules.vm)
    over = type("WitnessState", (base.get_state_class(),), {"account_db_class": state.WitnessAccounts})
    settings: dict[str, Any] = {"_state_class": over, "previous_hashes": hashes}
    if rules.module == "homestead":
        dao = config.get("daoForkBlock")
        settings["support_dao_fork"] = dao is not None and bool(config.get("daoForkSupport", True))
        settings["_dao_fork_block_number"] = 0 if dao is None else dao
    return base.configure(f"Witness{rules.vm}", **settings)
