//! The tries of a block below the head: the head's tries with the old values of the blocks above applied in memory.
//!
//! Old trie nodes are not kept; old values are (history). So the cost grows with the keys changed since: some
//! milliseconds for recent blocks, seconds at the end of the window. What is not touched on the way stays a hash.

use std::collections::BTreeSet;

use alloy_primitives::B256;
use state::{Snapshot, StateError};
use stf::Header;
use stf::trie::{NodeLog, Trie, TrieError};

/// Why a trie could not be had.
#[derive(Debug, thiserror::Error)]
pub enum TriesError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Trie(#[from] TrieError),
    /// History and nodes disagree: the database is damaged.
    #[error("the trie of block {number} has root {got}, the header says {expected}")]
    WrongRoot { number: u64, got: B256, expected: B256 },
}

/// The state trie after block `number` of the canonical chain. Its unchanged part is loaded, where needed, from
/// [`Snapshot::account_nodes`].
pub fn trie_at(snapshot: &Snapshot, number: u64, state_root: B256) -> Result<Trie, TriesError> {
    let head = head_header(snapshot)?;
    if head.state_root == state_root {
        return Ok(Trie::from_root(state_root));
    }
    let mut changed = BTreeSet::new();
    for block in number + 1..=head.number {
        changed.extend(snapshot.changed_keys(block)?.accounts);
    }
    let updates = changed
        .into_iter()
        .map(|hashed| Ok((hashed, snapshot.account(&hashed, Some(number))?.map(|account| account.leaf()))))
        .collect::<Result<Vec<_>, StateError>>()?;
    let mut trie = Trie::from_root(head.state_root);
    trie.update(updates, &snapshot.account_nodes()?, &mut NodeLog::off())?;
    expect_root(trie, number, state_root)
}

/// The storage trie of an account after block `number`, where the account's storage root is `root`.
pub fn storage_trie_at(snapshot: &Snapshot, hashed: &B256, number: u64, root: B256) -> Result<Trie, TriesError> {
    let head_root = snapshot.account(hashed, None)?.map(|account| account.storage_root);
    if head_root == Some(root) {
        return Ok(Trie::from_root(root));
    }
    let mut changed = BTreeSet::new();
    for block in number + 1..=head_header(snapshot)?.number {
        let of_accounts = snapshot.changed_keys(block)?.storage;
        changed.extend(of_accounts.into_iter().filter(|(account, _)| account == hashed).flat_map(|(_, slots)| slots));
    }
    let updates = changed
        .into_iter()
        .map(|slot| {
            let value = snapshot.storage(hashed, &slot, Some(number))?;
            Ok((slot, (!value.is_zero()).then(|| alloy_rlp::encode(value))))
        })
        .collect::<Result<Vec<_>, StateError>>()?;
    let mut trie = head_root.map_or_else(Trie::empty, Trie::from_root);
    trie.update(updates, &snapshot.storage_nodes(hashed)?, &mut NodeLog::off())?;
    expect_root(trie, number, root)
}

fn head_header(snapshot: &Snapshot) -> Result<Header, StateError> {
    let header = match snapshot.head()? {
        Some(head) => snapshot.header(head.number, &head.hash)?,
        None => None,
    };
    header.ok_or_else(|| StateError::Corrupt("the head has no header".into()))
}

fn expect_root(mut trie: Trie, number: u64, expected: B256) -> Result<Trie, TriesError> {
    let got = trie.root(&mut NodeLog::off());
    if got == expected { Ok(trie) } else { Err(TriesError::WrongRoot { number, got, expected }) }
}
