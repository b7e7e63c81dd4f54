//! A state that is whole in memory: accounts, slots and codes in maps, and the tries for its root.
//!
//! For genesis roots and for tests. A node's state lies in its database.

use alloc::{format, vec::Vec};

use alloy_primitives::{
    Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256,
    map::{AddressMap, B256Map, HashMap, U256Map},
};
use revm::{bytecode::Bytecode, state::AccountInfo};

use crate::{
    AccountBody, AccountChange, SlotChange, StateChanges, StateSource,
    source::bytecode,
    trie::{NoNodes, TrieError},
    tries::StateTries,
};

/// An account as a genesis file gives it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GenesisAccount {
    pub nonce: u64,
    pub balance: U256,
    pub code: Bytes,
    pub storage: Vec<(U256, U256)>,
}

/// See the module's page.
#[derive(Clone, Default)]
pub struct MemoryState {
    accounts: AddressMap<(AccountBody, U256Map<U256>)>,
    codes: B256Map<Bytecode>,
    block_hashes: HashMap<u64, B256>,
    tries: StateTries,
}

/// What a genesis allocation changes in the empty state: every account that it names exists, empty or not.
pub fn genesis_changes(alloc: impl IntoIterator<Item = (Address, GenesisAccount)>) -> StateChanges {
    let mut changes = StateChanges::default();
    for (address, account) in alloc {
        let code_hash = if account.code.is_empty() { KECCAK256_EMPTY } else { keccak256(&account.code) };
        if !account.code.is_empty() {
            changes.codes.insert(code_hash, account.code);
        }
        let after = Some(AccountBody { nonce: account.nonce, balance: account.balance, code_hash });
        let set = account.storage.into_iter().filter(|(_, value)| !value.is_zero());
        let storage = set.map(|(slot, after)| (slot, SlotChange { before: U256::ZERO, after })).collect();
        changes.accounts.insert(address, AccountChange { before: None, after, storage_cleared: false, storage });
    }
    changes
}

impl MemoryState {
    /// The state of a genesis allocation.
    pub fn from_alloc(alloc: impl IntoIterator<Item = (Address, GenesisAccount)>) -> Result<Self, TrieError> {
        let mut state = Self::default();
        state.apply(&genesis_changes(alloc))?;
        Ok(state)
    }

    /// Make this the state after a block, and give its root.
    pub fn apply(&mut self, changes: &StateChanges) -> Result<B256, TrieError> {
        for (address, change) in &changes.accounts {
            let Some(body) = change.after else {
                self.accounts.remove(address);
                continue;
            };
            let (current, storage) = self.accounts.entry(*address).or_default();
            *current = body;
            if change.storage_cleared {
                storage.clear();
            }
            for (slot, SlotChange { after, .. }) in &change.storage {
                match after.is_zero() {
                    true => storage.remove(slot),
                    false => storage.insert(*slot, *after),
                };
            }
        }
        let codes = changes.codes.iter().map(|(hash, code)| (*hash, bytecode(code.clone())));
        self.codes.extend(codes);
        self.tries.apply(changes, &NoNodes)
    }

    /// The root of this state.
    pub fn root(&mut self) -> B256 {
        self.tries.root()
    }

    /// Every account with its slots, in no order.
    pub fn accounts(&self) -> impl Iterator<Item = (&Address, &AccountBody, &U256Map<U256>)> {
        self.accounts.iter().map(|(address, (body, storage))| (address, body, storage))
    }

    /// The tries of this state.
    pub fn tries(&self) -> &StateTries {
        &self.tries
    }

    /// Say what BLOCKHASH answers for a number.
    pub fn set_block_hash(&mut self, number: u64, hash: B256) {
        self.block_hashes.insert(number, hash);
    }
}

impl revm::Database for MemoryState {
    type Error = TrieError;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, TrieError> {
        Ok(self.accounts.get(&address).map(|(body, _)| AccountInfo::from(*body)))
    }

