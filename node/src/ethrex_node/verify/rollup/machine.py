"""
A rollup's transactions in py-evm: who pays what, what L1 has queued, what is metered, what is undone.

`Accounts` notes each write of a transaction with the place where a call that is reverted has to cut the notes again:
what stands there when the outermost call has ended is what the transaction pays for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import rlp  # type: ignore[import-untyped]
from eth._utils.address import generate_contract_address
from eth.constants import CREATE_CONTRACT_ADDRESS
from eth.rlp.logs import Log
from eth.rlp.receipts import Receipt
from eth.vm.forks.prague.computation import PragueComputation
from eth.vm.forks.prague.state import PragueState, PragueTransactionExecutor
from eth.vm.forks.spurious_dragon._utils import collect_touched_accounts
from eth.vm.message import Message
from eth_typing import Address

from ethrex_node.verify import state
from ethrex_node.verify.rollup import p256, rules

BRIDGE: Final = bytes(18) + b"\xff\xff"
MESSENGER: Final = bytes(18) + b"\xff\xfe"
HISTORY: Final = bytes.fromhex("0000f90827f1c53a10cb7a02335b175320002935")
HISTORY_WINDOW, BLOCKHASH_WINDOW = 8_191, 256
PRIVILEGED: Final = 0x7E
ACCOUNT_BYTES, SLOT_BYTES, CODE_BYTES, MESSAGE_BYTES = 38, 66, 4, 60
BLOB_GAS, BLOB_PAYLOAD = 131_072, 126_976
INTRINSIC, TOKEN, FLOOR_TOKEN, NONZERO_TOKENS = 21_000, 4, 10, 4  # EIP-7623

Note = tuple[Any, ...]


class Accounts(state.WitnessAccounts):
    """`notes` of the transaction in hand: ("account", address), ("slot", address, slot), ("code", address, bytes)."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.notes: list[Note] = []
        self._marks: dict[Any, int] = {}
        super().__init__(*arguments, **named)

    def set_storage(self, address: Any, slot: int, value: int) -> None:
        if self.get_storage(address, slot) != value:
            self.notes.append(("slot", address, slot))
        super().set_storage(address, slot, value)

    def set_balance(self, address: Any, balance: int) -> None:
        before = self.get_balance(address)
        last = self.notes[-1] if self.notes else ()
        if before != balance:
            # What a contract sends to itself is taken and given back at once: nothing moved.
            if last[:2] == ("account", address) and last[2:] == (before, balance):
                self.notes.pop()
            else:
                self.notes.append(("account", address, balance, before))
        super().set_balance(address, balance)

    def set_nonce(self, address: Any, nonce: int) -> None:
        self.notes.append(("account", address))
        super().set_nonce(address, nonce)

    def increment_nonce(self, address: Any) -> None:
        self.notes.append(("account", address))
        super().increment_nonce(address)

    def set_code(self, address: Any, code: bytes) -> None:
        self.notes.append(("code", address, len(code)))
        super().set_code(address, code)

    def delete_code(self, address: Any) -> None:
        self.notes.append(("code", address, 0))
        super().delete_code(address)

    def record(self) -> Any:
        checkpoint = super().record()
        self._marks[checkpoint] = len(self.notes)
        return checkpoint

    def discard(self, checkpoint: Any) -> None:
        del self.notes[self._marks.pop(checkpoint, 0) :]
        super().discard(checkpoint)


def _p256(computation: Any) -> Any:
    computation.consume_gas(p256.GAS, reason="P256VERIFY")
    computation.output = rules.word(1) if p256.verify(computation.msg.data) else b""
    return computation


class Computation(PragueComputation):
    """A creation leaves a code, also where it has no bytes."""

    _precompiles = {**PragueComputation.get_precompiles(), Address((0x100).to_bytes(20, "big")): _p256}  # noqa: RUF012

    @classmethod
    def apply_create_message(cls, state: Any, message: Any, *more: Any, **named: Any) -> Any:
        computation = super().apply_create_message(state, message, *more, **named)
        if computation.is_success and not state.get_code(message.storage_address):
            state._account_db.notes.append(("code", message.storage_address, 0))
        return computation


class State(PragueState):
    computation_class = Computation
    account_db_class = Accounts
    parent_hash = b""

    def set_system_contracts(self) -> None:
        """They are in the genesis; a rollup has no beacon roots to look for."""

    def get_ancestor_hash(self, block_number: int) -> Any:
        """From the storage of EIP-2935's contract, but the parent's."""
        back = self.block_number - block_number
        if not 1 <= back <= BLOCKHASH_WINDOW or block_number < 0:
            return b""
        if back == 1:
            return self.parent_hash
        return rules.word(self.get_storage(Address(HISTORY), block_number % HISTORY_WINDOW))


