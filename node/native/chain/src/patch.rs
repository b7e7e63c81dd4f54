//! State written at the head without a block, as tests of a dev chain want it.
//!
//! The head's header keeps its root, the tries have another one from then on: what is built next stands on what is
//! stored. The database is marked, since its blocks alone no longer lead to its state.

use std::sync::Arc;

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use state::{Amendment, Commit, FlatAccount, Snapshot, StorageNodes};
use stf::trie::{self, EMPTY_ROOT_HASH, NodeLog, Trie};

use crate::ChainError;
use crate::nodes::{Accounts, Slots};
use crate::roots::slot_rlp;
use crate::writer::Chain;

/// What to write of one account; `None` leaves what is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch {
    pub address: Address,
    pub balance: Option<U256>,
    pub nonce: Option<u64>,
    pub code: Option<Bytes>,
    /// Slot, value.
    pub storage: Vec<(U256, U256)>,
}

impl Chain {
    /// Write a patch into the state at the head. Gives the patch that takes it back there.
    pub fn patch(&mut self, patch: &Patch) -> Result<Patch, ChainError> {
        let snapshot = self.database.snapshot()?;
        let key = keccak256(patch.address);
        let before = snapshot.account_of((&patch.address, &key), None)?;
        let undo = undo(&snapshot, &key, before.as_ref(), patch)?;

        let mut slots = Vec::with_capacity(patch.storage.len());
        for ((slot, value), (_, now)) in patch.storage.iter().zip(&undo.storage) {
            slots.push((key, keccak256(slot.to_be_bytes::<32>()), *now, *value));
        }
        slots.retain(|(_, _, now, value)| now != value);
        slots.sort_unstable_by_key(|(_, slot, ..)| *slot);

        let storage_root = before.as_ref().map_or(EMPTY_ROOT_HASH, |account| account.storage_root);
        let mut storage = self.tries.storage.get(&key).cloned().unwrap_or_else(|| Trie::from_root(storage_root));
        let mut storage_log = NodeLog::new();
        let updates = slots.iter().map(|(_, slot, _, value)| (*slot, slot_rlp(*value))).collect();
        storage.update(updates, &Slots { nodes: snapshot.storage_nodes(&key)?, at_head: true }, &mut storage_log)?;
        let storage_root = storage.root(&mut storage_log);

        let after = patched(before.as_ref(), patch, storage_root);
        let mut accounts = self.tries.accounts.clone();
        let mut account_log = NodeLog::new();
        if before != after {
            let updates = vec![(key, after.as_ref().map(FlatAccount::leaf))];
            let source = Accounts { nodes: snapshot.account_nodes()?, at_head: true };
            accounts.update(updates, &source, &mut account_log)?;
            accounts.root(&mut account_log);
        }
        drop(snapshot);

        let code = patch.code.clone().filter(|code| !code.is_empty());
        self.database.commit(&Commit {
            account_nodes: account_log.into_sorted(),
            storage_nodes: vec![(key, StorageNodes { cleared: false, nodes: storage_log.into_sorted() })],
            amendment: Some(Amendment {
                accounts: if before == after { Vec::new() } else { vec![(key, before, after)] },
                storage: slots,
                codes: code.map(|code| (keccak256(&code), code)).into_iter().collect(),
                ..Default::default()
            }),
            preimages: if self.remembers_slots {
                patch.storage.iter().map(|(slot, _)| (*slot).into()).collect()
            } else {
                Vec::new()
            },
            marked: true,
            ..Default::default()
        })?;
        let tries = Arc::make_mut(&mut self.tries);
        tries.accounts = accounts;
        tries.storage.insert(key, storage);
        self.ground_moved();
        Ok(undo)
    }

    /// Remember for good that this chain's blocks do not follow the rules: another node would not take them.
    pub fn mark(&mut self) -> Result<(), ChainError> {
        Ok(self.database.commit(&Commit { marked: true, ..Default::default() })?)
    }

    pub fn is_marked(&self) -> Result<bool, ChainError> {
        Ok(self.database.snapshot()?.is_marked()?)
    }
}

/// The values that `patch` replaces. An account that is not there comes out as an empty one, which is the same.
fn undo(snapshot: &Snapshot, key: &B256, before: Option<&FlatAccount>, patch: &Patch) -> Result<Patch, ChainError> {
    let mut storage = Vec::with_capacity(patch.storage.len());
    for (slot, _) in &patch.storage {
        storage.push((
            *slot,
            snapshot.slot_of((&patch.address, key), (slot, &keccak256(slot.to_be_bytes::<32>())), None)?,
        ));
    }
    let code = match before.map(|account| account.code_hash).filter(|hash| *hash != KECCAK256_EMPTY) {
        Some(hash) => snapshot.code_of(&hash)?.unwrap_or_default(),
        None => Bytes::new(),
    };
    Ok(Patch {
        address: patch.address,
        balance: patch.balance.map(|_| before.map_or(U256::ZERO, |account| account.balance)),
        nonce: patch.nonce.map(|_| before.map_or(0, |account| account.nonce)),
        code: patch.code.as_ref().map(|_| code),
        storage,
    })
}

/// The account with the patch. One that is empty in every way is none (EIP-161).
fn patched(before: Option<&FlatAccount>, patch: &Patch, storage_root: B256) -> Option<FlatAccount> {
    let code_hash = patch.code.as_ref().map(|code| if code.is_empty() { KECCAK256_EMPTY } else { keccak256(code) });
    let account = FlatAccount {
        nonce: patch.nonce.unwrap_or_else(|| before.map_or(0, |account| account.nonce)),
        balance: patch.balance.unwrap_or_else(|| before.map_or(U256::ZERO, |account| account.balance)),
        code_hash: code_hash.unwrap_or_else(|| before.map_or(KECCAK256_EMPTY, |account| account.code_hash)),
        storage_root,
        address: patch.address,
    };
    let empty = account.nonce == 0
        && account.balance.is_zero()
        && account.code_hash == KECCAK256_EMPTY
        && storage_root == EMPTY_ROOT_HASH;
    (!empty).then_some(account)
}

/// The root of the state that is stored. After a patch it is not the one that the head's header names.
pub fn stored_root(snapshot: &Snapshot) -> Result<B256, ChainError> {
    Ok(trie::stored_root(&snapshot.account_nodes()?)?)
}
