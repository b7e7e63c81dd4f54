"""From a prover's input to what its blocks come to, in pure Python, and whether a statement says the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import rlp  # type: ignore[import-untyped]
from eth.db.atomic import AtomicDB
from eth.db.trie import _make_trie_root_and_nodes
from eth.exceptions import VMError
from eth.vm.chain_context import ChainContext
from eth.vm.forks.prague import PragueVM
from eth.vm.forks.prague.transactions import PragueTransactionBuilder
from eth.vm.header import HeaderSedes
from eth.vm.interrupt import EVMMissingData
from eth_bloom.bloom import BloomFilter
from eth_typing import Hash32
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError
from trie.exceptions import MissingTrieNode

from ethrex_node.verify import material
from ethrex_node.verify.rollup import machine
from ethrex_node.verify.rollup.rules import NEVER, Extra, Refused, Rules, check_header, extra_of, number, word

# Of an input (docs/protocol.md, "The program"), and of a statement.
PREVIOUS, BLOCKS, WITNESS = 11, 12, 13
L1_MESSAGE: Final = keccak(b"L1Message(address,bytes32,uint256)")
WORDS: Final = {
    "chainId": 1, "number": 2, "programVersion": 3, "previousBatchHash": 4, "previousStateRoot": 5, "newStateRoot": 6,
    "firstBlock": 7, "lastBlock": 8, "lastBlockHash": 9, "lastTimestamp": 10, "queueIndex": 11, "queueHash": 12,
    "messagesRoot": 13, "configHash": 17, "l1BaseFee": 18, "l1BlobBaseFee": 19,
}  # fmt: skip


FAILURES: Final = (Refused, ValidationError, VMError, EVMMissingData, MissingTrieNode, KeyError, rlp.RLPException)


class Differs(ValueError):
    """The second engine does not come to the statement. The message says where."""


def check(prover_input: bytes, statement: bytes) -> None:
    """
    All words of a batch's statement but that of what was published, counted again. Raises `Differs`.

    A batch that py-evm has not the rules for (Osaka) is one too: who asks for two engines is not content with one.
    """
    try:
        found = _found(rlp.decode(prover_input))
    except FAILURES as error:
        raise Differs(f"py-evm refuses the batch: {type(error).__name__}: {error}") from error
    for name, at in WORDS.items():
        said = statement[32 * at : 32 * at + 32]
        if word(found[name]) != said:
            raise Differs(f"{name} is 0x{said.hex()}, py-evm comes to 0x{word(found[name]).hex()}")


def check_block(config: Mapping[str, Any], given: material.Material) -> None:
    """One block of a chain with these rules, from its witness alone. Raises `Differs`."""
    block = rlp.decode(given.block)
    first = next((one for one in block[1] if isinstance(one, bytes) and one[0] == machine.PRIVILEGED), None)
    try:
        chain = Chain(Rules.of(config), given.nodes, given.codes, given.headers, block[0][0])
        # Where the queue stands is not in a block: its items are held against each other.
        queue = Queue(machine.Item.decode(first).nonce if first is not None else 0, bytes(32))
        chain.execute(block, extra_of(block[0]), queue)
    except FAILURES as error:
        raise Differs(f"{type(error).__name__}: {error}") from error


def _found(fields: list[Any]) -> dict[str, int | bytes]:
    chain_id, osaka, gas_limit, recipient, base, fee, operator, data, token, version = fields[1:PREVIOUS]
    numbers = [number(one) for one in (chain_id, gas_limit, fee, osaka)]
    rules = Rules(numbers[0], numbers[1], recipient, base, numbers[2], operator, data, token, numbers[3])
    previous = [fields[PREVIOUS][at : at + 32] for at in range(0, len(fields[PREVIOUS]), 32)]
    blocks = [rlp.decode(block) for block in fields[BLOCKS]]
    _, nodes, codes, _, headers = rlp.decode(fields[WITNESS])
    chain = Chain(rules, nodes, codes, headers, blocks[0][0][0])
    start = chain.parent[3]
    queue = Queue(number(previous[11]), previous[12])
    leaves: list[bytes] = []
    prices: set[tuple[int, int]] = set()
    for block in blocks:
        extra = extra_of(block[0])
        prices.add((extra.base_fee, extra.blob_base_fee))
        leaves += chain.execute(block, extra, queue)
    if len(prices) != 1:
        raise Refused("blocks with different prices of L1")
    last, (base_price, blob_price) = chain.parent, prices.pop()
    return {
        "chainId": rules.chain_id, "number": number(previous[2]) + 1, "programVersion": number(version),
        "previousBatchHash": keccak(fields[PREVIOUS]), "previousStateRoot": start, "newStateRoot": last[3],
        "firstBlock": number(blocks[0][0][8]), "lastBlock": number(last[8]), "lastBlockHash": chain.parent_hash,
        "lastTimestamp": number(last[11]), "queueIndex": queue.index, "queueHash": queue.hash,
        "messagesRoot": _root(leaves), "configHash": rules.config_hash, "l1BaseFee": base_price,
        "l1BlobBaseFee": blob_price,
    }  # fmt: skip


class Queue:
    """L1's, as far as the batches went."""

    def __init__(self, index: int, before: bytes) -> None:
        self.index, self.hash = index, before

    def take(self, item: machine.Item) -> None:
        if item.nonce != self.index:
            raise Refused(f"item {item.nonce} of the queue, {self.index} comes next")
        numbers = word(item.nonce) + word(item.value) + word(item.gas)
        hashed = keccak(word(item.chain_id) + item.sender + item.to + numbers + keccak(item.data))
        self.index, self.hash = self.index + 1, keccak(self.hash + hashed)


