//! The tries of a block below the head: the head's tries with the old values of the blocks above applied in memory.
//!
//! Old trie nodes are not kept on disk; the values are (history). The cost grows with the number of keys changed since,
//! and whoever asks checks `root` against the block's own.

use alloy_primitives::map::HashMap;
use alloy_primitives::{B256, U256};
use state::{FlatAccount, Snapshot, StorageNodes};
use stf::trie::{NodeLog, Trie};

use crate::ChainError;
use crate::layer::NodeWrites;
use crate::nodes::{Accounts, Slots};
use crate::roots::{self, HeadTries};

/// Tries of block `number`, valid while the head is `head`.
pub struct Past {
    pub number: u64,
    pub head: B256,
    pub accounts: Trie,
    /// Root of `accounts`.
    pub root: B256,
    storage: HashMap<B256, Trie>,
    /// What takes the database's nodes back to this block.
    pub nodes: NodeWrites,
}

impl Past {
    /// Take the blocks above `number` back, in memory.
    pub fn new(snapshot: &Snapshot, tries: &HeadTries, number: u64, head: B256) -> Result<Self, ChainError> {
        let then = snapshot.difference(number)?;
        let mut storage = HashMap::default();
        let mut nodes = NodeWrites::default();
        for (account, slots) in &then.storage {
            let (trie, log) = storage_back(snapshot, tries, account, slots)?;
            storage.insert(*account, trie);
            nodes.storage.push((*account, StorageNodes { cleared: false, nodes: log.into_sorted() }));
        }
        let updates = then.accounts.iter().map(|(key, then)| (*key, then.as_ref().map(FlatAccount::leaf))).collect();
        let mut accounts = tries.accounts.clone();
        let mut log = NodeLog::new();
        accounts.update(updates, &Accounts { nodes: snapshot.account_nodes()?, at_head: true }, &mut log)?;
        let root = accounts.root(&mut log);
        nodes.accounts = log.into_sorted();
        Ok(Self { number, head, accounts, root, storage, nodes })
    }

    /// The storage trie of an account at this block.
    pub fn storage_trie(&self, hash: &B256, root: B256) -> Trie {
        self.storage.get(hash).cloned().unwrap_or_else(|| Trie::from_root(root))
    }
}

/// One storage trie with its slots (hashed slot, value) as they were.
fn storage_back(
    snapshot: &Snapshot,
    tries: &HeadTries,
    account: &B256,
    slots: &[(B256, U256)],
) -> Result<(Trie, NodeLog), ChainError> {
    let mut trie = match (tries.storage.get(account), snapshot.account(account, None)?) {
        (Some(trie), Some(_)) => trie.clone(),
        (None, Some(account)) => Trie::from_root(account.storage_root),
        (_, None) => Trie::empty(),
    };
    let updates = slots.iter().map(|(slot, then)| (*slot, roots::slot_rlp(*then))).collect();
    let mut log = NodeLog::new();
    trie.update(updates, &Slots { nodes: snapshot.storage_nodes(account)?, at_head: true }, &mut log)?;
    trie.root(&mut log);
    Ok((trie, log))
}