@dataclass(frozen=True, slots=True)
class Item:
    """A privileged transaction, with the names that py-evm asks a transaction for."""

    chain_id: int
    nonce: int
    gas: int
    to: bytes
    value: int
    data: bytes
    sender: bytes
    type_id: int = PRIVILEGED
    max_fee_per_gas: int = 0
    max_priority_fee_per_gas: int = 0
    access_list: tuple[Any, ...] = ()

    @classmethod
    def decode(cls, raw: bytes) -> Item:
        """Raises `Refused`."""
        fields = rlp.decode(raw[1:])
        if len(fields) != 10 or fields[2:4] != [b"", b""] or fields[8] != []:
            raise rules.Refused("an item of the queue in another form")
        chain_id, nonce, _, _, gas, to, value, data, _, sender = fields
        number = rules.number
        return cls(number(chain_id), number(nonce), number(gas), to, number(value), data, sender)


@dataclass(slots=True)
class Published:
    """What the block's transactions have paid for."""

    known: set[Note] = field(default_factory=set)

    def weigh(self, notes: list[Note], messages: int) -> tuple[int, set[Note]]:
        new: set[Note] = set()
        total = MESSAGE_BYTES * messages
        for note in notes:
            new.add(("account", note[1]))
            if note[0] == "slot":
                new.add(note)
            elif note[0] == "code":
                total += CODE_BYTES + note[2]
        new -= self.known
        return total + sum(ACCOUNT_BYTES if note[0] == "account" else SLOT_BYTES for note in new), new


class Executor(PragueTransactionExecutor):
    """`outcome` of the last transaction: success, gas used, logs."""

    def pay_in_advance(self, transaction: Any, price: int) -> None:
        self.vm_state.delta_balance(transaction.sender, -transaction.gas * price)
        self.vm_state.increment_nonce(transaction.sender)

    def message_of(self, transaction: Any, intrinsic: int) -> Any:
        """What to run; authorizations are taken on here."""
        vm_state = self.vm_state
        refund = 0 if transaction.type_id == PRIVILEGED else self.calc_message_refund(transaction)
        create: Any = None
        data, delegation = transaction.data, None
        if transaction.to == CREATE_CONTRACT_ADDRESS:
            create = generate_contract_address(transaction.sender, vm_state.get_nonce(transaction.sender) - 1)
            code, data = transaction.data, b""
        else:
            code, delegation = self.get_code_at_address(transaction.to)
        return Message(
            gas=transaction.gas - intrinsic, to=transaction.to, sender=transaction.sender, value=transaction.value,
            data=data, code=code, create_address=create, refund=refund, is_delegation=delegation is not None,
        )  # fmt: skip


def tokens(data: bytes) -> int:
    return data.count(0) + NONZERO_TOKENS * (len(data) - data.count(0))


