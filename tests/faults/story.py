"""
A small chain with branches, and the order in which its heads come: what a consensus client drives through the node
while faults strike. Built once by the real core; every state in it can be told from outside (see `state_root`).
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ethrex_node import _native
from ethrex_node.config import dev as dev_config
from ethrex_node.dev import accounts

ZERO: Final = "0x" + "00" * 32
GWEI: Final = 10**9
KEYS: Final = accounts.derive()
FEES_TO: Final = b"\x77" * 20
# SSTORE(NUMBER, TIMESTAMP), then a log: each block leaves a trace in storage, each branch its own.
CLOCK: Final = b"\xc1" * 20
CLOCK_CODE: Final = "0x4243555f5fa000"
BEACON_ROOTS: Final = "0x000f3df6d732807ef1319fb7b8bb8522d0beac02"
BLOCK_HASHES: Final = "0x0000f90827f1c53a10cb7a02335b175320002935"
RING: Final = 8191
TRANSFERS: Final = 4  # a block
HEAVY: Final = 5  # transactions of a heavy block


def genesis() -> bytes:
    made = json.loads(dev_config.dev_genesis([one.address for one in KEYS], timestamp=1).json)
    made["alloc"][CLOCK.hex()] = {"balance": "0x0", "code": CLOCK_CODE}
    return json.dumps(made).encode()


def signed(key: bytes, nonce: int, to: bytes, value: int = 0, data: bytes = b"", gas: int = 100_000) -> bytes:
    """A dynamic-fee transaction."""
    numbers = [dev_config.CHAIN_ID, nonce, GWEI, 100 * GWEI, gas]
    fields = [*map(_integer, numbers), to, _integer(value), data, []]
    signature = _native.sign_hash(key, _native.keccak256(b"\x02" + _native.rlp_encode(fields)))
    r, s, odd = signature[:32].lstrip(b"\0"), signature[32:64].lstrip(b"\0"), signature[64]
    return b"\x02" + bytes(_native.rlp_encode([*fields, _integer(odd), r, s]))


def _integer(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def checksummed(address: bytes) -> str:
    """As the pool's content has it (EIP-55)."""
    digits = address.hex()
    digest = bytes(_native.keccak256(digits.encode())).hex()
    return "0x" + "".join(one.upper() if int(by, 16) > 7 else one for one, by in zip(digits, digest, strict=False))


@dataclass(frozen=True)
class Block:
    number: int
    hash: str
    parent: str
    timestamp: int
    rlp: bytes
    payload: dict[str, Any]


@dataclass(frozen=True)
class Story:
    """Blocks by hash; `heads`: what is made the head, one after the other, reorgs among them."""

    genesis: bytes
    origin: str
    blocks: dict[str, Block]
    heads: tuple[str, ...]

    def path(self, head: str) -> list[Block]:
        """From block 1 to `head`."""
        found = []
        while head in self.blocks:
            found.append(self.blocks[head])
            head = found[-1].parent
        return found[::-1]


def tell(folder: Path, rounds: int) -> Story:
    """A round: two blocks, a branch of two that takes the second's place, and the first branch again, one longer."""
    document = genesis()
    chain = _native.Chain(folder / "chain", document, durable=False, map_size=1 << 28)
    origin = "0x" + chain.head().hash.hex()
    blocks: dict[str, Block] = {}
    heads: list[str] = []
    tip, number, timestamp = origin, 0, 1
    for _ in range(rounds):
        first = _grow(chain, blocks, tip, number + 1, timestamp + 12, 0)
        second = _grow(chain, blocks, first, number + 2, timestamp + 24, 0)
        other = _grow(chain, blocks, first, number + 2, timestamp + 25, 1)
        longer = _grow(chain, blocks, other, number + 3, timestamp + 37, 1)
        third = _grow(chain, blocks, second, number + 3, timestamp + 36, 0)
        heads += [first, second, other, longer, third]
        chain.set_head(bytes.fromhex(third[2:]), bytes(32), bytes(32))
        tip, number, timestamp = third, number + 3, timestamp + 36
    return Story(document, origin, blocks, tuple(heads))


def straight(folder: Path, length: int) -> Story:
    """One branch of `length` blocks; its last one is the only head."""
    document = genesis()
    chain = _native.Chain(folder / "chain", document, durable=False, map_size=1 << 28)
    origin = tip = "0x" + chain.head().hash.hex()
    blocks: dict[str, Block] = {}
    for number in range(1, length + 1):
        tip = _grow(chain, blocks, tip, number, 1 + 12 * number, 0)
    return Story(document, origin, blocks, (tip,))


