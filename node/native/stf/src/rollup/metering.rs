//! How many bytes of the batch's state diff a transaction is to pay for.
//!
//! Counted when its outermost call has ended and before fees move: each account and slot that it wrote and that no
//! earlier transaction of the block has paid for, each code that it left, each message that it sent to L1. The counts
//! are the most that the diff's encoding takes, so a block's payload is never larger than what was paid for it.

use alloy_primitives::{
    Address, Log, U256,
    map::{AddressSet, HashSet},
};
use revm::{
    Database,
    context::{Journal, JournalEntry},
    state::EvmState,
};

use super::MESSENGER;

/// Flags, address, nonce increase and balance.
pub const ACCOUNT_BYTES: u64 = 1 + 20 + 4 + 13;

/// Lengths, key and value.
pub const SLOT_BYTES: u64 = 2 + 32 + 32;

/// Length of a code, before its bytes.
pub const CODE_LENGTH_BYTES: u64 = 4;

/// Sender, data and id of a message.
pub const MESSAGE_BYTES: u64 = 20 + 32 + 8;

/// Something that a transaction wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    Account(Address),
    Slot(Address, U256),
    /// New code of this many bytes.
    Code(Address, usize),
}

/// A journal that tells what the transaction in hand has written so far, in order; what was undone again is not there.
pub trait Writes {
    fn written(&self) -> impl Iterator<Item = Written>;
}

impl<D: Database> Writes for Journal<D> {
    fn written(&self) -> impl Iterator<Item = Written> {
        self.journal.iter().flat_map(|entry| writes(&self.state, entry)).flatten()
    }
}

fn writes(state: &EvmState, entry: &JournalEntry) -> [Option<Written>; 2] {
    let account = |address: &Address| Some(Written::Account(*address));
    match entry {
        JournalEntry::AccountDestroyed { address, target, .. } => [account(address), account(target)],
        JournalEntry::BalanceTransfer { from, to, .. } => [account(from), account(to)],
        JournalEntry::BalanceChange { address, .. }
        | JournalEntry::NonceChange { address, .. }
        | JournalEntry::NonceBump { address }
        | JournalEntry::AccountCreated { address, .. } => [account(address), None],
        JournalEntry::StorageChanged { address, key, .. } => [Some(Written::Slot(*address, *key)), None],
        JournalEntry::CodeChange { address, .. } => [Some(Written::Code(*address, code_length(state, address))), None],
        JournalEntry::AccountWarmed { .. }
        | JournalEntry::AccountTouched { .. }
        | JournalEntry::StorageWarmed { .. }
        | JournalEntry::TransientStorageChange { .. } => [None, None],
    }
}

fn code_length(state: &EvmState, address: &Address) -> usize {
    let code = state.get(address).and_then(|account| account.info.code.as_ref());
    code.map_or(0, |code| code.len())
}

/// What the block's transactions have paid for so far.
#[derive(Clone, Debug, Default)]
pub struct Published {
    accounts: AddressSet,
    slots: HashSet<(Address, U256)>,
    bytes: u64,
}

/// What one transaction adds. It counts once it is [`Published::settle`]d.
#[derive(Clone, Debug, Default)]
pub struct Addition {
    pub bytes: u64,
    accounts: AddressSet,
    slots: HashSet<(Address, U256)>,
}

impl Published {
    /// Bytes that the block's transactions have added, those of privileged ones too.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What a transaction that wrote and logged this would add.
    pub fn weigh(&self, written: impl IntoIterator<Item = Written>, logs: &[Log]) -> Addition {
        let mut addition = Addition::default();
        for item in written {
            match item {
                Written::Account(address) => self.account(&mut addition, address),
                Written::Slot(address, key) => {
                    self.account(&mut addition, address);
                    if !self.slots.contains(&(address, key)) && addition.slots.insert((address, key)) {
                        addition.bytes += SLOT_BYTES;
                    }
                }
                Written::Code(address, length) => {
                    self.account(&mut addition, address);
                    addition.bytes += CODE_LENGTH_BYTES + length as u64;
                }
            }
        }
        let messages = logs.iter().filter(|log| log.address == MESSENGER).count();
        addition.bytes += MESSAGE_BYTES * messages as u64;
        addition
    }

    /// The transaction is in the block.
    pub fn settle(&mut self, addition: Addition) {
        self.bytes += addition.bytes;
        self.accounts.extend(addition.accounts);
        self.slots.extend(addition.slots);
    }

    fn account(&self, addition: &mut Addition, address: Address) {
        if !self.accounts.contains(&address) && addition.accounts.insert(address) {
            addition.bytes += ACCOUNT_BYTES;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Address = Address::repeat_byte(1);
    const B: Address = Address::repeat_byte(2);

    #[test]
    fn an_account_or_slot_is_paid_for_once_a_block() {
        let mut published = Published::default();
        let writes = [Written::Account(A), Written::Slot(A, U256::ONE), Written::Slot(A, U256::ONE)];
        let first = published.weigh(writes, &[]);
        assert_eq!(first.bytes, ACCOUNT_BYTES + SLOT_BYTES);

        published.settle(first);

        assert_eq!(published.weigh(writes, &[]).bytes, 0);
        assert_eq!(published.weigh([Written::Slot(B, U256::ONE)], &[]).bytes, ACCOUNT_BYTES + SLOT_BYTES);
        assert_eq!(published.bytes(), ACCOUNT_BYTES + SLOT_BYTES);
    }

    #[test]
    fn codes_and_messages_are_paid_for_each_time() {
        let log: Log = Log { address: MESSENGER, ..Default::default() };
        let addition = Published::default().weigh([Written::Code(A, 100), Written::Code(A, 100)], &[log.clone(), log]);

        assert_eq!(addition.bytes, ACCOUNT_BYTES + 2 * (CODE_LENGTH_BYTES + 100) + 2 * MESSAGE_BYTES);
    }
}
