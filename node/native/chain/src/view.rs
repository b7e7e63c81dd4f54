//! The state as it is after one block: layers of candidates over a snapshot of the database.
//!
//! A view lives for one execution. What it loads it keeps (accounts with their hashes), since the root needs them again.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use alloy_primitives::map::HashMap;
use alloy_primitives::{Address, B256, U256, keccak256};
use revm::database_interface::DBErrorMarker;
use revm::state::{AccountInfo, Bytecode};
use state::{FlatAccount, Snapshot, StateError};
use stf::trie::{EMPTY_ROOT_HASH, NodeLog, Trie};
use stf::{StateChanges, StateSource};

use crate::codes::CodeCache;
use crate::layer::{Layer, LayerTries};
use crate::nodes::{Accounts, Slots};
use crate::past::Past;
use crate::roots::{self, HeadTries};

/// The state after block `number`.
pub struct View {
    pub snapshot: Rc<Snapshot>,
    /// The committed block that the layers lie on; `at` is None where it is the head of the snapshot.
    base: u64,
    at: Option<u64>,
    /// Newest first.
    layers: Vec<Arc<Layer>>,
    /// Tries of `base`, where no layer has a newer one.
    tries: BaseTries,
    codes: Arc<CodeCache>,
    loaded: RefCell<HashMap<Address, Loaded>>,
}

/// Where the tries of the base block come from.
#[derive(Clone)]
pub enum BaseTries {
    Head(Arc<HeadTries>),
    Past(Arc<Past>),
}

#[derive(Clone)]
struct Loaded {
    hash: B256,
    account: Option<FlatAccount>,
}

impl View {
    pub fn new(
        snapshot: Rc<Snapshot>,
        base: u64,
        at: Option<u64>,
        layers: Vec<Arc<Layer>>,
        tries: BaseTries,
        codes: Arc<CodeCache>,
    ) -> Self {
        Self { snapshot, base, at, layers, tries, codes, loaded: RefCell::default() }
    }

    /// keccak(address) and the account before the block that is being executed.
    pub fn account(&self, address: &Address) -> Result<(B256, Option<FlatAccount>), StateError> {
        if let Some(loaded) = self.loaded.borrow().get(address) {
            return Ok((loaded.hash, loaded.account));
        }
        let hash = keccak256(address);
        let account = match self.layers.iter().find_map(|layer| layer.account(address)) {
            Some(account) => account.copied(),
            None => self.snapshot.account_of((address, &hash), self.at)?,
        };
        self.loaded.borrow_mut().insert(*address, Loaded { hash, account });
        Ok((hash, account))
    }

    /// The trie of all accounts before the block.
    pub fn account_trie(&self) -> Trie {
        match (self.layers.first(), &self.tries) {
            (Some(layer), _) => layer.tries.accounts.clone(),
            (None, BaseTries::Head(tries)) => tries.accounts.clone(),
            (None, BaseTries::Past(past)) => past.accounts.clone(),
        }
    }

    /// The storage trie of an account before the block; `root` is what its account says.
    pub fn storage_trie(&self, hash: &B256, root: B256) -> Trie {
        if let Some(trie) = self.layers.iter().find_map(|layer| layer.tries.storage.get(hash)) {
            return trie.clone();
        }
        match &self.tries {
            BaseTries::Head(tries) => tries.storage.get(hash).cloned().unwrap_or_else(|| Trie::from_root(root)),
            BaseTries::Past(past) => past.storage_trie(hash, root),
        }
    }

    /// Where the trie of accounts loads its nodes.
    pub fn account_nodes(&self) -> Result<Accounts<'_>, StateError> {
        Ok(Accounts { nodes: self.snapshot.account_nodes()?, at_head: self.at.is_none() })
    }

    /// Where a storage trie loads its nodes.
    pub fn storage_nodes(&self, account: &B256) -> Result<Slots<'_>, StateError> {
        Ok(Slots { nodes: self.snapshot.storage_nodes(account)?, at_head: self.at.is_none() })
    }

    /// Tries, node writes and accounts after `changes`.
    pub fn tries_after(&self, changes: &StateChanges) -> Result<LayerTries, crate::ChainError> {
        roots::after(self, changes)
    }
}

/// A read that failed, as the interpreter passes it through.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct ReadError(#[from] pub StateError);

impl DBErrorMarker for ReadError {}

impl revm::Database for View {
    type Error = ReadError;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, ReadError> {
        let (_, account) = self.account(&address)?;
        Ok(account.map(|account| AccountInfo {
            nonce: account.nonce,
            balance: account.balance,
            code_hash: account.code_hash,
            code: None,
            account_id: None,
        }))
    }

    fn code_by_hash(&mut self, hash: B256) -> Result<Bytecode, ReadError> {
        self.codes.get(&hash, || {
            if let Some(code) = self.layers.iter().find_map(|layer| layer.changes.codes.get(&hash)) {
                return Ok(stf::source::bytecode(code.clone()));
            }
            let missing = || StateError::Corrupt(format!("code {hash} is missing"));
            Ok(stf::source::bytecode(self.snapshot.code_of(&hash)?.ok_or_else(missing)?))
        })
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, ReadError> {
        if let Some(value) = self.layers.iter().find_map(|layer| layer.slot(&address, &slot)) {
            return Ok(value);
        }
        let (hash, _) = self.account(&address)?;
        Ok(self.snapshot.slot_of((&address, &hash), (&slot, &keccak256(slot.to_be_bytes::<32>())), self.at)?)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, ReadError> {
        if let Some(layer) = self.layers.iter().find(|layer| layer.header.number == number) {
            return Ok(layer.hash);
        }
        if number > self.base {
            return Ok(B256::ZERO);
        }
        Ok(self.snapshot.block_hash(number)?)
    }
}

impl StateSource for View {
    /// Receipts before Byzantium hold the root after each transaction.
    fn state_root(&mut self, changes: &StateChanges) -> Result<B256, ReadError> {
        let mut tries = self.tries_after(changes).map_err(|error| match error {
            crate::ChainError::Storage(error) => ReadError(error),
            other => ReadError(StateError::Corrupt(other.to_string())),
        })?;
        Ok(tries.accounts.root(&mut NodeLog::default()))
    }

    fn has_storage(&mut self, address: Address) -> Result<bool, ReadError> {
        Ok(self.account(&address)?.1.is_some_and(|account| account.storage_root != EMPTY_ROOT_HASH))
    }
}