class Block:
    """Transactions one after the other over one state."""

    def __init__(self, vm_state: State, block: rules.Rules, base_fee: int, blob_base_fee: int) -> None:
        self.receipts: list[bytes] = []
        self.logs: list[Any] = []
        self.gas_used = 0
        self._state, self._rules = vm_state, block
        self._base_fee, self._blob_base_fee = base_fee, blob_base_fee
        self._published = Published()
        self._executor = Executor(vm_state)

    def item(self, item: Item) -> None:
        """What L1 has queued is there whatever comes of it."""
        vm_state, accounts = self._state, self._begin()
        if item.chain_id != self._rules.chain_id:
            raise rules.Refused(f"an item of chain {item.chain_id}")
        self._check_room(item.gas)
        intrinsic, floor = INTRINSIC + TOKEN * tokens(item.data), INTRINSIC + FLOOR_TOKEN * tokens(item.data)
        if item.sender == BRIDGE:
            vm_state.delta_balance(Address(BRIDGE), item.value)
        needed = max(intrinsic, floor)
        if item.gas < needed or vm_state.get_balance(Address(item.sender)) < item.value:
            self._settle(accounts, 0)
            return self._end(PRIVILEGED, False, min(item.gas, needed), ())
        as_transaction: Any = item
        message = self._executor.message_of(item, intrinsic)
        computation = self._executor.build_computation(message, as_transaction)
        logs = computation.get_log_entries() if computation.is_success else ()
        self._settle(accounts, _messages(logs))
        executed = self._executed(item.gas, computation, floor)
        self._clear(computation, Address(item.sender))
        return self._end(PRIVILEGED, computation.is_success, executed, logs)

    def signed(self, transaction: Any) -> None:
        vm_state, accounts = self._state, self._begin()
        self._check_room(transaction.gas)
        price, tip = vm_state.get_gas_price(transaction), vm_state.get_tip(transaction)
        if transaction.max_fee_per_gas >= self._base_fee and tip < self._rules.operator_fee:
            raise rules.Refused(f"a tip of {tip}, the operator fee is {self._rules.operator_fee}")
        self._executor.validate_transaction(transaction)
        self._executor.pay_in_advance(transaction, price)
        before = vm_state.snapshot()
        message = self._executor.message_of(transaction, transaction.intrinsic_gas)
        computation = self._executor.build_computation(message, transaction)
        logs = computation.get_log_entries() if computation.is_success else ()
        floor = INTRINSIC + FLOOR_TOKEN * tokens(transaction.data)
        size, _ = self._published.weigh(accounts.notes, _messages(logs))
        fee = -(-size * BLOB_GAS * self._blob_base_fee // BLOB_PAYLOAD)
        data_gas = -(-fee // max(price, 1))
        if data_gas > transaction.gas - max(transaction.gas - computation.get_gas_remaining(), floor):
            vm_state.revert(before)
            self._settle(accounts, 0)
            self._pay(transaction, price, transaction.gas, 0)
            self._clear(None)
            return self._end(transaction.type_id, False, transaction.gas, ())
        vm_state.commit(before)
        self._settle(accounts, _messages(logs))
        executed = self._executed(transaction.gas, computation, floor)
        self._pay(transaction, price, executed, data_gas)
        self._clear(computation)
        return self._end(transaction.type_id, computation.is_success, executed + data_gas, logs)

    def _begin(self) -> Accounts:
        accounts: Accounts = self._state._account_db  # type: ignore[assignment]
        accounts.notes.clear()
        return accounts

    def _check_room(self, gas: int) -> None:
        if gas > self._rules.gas_limit - self.gas_used:
            raise rules.Refused(f"a gas limit of {gas}, the block has {self._rules.gas_limit - self.gas_used} left")

    def _settle(self, accounts: Accounts, messages: int) -> None:
        _, new = self._published.weigh(accounts.notes, messages)
        self._published.known |= new

    def _executed(self, limit: int, computation: Any, floor: int) -> int:
        spent = limit - computation.get_gas_remaining()
        refund: int = self._executor.calculate_gas_refund(computation, spent)
        return int(max(spent - refund, floor))

    def _pay(self, transaction: Any, price: int, executed: int, data_gas: int) -> None:
        """Back to the sender what was not used; what was, to those who ran the chain."""
        tip = max(price - self._base_fee - self._rules.operator_fee, 0)
        shares = (
            (transaction.sender, transaction.gas - executed - data_gas, price),
            (self._rules.data_vault, data_gas, price),
            (self._rules.base_fee_vault, executed if any(self._rules.base_fee_vault) else 0, self._base_fee),
            (self._rules.operator_vault, executed, self._rules.operator_fee),
            (self._rules.fee_recipient, executed, tip),
        )
        for account, gas, each in shares:
            if gas * each:
                self._state.delta_balance(Address(account), gas * each)

    def _clear(self, computation: Any, *touched: Address) -> None:
        """Accounts that destroyed themselves, and touched ones that are empty (EIP-161)."""
        vm_state = self._state
        for account in computation.get_accounts_for_deletion() if computation is not None else ():
            vm_state.delete_account(account)
        for account in (*touched, *(collect_touched_accounts(computation) if computation is not None else ())):
            if vm_state.account_exists(account) and vm_state.account_is_empty(account):
                vm_state.delete_account(account)
        vm_state.clear_transient_storage()

    def _end(self, kind: int, success: bool, gas: int, logs: Any) -> None:
        self.gas_used += gas
        made = [Log(address, topics, data) for address, topics, data in logs]
        receipt = Receipt(b"\1" if success else b"", self.gas_used, made)
        self.receipts.append((bytes((kind,)) if kind else b"") + rlp.encode(receipt))
        self.logs += logs
        self._state.lock_changes()


def _messages(logs: Any) -> int:
    return sum(address == MESSENGER for address, _, _ in logs)
