//! The state as tries: the accounts' trie and, by account, the storage tries that were opened.
//!
//! [`StateTries`] reads accounts and slots and applies what a block changed. It lives as long as its owner keeps a state
//! ([`crate::memory`]) or executes a block ([`crate::witness`]); where nodes come from is said by a [`StateNodes`].

use alloc::{boxed::Box, vec::Vec};

use alloy_primitives::{Address, B256, U256, keccak256, map::B256Map};
use alloy_rlp::{Decodable, Encodable};
use alloy_trie::TrieAccount;

use crate::{
    AccountChange, StateChanges,
    trie::{EMPTY_ROOT_HASH, Nibbles, NoNodes, NodeLog, NodeSource, Trie, TrieError},
};

impl revm::database_interface::DBErrorMarker for TrieError {}

/// The nodes of one version of the state.
pub trait StateNodes: Sync {
    /// Those of the accounts' trie.
    fn accounts(&self) -> Box<dyn NodeSource + '_>;

    /// Those of an account's storage trie.
    fn storage(&self, hashed_address: &B256) -> Box<dyn NodeSource + '_>;
}

impl StateNodes for NoNodes {
    fn accounts(&self) -> Box<dyn NodeSource + '_> {
        Box::new(Self)
    }

    fn storage(&self, _: &B256) -> Box<dyn NodeSource + '_> {
        Box::new(Self)
    }
}

/// See the module's page.
#[derive(Clone, Default)]
pub struct StateTries {
    accounts: Trie,
    /// By hashed address. An account without an entry has the storage that its leaf names, not loaded.
    storages: B256Map<Trie>,
}

impl StateTries {
    /// The state with this root, nothing of it loaded.
    pub fn from_root(root: B256) -> Self {
        Self { accounts: Trie::from_root(root), storages: B256Map::default() }
    }

    /// An account as its leaf has it.
    pub fn account(&mut self, address: &Address, nodes: &dyn StateNodes) -> Result<Option<TrieAccount>, TrieError> {
        self.hashed_account(&keccak256(address), nodes)
    }

    /// A slot; zero where there is none.
    pub fn slot(&mut self, address: &Address, slot: &U256, nodes: &dyn StateNodes) -> Result<U256, TrieError> {
        let hashed = keccak256(address);
        let key = Nibbles::unpack_array(&hash_slot(slot).0);
        let trie = self.storage(&hashed, nodes)?;
        let value = trie.get(&key, &*nodes.storage(&hashed))?;
        value.map_or(Ok(U256::ZERO), |value| decode(&value, key))
    }

    /// Apply what a block changed and give the state's root.
    ///
    /// On an error the tries are of no use any more.
    pub fn apply(&mut self, changes: &StateChanges, nodes: &dyn StateNodes) -> Result<B256, TrieError> {
        let mut leaves = Vec::with_capacity(changes.accounts.len());
        for (address, change) in &changes.accounts {
            let hashed = keccak256(address);
            leaves.push((hashed, self.apply_account(hashed, change, nodes)?));
        }
        leaves.sort_unstable_by_key(|(hashed, _)| *hashed);
        let mut log = NodeLog::off();
        self.accounts.update(leaves, &*nodes.accounts(), &mut log)?;
        Ok(self.accounts.root(&mut log))
    }

    /// The root with `changes` applied, keeping this state as it is.
    pub fn root_with(&self, changes: &StateChanges, nodes: &dyn StateNodes) -> Result<B256, TrieError> {
        let hashed = changes.accounts.keys().map(keccak256);
        let storages = hashed.filter_map(|hashed| Some((hashed, self.storages.get(&hashed)?.clone())));
        let mut copy = Self { accounts: self.accounts.clone(), storages: storages.collect() };
        copy.apply(changes, nodes)
    }

    /// The root of this state.
    pub fn root(&mut self) -> B256 {
        self.accounts.root(&mut NodeLog::off())
    }

    fn hashed_account(&mut self, hashed: &B256, nodes: &dyn StateNodes) -> Result<Option<TrieAccount>, TrieError> {
        let key = Nibbles::unpack_array(&hashed.0);
        let leaf = self.accounts.get(&key, &*nodes.accounts())?;
        leaf.map(|leaf| decode(&leaf, key)).transpose()
    }

    fn storage(&mut self, hashed: &B256, nodes: &dyn StateNodes) -> Result<&mut Trie, TrieError> {
        if !self.storages.contains_key(hashed) {
            let account = self.hashed_account(hashed, nodes)?;
            let root = account.map_or(EMPTY_ROOT_HASH, |account| account.storage_root);
            self.storages.insert(*hashed, Trie::from_root(root));
        }
        Ok(self.storages.entry(*hashed).or_default())
    }

    /// The account's new leaf.
    fn apply_account(
        &mut self,
        hashed: B256,
        change: &AccountChange,
        nodes: &dyn StateNodes,
    ) -> Result<Option<Vec<u8>>, TrieError> {
        let Some(body) = change.after else {
            self.storages.remove(&hashed);
            return Ok(None);
        };
        if change.storage_cleared || change.before.is_none() {
            self.storages.insert(hashed, Trie::empty());
        }
        let trie = self.storage(&hashed, nodes)?;
        let mut slots: Vec<_> =
            change.storage.iter().map(|(slot, change)| (hash_slot(slot), encode_slot(change.after))).collect();
        slots.sort_unstable_by_key(|(slot, _)| *slot);
        let mut log = NodeLog::off();
        trie.update(slots, &*nodes.storage(&hashed), &mut log)?;
        let account = TrieAccount {
            nonce: body.nonce,
            balance: body.balance,
            storage_root: trie.root(&mut log),
            code_hash: body.code_hash,
        };
        Ok(Some(alloy_rlp::encode(account)))
    }
}

/// A state in memory as a source of nodes, over the source of what it has not loaded.
pub struct StateVersion<'a> {
    tries: &'a StateTries,
    nodes: &'a dyn StateNodes,
}

impl StateTries {
    /// The nodes of this state, whose root was taken since the last change.
    pub fn version<'a>(&'a self, nodes: &'a dyn StateNodes) -> StateVersion<'a> {
        StateVersion { tries: self, nodes }
    }
}

impl StateNodes for StateVersion<'_> {
    fn accounts(&self) -> Box<dyn NodeSource + '_> {
        Box::new(self.tries.accounts.version(self.nodes.accounts()))
    }

    fn storage(&self, hashed_address: &B256) -> Box<dyn NodeSource + '_> {
        let nodes = self.nodes.storage(hashed_address);
        match self.tries.storages.get(hashed_address) {
            Some(trie) => Box::new(trie.version(nodes)),
            None => nodes,
        }
    }
}

fn hash_slot(slot: &U256) -> B256 {
    keccak256(slot.to_be_bytes::<32>())
}

fn encode_slot(value: U256) -> Option<Vec<u8>> {
    let encoded = || {
        let mut out = Vec::with_capacity(value.length());
        value.encode(&mut out);
        out
    };
    (!value.is_zero()).then(encoded)
}

fn decode<T: Decodable>(leaf: &[u8], path: Nibbles) -> Result<T, TrieError> {
    alloy_rlp::decode_exact(leaf).map_err(|_| TrieError::Malformed { path, reason: "the leaf's value" })
}
