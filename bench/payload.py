"""
What a batch of transfers publishes, beside its blocks in full and beside the reference's old state diffs.

Traffic as of chaingen: 20,300 accounts send in turn, every other transfer goes to an account that has never been seen, the others
to one of the senders. The blocks are sealed and the batch is made by the core; the two other encodings are counted, not made:
blocks as the chain holds them, state diffs by the layout of `old_diff_bytes`.
"""

from __future__ import annotations

import hashlib
import json
import math
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import coincurve
from unit.rollup import rollups

from ethrex_node import _native
from ethrex_node.config import genesis as genesis_files
from ethrex_node.rollup import genesis
from ethrex_node.rollup.l1.fees import Fees
from ethrex_node.rollup.l1.transaction import Transaction

from . import peers
from .measure import Measurement, progress

CHAIN_ID: Final = 1337
GWEI: Final = 10**9
ETHER: Final = 10**18
SENDERS: Final = 20_300
PER_BLOCK: Final = {"ETH": 1_000, "ERC-20": 400}  # less than half of the gas: the base fee does not climb
RULES: Final = rollups.RULES | {"gasLimit": 60_000_000}
L1_PRICES: Final = (GWEI, 1)
TOKEN: Final = bytes.fromhex("70" + "00" * 18 + "07")
FEE_ACCOUNTS: Final = 3  # beneficiary, operator's vault, data fee's vault


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of one batch in its three encodings, and the least that could tell the same."""

    payload: int
    blocks: int
    old_diff: int
    floor: float


def run() -> Iterator[Measurement]:
    for kind, count, of_blocks, of_diffs in (
        ("ETH", 10_000, 1 / 2, 1 / 1.3),
        ("ERC-20", 10_000, 1 / 2, 1 / 1.3),
        ("ETH", 100_000, 1 / 3, None),
        ("ERC-20", 100_000, 1 / 3, None),
    ):
        sizes = measure(kind, count)
        name = f"payload {count:,} {kind}"
        each = sizes.payload / count
        progress(f"{name}: {each:.1f} bytes a transfer, entropy floor {sizes.floor / count:.1f}")
        yield Measurement(f"{name} : blocks", each, sizes.blocks / count, round(of_blocks, 3), "B/tx", lower=True)
        if of_diffs is not None:
            peer = sizes.old_diff / count
            yield Measurement(f"{name} : old diffs", each, peer, round(of_diffs, 3), "B/tx", lower=True)


def measure(kind: str, count: int) -> Sizes:
    with tempfile.TemporaryDirectory() as folder:
        sealed = Sealed.make(Path(folder), kind, count)
        made = sealed.chain.reader().batch(1, sealed.chain.head().number, sealed.previous, 1)
    payload = 4 + int.from_bytes(made.blobs[0][0][1:5], "big")  # without the padding: see docs/protocol.md
    return Sizes(payload, sealed.block_bytes, sealed.touched.old_diff_bytes(), sealed.touched.floor())


@dataclass(frozen=True, slots=True)
class Sealed:
    """A chain of blocks with so many transfers, and the batch that comes before them."""

    chain: _native.Chain
    genesis: bytes
    previous: bytes
    block_bytes: int
    touched: Touched

    @classmethod
    def make(cls, folder: Path, kind: str, count: int) -> Sealed:
        keys = [coincurve.PrivateKey(seed("sender", number)) for number in range(SENDERS)]
        senders = [address_of(key) for key in keys]
        transfers = list(traffic(senders, count))
        steps = range(0, count, PER_BLOCK[kind])
        given = first_state(senders, with_token=kind != "ETH")
        chain = _native.Chain(folder / "chain", given, durable=False, map_size=1 << 32)
        sizes = [seal(chain, kind, keys, transfers[at : at + PER_BLOCK[kind]]) for at in steps]
        previous = _native.genesis_batch(given, l1_chain_id=1, proposer=b"\x05" * 20, salt=bytes(32))
        return cls(chain, given, previous, sum(sizes), Touched.of(kind, transfers, senders, len(steps)))


@dataclass(frozen=True, slots=True)
class Transfer:
    number: int
    sender: int
    nonce: int
    to: bytes
    is_new: bool


def traffic(senders: list[bytes], count: int) -> Iterator[Transfer]:
    for number in range(count):
        is_new = number % 2 == 1
        to = seed("new", number)[:20] if is_new else senders[(number * 7919) % len(senders)]
        yield Transfer(number, number % len(senders), number // len(senders), to, is_new)


def token_code() -> str:
    return "0x" + (peers.CHAINGEN / "token.hex").read_text(encoding="ascii").strip()


def seal(chain: _native.Chain, kind: str, keys: list[coincurve.PrivateKey], transfers: list[Transfer]) -> int:
    """One block of these transfers on the head; its size as RLP."""
    admitted = [_native.admit_transactions([signed(kind, keys[each.sender], each)])[0] for each in transfers]
    for transaction in admitted:
        if isinstance(transaction, str):
            raise RuntimeError(f"a transfer was refused: {transaction}")
    head = chain.head()
    built = chain.seal(
        head.hash,
        [transaction for transaction in admitted if not isinstance(transaction, str)],
        timestamp=head.timestamp + 1,
        l1_prices=L1_PRICES,
        privileged=[],
        max_data_bytes=1 << 24,
    )
    chain.set_head(built.hash, built.hash, built.hash)
    if len(chain.transaction_hashes(built.hash)) != len(transfers):
        raise RuntimeError("a block left transfers out")
    block = chain.block(built.hash)
    assert block is not None
    return len(block)


def signed(kind: str, key: coincurve.PrivateKey, transfer: Transfer) -> bytes:
    amount = 1_000 + transfer.number
    call = bytes.fromhex("a9059cbb") + transfer.to.rjust(32, b"\0") + amount.to_bytes(32, "big")
    transaction = Transaction(
        chain_id=CHAIN_ID,
        nonce=transfer.nonce,
        to=transfer.to if kind == "ETH" else TOKEN,
        gas_limit=100_000,
        fees=Fees(1_000_000 * GWEI, GWEI),
        data=b"" if kind == "ETH" else call,
        value_wei=amount if kind == "ETH" else 0,
    )
    signature = key.sign_recoverable(transaction.preimage, hasher=_native.keccak256)
    return transaction.signed(signature).raw


def first_state(senders: list[bytes], *, with_token: bool) -> bytes:
    made = genesis.rollup_genesis(CHAIN_ID, RULES, dict.fromkeys(senders, 10**9 * ETHER), timestamp=100)
    if with_token:
        slots = {"0x" + slot_of(sender).hex(): hex(10**6 * ETHER) for sender in senders}
        made["alloc"][TOKEN.hex()] = {"balance": "0x0", "nonce": "0x1", "code": token_code(), "storage": slots}
    return genesis_files.check(json.loads(json.dumps(made))).json


@dataclass(frozen=True, slots=True)
class Touched:
    """What a batch changed: accounts that sent, accounts (or slots) that hold, how many of those were not there before."""

    is_token: bool
    senders: int
    holders: int
    new: int
    transfers: int
    blocks: int

    @classmethod
    def of(cls, kind: str, transfers: list[Transfer], senders: list[bytes], blocks: int) -> Touched:
        sent = {senders[each.sender] for each in transfers}
        new = sum(each.is_new for each in transfers)
        return cls(kind != "ETH", len(sent), len(sent | {each.to for each in transfers}), new, len(transfers), blocks)

    def old_diff_bytes(self) -> int:
        """The reference's layout: type 1, address 20, [balance 32], [nonce increase 2], [count 2, key 32 + value 32 each]."""
        fixed = 1 + (32 * 3 + 8 * 5) + 2 + 2 + 2
        history = 1 + 20 + 2 + 64 * self.blocks
        fees = FEE_ACCOUNTS * (1 + 20 + 32)
        if self.is_token:
            return fixed + history + fees + self.senders * (1 + 20 + 32 + 2) + 1 + 20 + 2 + 64 * self.holders
        return fixed + history + fees + self.holders * (1 + 20 + 32) + 2 * self.senders

    def floor(self) -> float:
        """
        Bytes to name the known accounts that changed among all senders and the new ones among all addresses (in no order), and
        for every balance one of as many amounts as there are transfers. Fees and nonces follow from the rest.
        """
        key_bits = 256 if self.is_token else 160
        known = self.holders - self.new
        names = choose_bits(SENDERS, known) + key_bits * self.new - factorial_bits(self.new)
        sent = choose_bits(SENDERS, self.senders) if self.is_token else 0.0
        return (names + sent + self.holders * math.log2(self.transfers)) / 8


def choose_bits(of: int, count: int) -> float:
    return factorial_bits(of) - factorial_bits(count) - factorial_bits(of - count)


def factorial_bits(number: int) -> float:
    return math.lgamma(number + 1) / math.log(2)


def seed(name: str, number: int) -> bytes:
    return hashlib.sha256(f"{name}/{number}".encode()).digest()


def address_of(key: coincurve.PrivateKey) -> bytes:
    return _native.keccak256(key.public_key.format(compressed=False)[1:])[12:]


def slot_of(holder: bytes) -> bytes:
    return _native.keccak256(holder.rjust(32, b"\0") + bytes(32))
