"""
What tests do to a dev chain: time, mining, snapshots, writes past the blocks. Names as hardhat (`evm_*`) and anvil have
them; a method with two names is one function.

A write past the blocks (`setBalance` and its like) changes the state at the head without a block. Each is remembered
with the values it replaced, so that `evm_revert` takes it back. The chain is marked from then on: its roots no longer
follow from its blocks, and it refuses to be exported.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .. import _native
from ..pool import Pool, rules
from ..rpc import errors, table
from ..rpc.params import Address, Data, Hash, Quantity
from . import dumps
from .producer import Producer
from .wallet import Wallet

DEV = table.Group()


@dataclass(frozen=True, slots=True)
class Snapshot:
    head: bytes
    patches: int
    time_offset: int
    pooled: tuple[rules.Transaction, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """A write past the blocks, as what it replaced, and the head at which it was made."""

    head: bytes
    replaced: _native.Patch


@dataclass(slots=True)
class Control:
    """
    The dev chain's levers. `patches` are the writes past the blocks, oldest first; `first_block` is block 0, or the one that
    the chain forks, and `clock_offset` what its clock began with.
    """

    producer: Producer
    pool: Pool
    wallet: Wallet
    first_block: int = 0
    clock_offset: int = 0
    snapshots: dict[int, Snapshot] = field(default_factory=dict)
    patches: list[Written] = field(default_factory=list)
    next_snapshot: int = 1

    async def write(self, patch: _native.Patch) -> None:
        """Change the state at the head without a block."""
        await self.load([patch])

    async def load(self, patches: Sequence[_native.Patch]) -> None:
        """Many writes, with no block between them."""
        async with self.producer.still():
            head = self.producer.chain.head.hash
            for patch in patches:
                self.patches.append(Written(head, await self.producer.chain.patch(patch)))
        self.pool.refresh(list(self.pool.senders))

    async def rewind(self, head: bytes, patches: int) -> None:
        """
        Back to an earlier head, with the writes that were made since undone, and an empty pool.

        Writes at later heads went with their blocks; those at this one are taken back by hand.
        """
        async with self.producer.still():
            await self.producer.chain.rewind(head)
            self.pool.clear()
            while len(self.patches) > patches:
                written = self.patches.pop()
                if written.head == head:
                    await self.producer.chain.patch(written.replaced)


def names(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register one function under all its names."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            DEV.method(name)(function)
        return function

    return register


@names("evm_snapshot", "anvil_snapshot")
async def snapshot(control: Control) -> str:
    """Remember the chain as it is now; the answer is for evm_revert."""
    number = control.next_snapshot
    control.next_snapshot += 1
    pooled = tuple(t for sender in control.pool.senders.values() for t in sender.transactions.values())
    offset = control.producer.clock.offset
    control.snapshots[number] = Snapshot(control.producer.chain.head.hash, len(control.patches), offset, pooled)
    return hex(number)


@names("evm_revert", "anvil_revert")
async def revert(control: Control, taken_as: Quantity) -> bool:
    """Go back to a snapshot. It and all younger ones are used up."""
    taken = control.snapshots.get(taken_as)
    if taken is None:
        return False
    for younger in [n for n in control.snapshots if n >= taken_as]:
        del control.snapshots[younger]
    await control.rewind(taken.head, taken.patches)
    control.producer.clock.offset = taken.time_offset
    control.pool.add(taken.pooled, local=True)
    return True


@names("evm_mine")
async def mine_one(control: Control, timestamp: Any = None) -> str:
    """Seal a block, at a timestamp if one is given; or several: {"timestamp": ..., "blocks": ...}."""
    options = timestamp if isinstance(timestamp, dict) else {"timestamp": timestamp}
    first = options.get("timestamp")
    await control.producer.mine(None if first is None else number(first))
    for _ in range(number(options.get("blocks") or 1) - 1):
        await control.producer.mine()
    return "0x0"


@names("anvil_mine", "hardhat_mine")
async def mine_many(control: Control, blocks: Any = 1, interval: Any = None) -> None:
    """Seal so many blocks; the clock is moved forward by so many seconds before each."""
    step = 0 if interval is None else number(interval)
    for _ in range(number(blocks)):
        control.producer.clock.increase(step)
        await control.producer.mine()


@names("evm_setAutomine", "anvil_setAutomine")
async def set_automine(control: Control, on: bool) -> bool:
    """Seal on demand, or only when told."""
    control.producer.configure(0.0 if on else None)
    return True


@names("anvil_getAutomine", "hardhat_getAutomine")
async def get_automine(control: Control) -> bool:
    """Whether blocks are sealed on demand."""
    return control.producer.block_seconds == 0.0


@names("evm_setIntervalMining", "anvil_setIntervalMining")
async def set_interval_mining(control: Control, seconds: Any) -> bool:
    """Seal every so many seconds; 0 stops."""
    wanted = number(seconds)
    control.producer.configure(float(wanted) if wanted else None)
    return True


@names("evm_increaseTime", "anvil_increaseTime")
async def increase_time(control: Control, seconds: Any) -> int:
    """Move the clock of the next blocks forward; the answer is the whole shift."""
    return control.producer.clock.increase(number(seconds))


@names("evm_setTime", "anvil_setTime")
async def set_time(control: Control, timestamp: Any) -> int:
    """Set the clock of the next blocks; the answer is the shift."""
    control.producer.clock.set(number(timestamp))
    return control.producer.clock.offset


@names("evm_setNextBlockTimestamp", "anvil_setNextBlockTimestamp")
async def set_next_block_timestamp(control: Control, timestamp: Any) -> None:
    """The timestamp of the next block."""
    try:
        control.producer.clock.set_next(number(timestamp), control.producer.chain.head.timestamp)
    except ValueError as error:
        raise errors.InvalidParams(str(error)) from error


@names("anvil_setBlockTimestampInterval")
async def set_timestamp_interval(control: Control, seconds: Any) -> None:
    """Blocks carry timestamps so many seconds apart, whatever the clock says."""
    control.producer.clock.interval = number(seconds)


@names("anvil_removeBlockTimestampInterval")
async def remove_timestamp_interval(control: Control) -> bool:
    """Back to the clock."""
    had, control.producer.clock.interval = control.producer.clock.interval, None
    return had is not None


@names("anvil_setBalance", "hardhat_setBalance", "evm_setAccountBalance")
async def set_balance(control: Control, address: Address, balance: Quantity) -> None:
    """Give an account this balance, in wei."""
    await control.write(_native.Patch(address, balance=balance))


@names("anvil_setNonce", "hardhat_setNonce", "evm_setAccountNonce")
async def set_nonce(control: Control, address: Address, nonce: Quantity) -> None:
    """Give an account this nonce."""
    await control.write(_native.Patch(address, nonce=nonce))


@names("anvil_setCode", "hardhat_setCode", "evm_setAccountCode")
async def set_code(control: Control, address: Address, code: Data) -> None:
    """Put this code at an address."""
    await control.write(_native.Patch(address, code=code))


@names("anvil_setStorageAt", "hardhat_setStorageAt", "evm_setAccountStorageAt")
async def set_storage_at(control: Control, address: Address, slot: Any, value: Hash) -> bool:
    """Write one storage slot."""
    await control.write(_native.Patch(address, storage={number(slot): int.from_bytes(value, "big")}))
    return True


@names("anvil_dumpState", "hardhat_dumpState")
async def dump_state(control: Control) -> str:
    """The whole state at the head, for anvil_loadState: hex of gzipped JSON."""
    chain = control.producer.chain
    try:
        return dumps.encode(await chain.write(chain.native.dump_accounts))
    except _native.NativeError as error:
        raise errors.Refused(str(error)) from error


@names("anvil_loadState", "hardhat_loadState")
async def load_state(control: Control, dump: Data) -> bool:
    """Write the accounts of a dump over the state at the head; others stay."""
    try:
        patches = dumps.decode(dump)
    except dumps.NotADump as error:
        raise errors.InvalidParams(str(error)) from error
    await control.load(patches)
    return True


@names("anvil_impersonateAccount", "hardhat_impersonateAccount")
async def impersonate(control: Control, address: Address) -> None:
    """Let transactions come from this address without its key."""
    control.wallet.impersonated.add(address)


@names("anvil_stopImpersonatingAccount", "hardhat_stopImpersonatingAccount")
async def stop_impersonating(control: Control, address: Address) -> None:
    """Ask for its key again."""
    control.wallet.impersonated.discard(address)


@names("anvil_autoImpersonateAccount")
async def auto_impersonate(control: Control, on: bool) -> None:
    """Let transactions come from any address."""
    control.wallet.impersonate_all = on


@names("anvil_dropTransaction", "hardhat_dropTransaction")
async def drop_transaction(control: Control, transaction_hash: Hash) -> str | None:
    """Remove one from the pool; the answer is its hash, or null where it was not there."""
    return "0x" + transaction_hash.hex() if control.pool.drop(transaction_hash) else None


@names("anvil_dropAllTransactions")
async def drop_all_transactions(control: Control) -> None:
    """Empty the pool."""
    control.pool.clear()


def number(value: Any) -> int:
    """Test tools send numbers as JSON numbers, decimal text or hex text."""
    try:
        given = int(value, 0) if isinstance(value, str) else int(value)
    except (TypeError, ValueError) as error:
        raise errors.InvalidParams(f"{value!r} is not a number") from error
    if isinstance(value, bool) or given < 0:
        raise errors.InvalidParams(f"{value!r} is not a number from 0 on")
    return given
