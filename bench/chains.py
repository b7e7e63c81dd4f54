"""
Chains of shapes that the load needs, built with the native core over the genesis of the chain generator.

That genesis has 300 senders whose keys are known, 20,000 bystanders and one ERC-20. geth takes each of these blocks when the
chain is loaded into it, so a block that only we believe in cannot go unnoticed.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ethrex_node import _native

from . import peers
from .measure import progress

SENDERS: Final = 300
BYSTANDERS: Final = 20_000
CHAIN_ID: Final = 1337
TOKEN: Final = bytes.fromhex("7000000000000000000000000000000000000007")
TRANSFER_TOPIC: Final = "0x" + _native.keccak256(b"Transfer(address,address,uint256)").hex()
TRANSFER_SELECTOR: Final = bytes.fromhex("a9059cbb")
ZERO: Final = bytes(32)
BLOCK_SECONDS: Final = 10

LIGHT_BLOCKS: Final = 10_000
LIGHT_LOGS: Final = 3
SPARSE_EVERY: Final = 500  # blocks between two logs of the rare recipient
HEAVY_BLOCKS: Final = 60
HEAVY_TRANSACTIONS: Final = 1275  # a third of them ERC-20: 425 logs
FULL_TRANSACTIONS: Final = 1500
LIVE_BLOCKS: Final = 500
LIVE_TRANSACTIONS: Final = 100
LIVE_FROM: Final = 200  # senders from here on move while the load runs, those before stand still


def key(sender: int) -> bytes:
    return hashlib.sha256(f"sender/{sender}".encode()).digest()


def bystander(index: int) -> bytes:
    return hashlib.sha256(f"by/{index}".encode()).digest()[:20]


RARE: Final = hashlib.sha256(b"rare").digest()[:20]
FREQUENT: Final = hashlib.sha256(b"frequent").digest()[:20]


@dataclass(slots=True)
class Signer:
    """Nonces of the senders, and their transactions. `fee`: what each offers, in wei."""

    chain_id: int = CHAIN_ID
    nonces: dict[bytes, int] = field(default_factory=dict)

    def pay(self, secret: bytes, to: bytes, value: int, data: bytes = b"", gas: int = 21_000) -> bytes:
        """A raw EIP-1559 transaction with the sender's next nonce."""
        nonce = self.nonces.get(secret, 0)
        self.nonces[secret] = nonce + 1
        fields: list[bytes | list[bytes]] = [
            _number(self.chain_id),
            _number(nonce),
            _number(10**9),
            _number(10**15),
            _number(gas),
            to,
        ]
        fields += [_number(value), data, []]
        signature = _native.sign_hash(secret, _native.keccak256(b"\2" + _native.rlp_encode(fields)))
        r, s, parity = signature[:32].lstrip(b"\0"), signature[32:64].lstrip(b"\0"), signature[64]
        return b"\2" + bytes(_native.rlp_encode([*fields, _number(parity), r, s]))

    def transfer(self, secret: bytes, to: bytes, amount: int) -> bytes:
        """The same, of the ERC-20."""
        return self.pay(secret, TOKEN, 0, TRANSFER_SELECTOR + to.rjust(32, b"\0") + amount.to_bytes(32, "big"), 60_000)


@dataclass(frozen=True, slots=True)
class Built:
    """`chain`: what is loaded before the load begins. `live`: the blocks that are committed while it runs."""

    genesis: Path
    chain: Path
    live: Path

    @property
    def live_blocks(self) -> list[bytes]:
        return list(blocks(self.live.read_bytes()))


LAST_LIGHT: Final = LIGHT_BLOCKS
FIRST_HEAVY, LAST_HEAVY = LIGHT_BLOCKS + 1, LIGHT_BLOCKS + HEAVY_BLOCKS
FULL: Final = LAST_HEAVY + 1


