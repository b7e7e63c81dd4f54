//! The state root after changes that nobody keeps.

use super::error::CallError;
use crate::context::Context;
use crate::error::RpcError;
use crate::tries::{self, TriesError};
use alloy_primitives::{Address, B256, U256, keccak256};
use state::FlatAccount;
use std::cell::OnceCell;
use stf::trie::{EMPTY_ROOT_HASH, NodeLog, Trie};
use stf::{AccountChange, StateChanges};

/// The tries after one block of the canonical chain.
pub struct Roots<'a> {
    context: &'a Context,
    number: u64,
    state_root: B256,
    accounts: OnceCell<Trie>,
}

type Leaves = Vec<(B256, Option<Vec<u8>>)>;

impl<'a> Roots<'a> {
    pub fn new(context: &'a Context, number: u64, state_root: B256) -> Self {
        Self { context, number, state_root, accounts: OnceCell::new() }
    }

    /// The root with `changes` on top.
    pub fn after(&self, changes: &StateChanges) -> Result<B256, CallError> {
        self.root(changes).map_err(|error| CallError::State(RpcError::from(error).message))
    }

    fn root(&self, changes: &StateChanges) -> Result<B256, TriesError> {
        let mut leaves: Leaves = Vec::with_capacity(changes.accounts.len());
        for (address, change) in &changes.accounts {
            let hashed = keccak256(address);
            let leaf = match &change.after {
                Some(body) => {
                    let storage_root = self.storage_root(&hashed, change)?;
                    let (nonce, balance, code_hash) = (body.nonce, body.balance, body.code_hash);
                    Some(FlatAccount { nonce, balance, code_hash, storage_root, address: Address::ZERO }.leaf())
                }
                None => None,
            };
            leaves.push((hashed, leaf));
        }
        leaves.sort_unstable_by_key(|(key, _)| *key);
        let mut trie = self.accounts()?.clone();
        trie.update(leaves, &self.context.snapshot.account_nodes()?, &mut NodeLog::off())?;
        Ok(trie.root(&mut NodeLog::off()))
    }

    fn accounts(&self) -> Result<&Trie, TriesError> {
        if let Some(trie) = self.accounts.get() {
            return Ok(trie);
        }
        let trie = tries::trie_at(&self.context.snapshot, self.number, self.state_root)?;
        Ok(self.accounts.get_or_init(|| trie))
    }

    fn storage_root(&self, hashed: &B256, change: &AccountChange) -> Result<B256, TriesError> {
        let snapshot = &self.context.snapshot;
        let before =
            snapshot.account(hashed, Some(self.number))?.map_or(EMPTY_ROOT_HASH, |account| account.storage_root);
        let mut trie = match (change.storage_cleared, change.storage.is_empty()) {
            (true, _) => Trie::empty(),
            (false, true) => return Ok(before),
            (false, false) => tries::storage_trie_at(snapshot, hashed, self.number, before)?,
        };
        trie.update(slot_leaves(change), &snapshot.storage_nodes(hashed)?, &mut NodeLog::off())?;
        Ok(trie.root(&mut NodeLog::off()))
    }
}

fn slot_leaves(change: &AccountChange) -> Leaves {
    let leaf = |value: U256| (!value.is_zero()).then(|| alloy_rlp::encode(value));
    let mut leaves: Leaves =
        change.storage.iter().map(|(slot, value)| (keccak256(slot.to_be_bytes::<32>()), leaf(value.after))).collect();
    leaves.sort_unstable_by_key(|(key, _)| *key);
    leaves
}