    fn code_by_hash(&mut self, hash: B256) -> Result<Bytecode, TrieError> {
        self.codes.get(&hash).cloned().ok_or_else(|| TrieError::Source(format!("no code {hash}")))
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, TrieError> {
        let account = self.accounts.get(&address);
        Ok(account.and_then(|(_, storage)| storage.get(&slot)).copied().unwrap_or_default())
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, TrieError> {
        let hash = self.block_hashes.get(&number).copied();
        hash.ok_or_else(|| TrieError::Source(format!("no hash of block {number}")))
    }
}

impl StateSource for MemoryState {
    fn state_root(&mut self, changes: &StateChanges) -> Result<B256, TrieError> {
        self.tries.root_with(changes, &NoNodes)
    }

    fn has_storage(&mut self, address: Address) -> Result<bool, TrieError> {
        Ok(self.accounts.get(&address).is_some_and(|(_, storage)| !storage.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_trie::{
        TrieAccount,
        root::{state_root_unhashed, storage_root_unhashed},
    };

    fn account(nonce: u64, storage: &[(u64, u64)]) -> GenesisAccount {
        let storage = storage.iter().map(|(slot, value)| (U256::from(*slot), U256::from(*value))).collect();
        GenesisAccount { nonce, balance: U256::from(1_000), code: Bytes::from(alloc::vec![nonce as u8]), storage }
    }

    /// The root as alloy computes it from all accounts.
    fn root_of(alloc: &[(Address, GenesisAccount)]) -> B256 {
        state_root_unhashed(alloc.iter().map(|(address, account)| {
            let slots = account.storage.iter().filter(|(_, value)| !value.is_zero());
            let storage_root = storage_root_unhashed(slots.map(|(slot, value)| (B256::from(*slot), *value)));
            let code_hash = keccak256(&account.code);
            (*address, TrieAccount { nonce: account.nonce, balance: account.balance, storage_root, code_hash })
        }))
    }

    fn body(account: &GenesisAccount) -> Option<AccountBody> {
        let code_hash = keccak256(&account.code);
        Some(AccountBody { nonce: account.nonce, balance: account.balance, code_hash })
    }

    #[test]
    fn test_root_of_a_genesis_allocation() {
        let alloc: Vec<_> = (0..200)
            .map(|at| (Address::repeat_byte(at), account(at.into(), &[(1, 2), (3, 0), (9, at.into())])))
            .collect();

        assert_eq!(MemoryState::from_alloc(alloc.clone()).unwrap().root(), root_of(&alloc));
        assert_eq!(MemoryState::default().root(), alloy_trie::EMPTY_ROOT_HASH);
    }

    #[test]
    fn test_changes_reach_maps_and_root() {
        let [kept, cleared, gone] = [1, 2, 3].map(Address::repeat_byte);
        let before = account(5, &[(1, 2), (3, 4), (5, 6)]);
        let mut state =
            MemoryState::from_alloc([kept, cleared, gone].map(|address| (address, before.clone()))).unwrap();
        let slot = |before, after| SlotChange { before: U256::from(before), after: U256::from(after) };
        let existing = AccountChange { before: body(&before), after: body(&before), ..Default::default() };
        let storage = [(U256::from(1), slot(2, 0)), (U256::from(7), slot(0, 8))];
        let changes = StateChanges {
            accounts: HashMap::from_iter([
                (kept, AccountChange { storage: storage.into_iter().collect(), ..existing.clone() }),
                (
                    cleared,
                    AccountChange {
                        storage_cleared: true,
                        storage: [(U256::from(3), slot(4, 9))].into_iter().collect(),
                        ..existing.clone()
                    },
                ),
                (gone, AccountChange { after: None, storage_cleared: true, ..existing }),
            ]),
            codes: HashMap::default(),
        };
        let expected = root_of(&[(kept, account(5, &[(3, 4), (5, 6), (7, 8)])), (cleared, account(5, &[(3, 9)]))]);
        let root_before = state.root();

        assert_eq!(state.state_root(&changes).unwrap(), expected);
        assert_eq!(state.root(), root_before);
        assert_eq!(state.apply(&changes).unwrap(), expected);
        assert_eq!(revm::Database::storage(&mut state, kept, U256::from(7)).unwrap(), U256::from(8));
        assert_eq!(revm::Database::storage(&mut state, kept, U256::from(1)).unwrap(), U256::ZERO);
        assert_eq!(revm::Database::storage(&mut state, cleared, U256::from(5)).unwrap(), U256::ZERO);
        assert_eq!(revm::Database::basic(&mut state, gone).unwrap(), None);
        assert!(state.has_storage(cleared).unwrap() && !state.has_storage(gone).unwrap());
    }
}