def heavy(folder: Path, length: int) -> list[Block]:
    """Blocks of half a MiB of call data each, which compress badly."""
    dice = random.Random(length)
    chain = _native.Chain(folder / "chain", genesis(), durable=False, map_size=1 << 30)
    tip = "0x" + chain.head().hash.hex()
    blocks: dict[str, Block] = {}
    for number in range(1, length + 1):
        raw = [
            signed(KEYS[0].key, HEAVY * (number - 1) + at, FEES_TO, data=dice.randbytes(100_000), gas=5_000_000)
            for at in range(HEAVY)
        ]
        tip = block(chain, blocks, tip, number, 1 + 12 * number, raw)
    return list(blocks.values())


def _grow(chain: _native.Chain, blocks: dict[str, Block], parent: str, number: int, timestamp: int, branch: int) -> str:
    """A block with transfers to addresses that it is the first to use, and a call of the clock."""
    nonce = (number - 1) * (TRANSFERS + 1)
    sender = KEYS[0].key
    raw = [signed(sender, nonce + at, recipient(number, branch, at), 1 + at) for at in range(TRANSFERS)]
    raw.append(signed(sender, nonce + TRANSFERS, CLOCK))
    return block(chain, blocks, parent, number, timestamp, raw)


def empty(chain: _native.Chain, blocks: dict[str, Block], parent: str, number: int, fees_to: bytes) -> str:
    """A block without transactions, told from its siblings by whom it pays."""
    return block(chain, blocks, parent, number, 1 + 12 * number, [], fees_to)


def block(
    chain: _native.Chain,
    blocks: dict[str, Block],
    parent: str,
    number: int,
    timestamp: int,
    raw: Sequence[bytes],
    fees_to: bytes = FEES_TO,
) -> str:
    """Build on `parent` and note it in `blocks`."""
    candidates = [one for one in _native.admit_transactions(raw) if isinstance(one, _native.Transaction)]
    built = chain.build(
        bytes.fromhex(parent[2:]),
        candidates,
        timestamp=timestamp,
        fee_recipient=fees_to,
        prev_randao=bytes(32),
        withdrawals=[],
        parent_beacon_root=bytes(32),
        gas_limit=60_000_000,
    )
    assert built.transactions == len(raw)
    payload = json.loads(_native.block_to_payload(built.block, 3))
    made = Block(number, "0x" + built.hash.hex(), parent, timestamp, built.block, payload)
    blocks[made.hash] = made
    return made.hash


def recipient(number: int, branch: int, at: int) -> bytes:
    return b"\x5e" + bytes(10) + number.to_bytes(4, "big") + bytes([branch, at]) + b"\x01\x02\x03"


def state_root(ask: Any, story: Story, head: str) -> str:
    """
    The root of all that the node says about the state at its head, made from nothing.

    Both branches' recipients are asked for: what a reorg left behind would change the root.
    """
    path = story.path(head)
    height = len(path)
    alloc = json.loads(story.genesis)["alloc"]
    addresses = {"0x" + address.removeprefix("0x").lower() for address in alloc} | {"0x" + FEES_TO.hex()}
    addresses |= {
        "0x" + recipient(number, branch, at).hex()
        for number in range(1, height + 3)
        for branch in (0, 1)
        for at in range(TRANSFERS)
    }
    slots: dict[str, set[int]] = {
        "0x" + CLOCK.hex(): set(range(height + 3)),
        BEACON_ROOTS: {at for block in path for at in (block.timestamp % RING, block.timestamp % RING + RING)},
        BLOCK_HASHES: {(block.number - 1) % RING for block in path},
    }
    for address, account in alloc.items():
        given = {int(slot, 16) for slot in account.get("storage", {})}
        slots.setdefault("0x" + address.removeprefix("0x").lower(), set()).update(given)
    told = {}
    for address in sorted(addresses):
        balance = ask("eth_getBalance", address, "latest")
        nonce = ask("eth_getTransactionCount", address, "latest")
        code = ask("eth_getCode", address, "latest")
        storage = {hex(slot): ask("eth_getStorageAt", address, hex(slot), "latest") for slot in slots.get(address, ())}
        held = {slot: value for slot, value in storage.items() if int(value, 16)}
        if int(balance, 16) or int(nonce, 16) or code != "0x" or held:
            told[address] = {"balance": balance, "nonce": nonce, "code": code, "storage": held}
    return "0x" + bytes(_native.state_root(json.dumps(told).encode())).hex()


def make_head(engine: Any, story: Story, head: str) -> None:
    """As a consensus client does: the payloads of the branch that the node may lack, then the fork choice."""
    send(engine, story.path(head)[-3:])
    choose(engine, head)


def send(engine: Any, blocks: Sequence[Block]) -> None:
    for one in blocks:
        status = engine("engine_newPayloadV4", one.payload, [], ZERO, [])["status"]
        assert status == "VALID", (one.number, status)


def choose(engine: Any, head: str) -> None:
    state = {"headBlockHash": head, "safeBlockHash": ZERO, "finalizedBlockHash": ZERO}
    answer = engine("engine_forkchoiceUpdatedV3", state)
    assert answer["payloadStatus"]["status"] == "VALID", answer
