//! From what a block changed to the root after it: storage tries first, then the trie of accounts.

use alloy_primitives::map::HashMap;
use alloy_primitives::{Address, B256, U256, keccak256};
use rayon::prelude::*;
use state::{FlatAccount, StorageNodes};
use stf::trie::{EMPTY_ROOT_HASH, NodeLog, Trie};
use stf::{AccountChange, StateChanges};

use crate::ChainError;
use crate::layer::{LayerTries, Nodes};
use crate::nodes::Slots;
use crate::view::View;

/// Accounts whose storage tries stay loaded between blocks, and how much may be loaded before they are let go.
const KEPT_STORAGE_TRIES: usize = 4_096;
const KEPT_UPDATES: usize = 400_000;
/// Levels of the account trie that survive a prune: 16^4 branches are about 50 MB.
const PRUNE_DEPTH: usize = 4;

/// The tries at the committed head, as far as they are loaded.
#[derive(Clone)]
pub struct HeadTries {
    pub accounts: Trie,
    pub storage: HashMap<B256, Trie>,
    updates: usize,
}

impl HeadTries {
    pub fn new(root: B256) -> Self {
        Self { accounts: Trie::from_root(root), storage: HashMap::default(), updates: 0 }
    }

    /// Follow a committed block.
    pub fn advance(&mut self, tries: &LayerTries, updates: usize) {
        self.accounts = tries.accounts.clone();
        self.storage.extend(tries.storage.iter().map(|(hash, trie)| (*hash, trie.clone())));
        self.updates += updates;
        if self.updates > KEPT_UPDATES || self.storage.len() > KEPT_STORAGE_TRIES {
            self.accounts.prune(PRUNE_DEPTH);
            self.storage.clear();
            self.updates = 0;
        }
    }
}

/// One storage trie that a block changes.
struct StorageJob<'a> {
    source: Slots<'a>,
    address: Address,
    hash: B256,
    trie: Trie,
    cleared: bool,
    updates: Vec<(B256, Option<Vec<u8>>)>,
    slots: Vec<(B256, B256, U256, U256)>,
}

/// A storage trie after the block.
struct StorageDone {
    address: Address,
    hash: B256,
    trie: Trie,
    root: B256,
    cleared: bool,
    nodes: Nodes,
    slots: Vec<(B256, B256, U256, U256)>,
}

/// Tries, node writes and accounts after `changes` on `view`.
pub fn after(view: &View, changes: &StateChanges) -> Result<LayerTries, ChainError> {
    let jobs = storage_jobs(view, changes)?;
    let done = jobs.into_par_iter().map(finish).collect::<Result<Vec<_>, ChainError>>()?;
    let roots = done.iter().map(|done| (done.address, done.root)).collect();

    let mut accounts = view.account_trie();
    let mut account_nodes = NodeLog::new();
    let (after, updates) = account_updates(view, changes, &roots)?;
    accounts.update(updates, &view.account_nodes()?, &mut account_nodes)?;
    accounts.root(&mut account_nodes);

    let mut tries = LayerTries { accounts, after, ..Default::default() };
    tries.nodes.accounts = account_nodes.into_sorted();
    for mut done in done {
        tries.storage.insert(done.hash, done.trie);
        tries.nodes.storage.push((done.hash, StorageNodes { cleared: done.cleared, nodes: done.nodes }));
        tries.slots.append(&mut done.slots);
        if done.cleared {
            tries.cleared.push(done.hash);
        }
    }
    Ok(tries)
}

fn finish(mut job: StorageJob<'_>) -> Result<StorageDone, ChainError> {
    let mut log = NodeLog::new();
    job.trie.update(job.updates, &job.source, &mut log)?;
    let root = job.trie.root(&mut log);
    let StorageJob { address, hash, trie, cleared, slots, .. } = job;
    Ok(StorageDone { address, hash, trie, root, cleared, nodes: log.into_sorted(), slots })
}

fn storage_jobs<'a>(view: &'a View, changes: &StateChanges) -> Result<Vec<StorageJob<'a>>, ChainError> {
    let mut jobs = Vec::new();
    for (address, change) in &changes.accounts {
        if change.storage.is_empty() && !change.storage_cleared {
            continue;
        }
        let (hash, before) = view.account(address)?;
        let root = before.map_or(EMPTY_ROOT_HASH, |account| account.storage_root);
        let cleared = change.storage_cleared && root != EMPTY_ROOT_HASH;
        let trie = if change.storage_cleared { Trie::empty() } else { view.storage_trie(&hash, root) };
        let slots = changed_slots(&hash, change);
        let updates = slots.iter().map(|(_, slot, _, after)| (*slot, slot_rlp(*after))).collect();
        let source = view.storage_nodes(&hash)?;
        jobs.push(StorageJob { source, address: *address, hash, trie, cleared, updates, slots });
    }
    Ok(jobs)
}

/// Changed slots, hashed, in the order of the trie. Of wiped storage: what was written since.
fn changed_slots(account: &B256, change: &AccountChange) -> Vec<(B256, B256, U256, U256)> {
    let wiped = change.storage_cleared;
    let matters = |before: U256, after: U256| if wiped { !after.is_zero() } else { before != after };
    let mut slots: Vec<_> = change
        .storage
        .iter()
        .filter(|(_, value)| matters(value.before, value.after))
        .map(|(slot, value)| (*account, keccak256(slot.to_be_bytes::<32>()), value.before, value.after))
        .collect();
    slots.sort_unstable_by_key(|(_, slot, ..)| *slot);
    slots
}

/// A slot's value as the trie holds it; zero is absence.
pub fn slot_rlp(value: U256) -> Option<Vec<u8>> {
    (!value.is_zero()).then(|| alloy_rlp::encode(value))
}

type AccountUpdates = (HashMap<Address, Option<FlatAccount>>, Vec<(B256, Option<Vec<u8>>)>);

fn account_updates(
    view: &View,
    changes: &StateChanges,
    roots: &HashMap<Address, B256>,
) -> Result<AccountUpdates, ChainError> {
    let mut after = HashMap::default();
    let mut updates = Vec::with_capacity(changes.accounts.len());
    for (address, change) in &changes.accounts {
        let (hash, before) = view.account(address)?;
        let account = change.after.as_ref().map(|body| FlatAccount {
            nonce: body.nonce,
            balance: body.balance,
            code_hash: body.code_hash,
            storage_root: roots
                .get(address)
                .copied()
                .unwrap_or_else(|| before.as_ref().map_or(EMPTY_ROOT_HASH, |account| account.storage_root)),
            address: *address,
        });
        if account != before {
            updates.push((hash, account.as_ref().map(FlatAccount::leaf)));
        }
        after.insert(*address, account);
    }
    updates.sort_unstable_by_key(|(key, _)| *key);
    Ok((after, updates))
}