class Chain:
    """`parent` and its hash move on with each block."""

    def __init__(
        self,
        rules: Rules,
        nodes: Sequence[bytes],
        codes: Sequence[bytes],
        headers: Sequence[bytes],
        parent_hash: bytes,
    ) -> None:
        self._rules = rules
        self._db = AtomicDB()
        for item in (*nodes, *codes):
            self._db[keccak(item)] = item
        known = {keccak(header): header for header in headers}
        self.parent_hash = parent_hash
        self.parent: list[bytes] = rlp.decode(known[parent_hash])

    def execute(self, block: list[Any], extra: Extra, queue: Queue) -> list[bytes]:
        """Gives the leaves of its messages. Raises `Refused`."""
        header, transactions, ommers, withdrawals = block
        check_header(self._rules, header, self.parent, self.parent_hash)
        if ommers or withdrawals:
            raise Refused("ommers or withdrawals")
        if number(header[11]) >= self._rules.osaka_time != NEVER:
            raise Refused("a block of Osaka, and py-evm knows the forks to Prague")
        raw = [one if isinstance(one, bytes) else rlp.encode(one) for one in transactions]
        vm_state = self._state(header)
        run = machine.Block(vm_state, self._rules, number(header[15]), extra.blob_base_fee)
        for encoded, form in zip(raw, transactions, strict=True):
            if encoded[0] == machine.PRIVILEGED:
                item = machine.Item.decode(encoded)
                queue.take(item)
                run.item(item)
            else:
                run.signed(self._decoded(encoded, form))
        vm_state.persist()
        bloom = BloomFilter()
        for address, topics, _ in run.logs:
            bloom.extend([address, *map(word, topics)])
        wanted = (
            ("transactions root", _make_trie_root_and_nodes(tuple(raw))[0], header[4]),
            ("gas used", run.gas_used, number(header[10])),
            ("receipts root", _make_trie_root_and_nodes(tuple(run.receipts))[0], header[5]),
            ("bloom", int(bloom), number(header[6])),
            ("state root", vm_state.state_root, header[3]),
        )
        for name, got, said in wanted:
            if got != said:
                raise Refused(f"block {number(header[8])}: {name}")
        self.parent, self.parent_hash = header, keccak(rlp.encode(header))
        return list(_leaves(run.logs))

    def _state(self, header: list[bytes]) -> machine.State:
        context = PragueVM.create_execution_context(
            HeaderSedes.deserialize(header), (), ChainContext(self._rules.chain_id)
        )
        vm_state = machine.State(self._db, context, Hash32(self.parent[3]))
        vm_state.parent_hash = self.parent_hash
        if vm_state.get_code(machine.HISTORY):  # type: ignore[arg-type]
            slot = (number(header[8]) - 1) % machine.HISTORY_WINDOW
            vm_state.set_storage(machine.HISTORY, slot, number(self.parent_hash))  # type: ignore[arg-type]
        vm_state.lock_changes()
        return vm_state

    def _decoded(self, encoded: bytes, form: Any) -> Any:
        if encoded[0] == 3:
            raise Refused("a transaction with blobs")
        decoded = (
            PragueTransactionBuilder.decode(encoded)
            if isinstance(form, bytes)
            else (PragueTransactionBuilder.deserialize(form))
        )
        chain_id = decoded.chain_id
        if chain_id is not None and chain_id != self._rules.chain_id:
            raise Refused(f"a transaction of chain {chain_id}")
        return decoded


def _leaves(logs: Any) -> Iterator[bytes]:
    for address, topics, _ in logs:
        if address == machine.MESSENGER and len(topics) == 4 and word(topics[0]) == L1_MESSAGE:
            yield keccak(keccak(b"".join(map(word, topics[1:]))))


def _root(level: list[bytes]) -> bytes:
    """Sorted pairs; the odd one goes up as it is."""
    while len(level) > 1:
        pairs = [level[at : at + 2] for at in range(0, len(level), 2)]
        level = [keccak(b"".join(sorted(pair))) if len(pair) == 2 else pair[0] for pair in pairs]
    return level[0] if level else bytes(32)
