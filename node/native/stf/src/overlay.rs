//! What a block has read of the state before it, kept to tell at its end what it changed.
//!
//! The interpreter's journal holds the present values from the first transaction of a block to the last, so that a
//! contract or a slot is read from the source once a block. The overlay sits between the two, remembers each value as
//! it was before the block, and answers for accounts that the block has destroyed: they have left the journal.

use alloy_eips::eip2935;
use alloy_primitives::{
    Address, B256, U256,
    map::{AddressMap, AddressSet, HashMap},
};
use revm::{
    Database,
    bytecode::Bytecode,
    primitives::hardfork::SpecId,
    state::{Account, AccountId, AccountInfo, EvmState},
};

use crate::{AccountBody, AccountChange, SlotChange, StateChanges, StateSource};

/// The state before the block, as far as it was read.
pub struct Overlay<'a, S: StateSource> {
    source: &'a mut S,
    accounts: AddressMap<Option<AccountBody>>,
    slots: HashMap<(Address, U256), U256>,
    destroyed: AddressSet,
    failure: Option<S::Error>,
    ancestors: Ancestors,
}

/// Where the hashes of earlier blocks come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ancestors {
    Source,
    /// The contract of EIP-2935, as it stands before the block, and the parent whose hash is not in it yet.
    Contract {
        parent_number: u64,
        parent_hash: B256,
    },
}

impl<'a, S: StateSource> Overlay<'a, S> {
    pub fn new(source: &'a mut S, ancestors: Ancestors) -> Self {
        Self {
            source,
            accounts: AddressMap::default(),
            slots: HashMap::default(),
            destroyed: AddressSet::default(),
            failure: None,
            ancestors,
        }
    }

    /// The account was destroyed by the transaction that just ended: from now on it neither exists nor has storage.
    pub fn destroy(&mut self, address: Address) {
        self.destroyed.insert(address);
    }

    /// Whether storage lies where a contract is to be created. A failure to read is kept for [`Self::take_failure`],
    /// since the interpreter has no way to hand it on from there.
    pub fn has_storage(&mut self, address: Address) -> bool {
        let exists = self.accounts.get(&address).is_some_and(Option::is_some) && !self.destroyed.contains(&address);
        if !exists {
            return false;
        }
        self.source.has_storage(address).unwrap_or_else(|error| {
            self.failure = Some(error);
            false
        })
    }

    pub fn take_failure(&mut self) -> Option<S::Error> {
        self.failure.take()
    }

    /// Root of the state with the values of `present` on top.
    pub fn state_root(&mut self, present: &EvmState, spec: SpecId) -> Result<B256, S::Error> {
        let changes = self.changes(present, spec)?;
        self.source.state_root(&changes)
    }

    /// What differs between the state before the block and `present`, the journal's values.
    pub fn changes(&mut self, present: &EvmState, spec: SpecId) -> Result<StateChanges, S::Error> {
        let mut changes = StateChanges::default();
        changes.accounts.reserve(present.len());
        for address in self.destroyed.iter().filter(|address| !present.contains_key(*address)) {
            if let Some(before) = self.accounts.get(address).copied().flatten() {
                let gone = AccountChange { before: Some(before), storage_cleared: true, ..Default::default() };
                changes.accounts.insert(*address, gone);
            }
        }
        for (address, account) in present {
            let destroyed = self.destroyed.contains(address);
            if account.is_touched() || destroyed {
                self.collect(&mut changes, *address, account, destroyed, spec)?;
            }
        }
        Ok(changes)
    }

    fn collect(
        &mut self,
        changes: &mut StateChanges,
        address: Address,
        account: &Account,
        destroyed: bool,
        spec: SpecId,
    ) -> Result<(), S::Error> {
        let before = self.accounts.get(&address).copied().flatten();
        let after = exists(account, spec).then(|| AccountBody::from(&account.info));
        let storage_cleared = before.is_some() && (destroyed || after.is_none());
        let mut change = AccountChange { before, after, storage_cleared, storage: HashMap::default() };
        if after.is_some() {
            for (key, slot) in &account.storage {
                let before = self.slot_before(address, *key, storage_cleared)?;
                if before != slot.present_value {
                    change.storage.insert(*key, SlotChange { before, after: slot.present_value });
                }
            }
        }
        if change.before == change.after && change.storage.is_empty() && !storage_cleared {
            return Ok(());
        }
        let code_changed = after.is_some_and(|after| before.is_none_or(|before| before.code_hash != after.code_hash));
        if let Some(code) = account.info.code.as_ref().filter(|code| code_changed && !code.is_empty()) {
            changes.codes.insert(account.info.code_hash, code.original_bytes());
        }
        changes.accounts.insert(address, change);
        Ok(())
    }

    /// A slot that was never read belongs to a contract that this block created. It was empty before the block, unless
    /// the block first destroyed what stood there.
    fn slot_before(&mut self, address: Address, key: U256, storage_cleared: bool) -> Result<U256, S::Error> {
        match self.slots.get(&(address, key)) {
            Some(value) => Ok(*value),
            None if storage_cleared => self.source.storage(address, key),
            None => Ok(U256::ZERO),
        }
    }
}

/// Whether a loaded account is part of the state. From Spurious Dragon on an empty account that was touched is not
/// (EIP-161).
fn exists(account: &Account, spec: SpecId) -> bool {
    if account.is_touched() {
        !(spec.is_enabled_in(SpecId::SPURIOUS_DRAGON) && account.is_empty())
    } else {
        !account.is_loaded_as_not_existing()
    }
}

impl<S: StateSource> Database for Overlay<'_, S> {
    type Error = S::Error;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, S::Error> {
        if self.destroyed.contains(&address) {
            return Ok(None);
        }
        let info = self.source.basic(address)?;
        self.accounts.insert(address, info.as_ref().map(AccountBody::from));
        Ok(info)
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, S::Error> {
        self.source.code_by_hash(code_hash)
    }

    fn storage(&mut self, address: Address, index: U256) -> Result<U256, S::Error> {
        if self.destroyed.contains(&address) {
            return Ok(U256::ZERO);
        }
        let value = self.source.storage(address, index)?;
        self.slots.insert((address, index), value);
        Ok(value)
    }

    fn storage_by_account_id(&mut self, address: Address, id: AccountId, index: U256) -> Result<U256, S::Error> {
        if self.destroyed.contains(&address) {
            return Ok(U256::ZERO);
        }
        let value = self.source.storage_by_account_id(address, id, index)?;
        self.slots.insert((address, index), value);
        Ok(value)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, S::Error> {
        match self.ancestors {
            Ancestors::Source => self.source.block_hash(number),
            Ancestors::Contract { parent_number, parent_hash } if number == parent_number => Ok(parent_hash),
            Ancestors::Contract { .. } => {
                let slot = U256::from(number % eip2935::HISTORY_SERVE_WINDOW as u64);
                Ok(self.storage(eip2935::HISTORY_STORAGE_ADDRESS, slot)?.into())
            }
        }
    }
}