def rpc_chain() -> Built:
    """
    What the table asks for, in one chain: 10,000 blocks with few logs, 60 with 425 each, one with 1,500 transfers.

    Kept in the cache, since signing and building it takes a minute.
    """

    def make(target: Path) -> None:
        progress(f"making {target.name} (about a minute)")
        work = target.with_suffix(".new")
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        shutil.copy(peers.chain("mix", 20, 100) / "genesis.json", work)
        signer = Signer()
        with tempfile.TemporaryDirectory() as folder:
            chain = _native.Chain(folder, (work / "genesis.json").read_bytes(), durable=False)
            append(chain, work / "chain.rlp", _rpc_blocks(signer))
            append(chain, work / "live.rlp", _live_blocks(signer))
        work.rename(target)

    folder = peers.once(peers.CACHE / "chains" / "rpc-1", make)
    return Built(folder / "genesis.json", folder / "chain.rlp", folder / "live.rlp")


def _rpc_blocks(signer: Signer) -> Iterator[list[bytes]]:
    senders = [key(number) for number in range(LIVE_FROM)]
    count = 0

    def next_sender() -> bytes:
        nonlocal count
        count += 1
        return senders[count % len(senders)]

    for number in range(1, LIGHT_BLOCKS + 1):
        rare = [RARE] if number % SPARSE_EVERY == 0 else []
        recipients = rare + [bystander((number * 7919 + at) % BYSTANDERS) for at in range(LIGHT_LOGS - len(rare))]
        yield [signer.transfer(next_sender(), one, 1000 + number) for one in recipients]
    for number in range(HEAVY_BLOCKS):
        made = []
        for at in range(HEAVY_TRANSACTIONS):
            to = FREQUENT if at == 3 * number else bystander((number * 7919 + at) % BYSTANDERS)
            sender = next_sender()
            made.append(signer.transfer(sender, to, 7) if at % 3 == 0 else signer.pay(sender, to, 7))
        yield made
    yield [signer.pay(next_sender(), bystander(at % BYSTANDERS), 9) for at in range(FULL_TRANSACTIONS)]


def _live_blocks(signer: Signer) -> Iterator[list[bytes]]:
    senders = [key(number) for number in range(LIVE_FROM, SENDERS)]
    for number in range(LIVE_BLOCKS):
        made = []
        for at in range(LIVE_TRANSACTIONS):
            to = hashlib.sha256(f"live/{number}/{at}".encode()).digest()[:20]
            sender = senders[at % len(senders)]
            made.append(signer.transfer(sender, to, 5) if at % 3 == 0 else signer.pay(sender, to, 5))
        yield made


def append(chain: _native.Chain, file: Path, plan: Iterable[Sequence[bytes]]) -> None:
    """Seal a block of each on the head; the blocks go into the file."""
    with file.open("wb") as out:
        for transactions in plan:
            out.write(seal(chain, transactions))


def seal(chain: _native.Chain, transactions: Sequence[bytes]) -> bytes:
    """A block of all these at the head, in this order, which is the new head then."""
    head = chain.head()
    candidates = [one for one in _native.admit_transactions(transactions) if not isinstance(one, str)]
    built = chain.build(
        head.hash,
        candidates,
        timestamp=head.timestamp + BLOCK_SECONDS,
        fee_recipient=b"\xc0" * 20,
        prev_randao=ZERO,
        withdrawals=[],
        parent_beacon_root=ZERO,
        gas_limit=head.gas_limit,
    )
    if built.transactions != len(transactions):
        raise RuntimeError(f"block {built.number} took {built.transactions} of {len(transactions)} transactions")
    chain.set_head(built.hash, ZERO, ZERO)
    return built.block


def blocks(file: bytes) -> Iterator[bytes]:
    """The blocks of a chain file."""
    view, at = memoryview(file), 0
    while at < len(view):
        first = view[at]
        if first <= 0xF7:
            size = 1 + first - 0xC0
        else:
            width = first - 0xF7
            size = 1 + width + int.from_bytes(view[at + 1 : at + 1 + width], "big")
        yield bytes(view[at : at + size])
        at += size


def _number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")
