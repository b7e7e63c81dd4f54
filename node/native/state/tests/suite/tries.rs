//! The trie over the node and flat tables: after each commit, a trie that knows only the root goes on from there.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use alloy_primitives::{B256, U256};
use state::{Commit, Database, FlatAccount, StorageNodes};
use stf::trie::{NoNodes, NodeLog, NodeSource, Trie};

use crate::support::*;

const BLOCKS: u64 = 6;
/// Enough for the trie to work on several threads.
const CHANGES: u64 = 3_000;
const KEYS: u64 = 8_000;

type Values = BTreeMap<B256, Option<Vec<u8>>>;

#[test]
fn roots_over_the_database_are_those_of_a_trie_in_memory() {
    let folder = Folder::new();
    let (database, mut random) = (folder.open(), Random(4));
    let owner = account_key(1);
    let (mut accounts, mut slots) = (BTreeMap::new(), BTreeMap::new());
    let (mut root, mut storage_root) = (Trie::empty().root(&mut NodeLog::off()), None);
    for number in 0..BLOCKS {
        let mut block = block(number, 0);
        let (mut account_changes, mut slot_changes) = (Values::new(), Values::new());
        let changed: BTreeSet<u64> = (0..CHANGES).map(|_| random.below(KEYS)).collect();
        for who in changed {
            let after = (random.below(4) > 0).then(|| account(who, random.next()));
            let before = set(&mut accounts, account_key(who), after);
            account_changes.insert(account_key(who), after.as_ref().map(FlatAccount::leaf));
            block.accounts.push((account_key(who), before, after));

            let after = (random.below(4) > 0).then(|| U256::from(random.next()));
            let before = set(&mut slots, slot_key(who), after);
            slot_changes.insert(slot_key(who), after.map(alloy_rlp::encode));
            block.storage.push((owner, slot_key(who), before.unwrap_or_default(), after.unwrap_or_default()));
        }

        let snapshot = database.snapshot().unwrap();
        let (after, account_nodes) = next_root(Some(root), account_changes, &snapshot.account_nodes().unwrap());
        let source = snapshot.storage_nodes(&owner).unwrap();
        let (storage_after, nodes) = next_root(storage_root, slot_changes, &source);
        drop(snapshot);
        let storage_nodes = vec![(owner, StorageNodes { cleared: false, nodes })];
        let blocks = vec![Arc::new(block)];
        database.commit(&Commit { blocks, account_nodes, storage_nodes, ..Commit::default() }).unwrap();
        (root, storage_root) = (after, Some(storage_after));

        let whole = accounts.iter().map(|(key, account): (&B256, &FlatAccount)| (*key, Some(account.leaf())));
        assert_eq!(root, next_root(None, whole.collect(), &NoNodes).0, "block {number}");
        let whole = slots.iter().map(|(key, value)| (*key, Some(alloy_rlp::encode(value))));
        assert_eq!(storage_root, Some(next_root(None, whole.collect(), &NoNodes).0), "block {number}");
        proofs_are_those_of_memory(&database, root, &accounts);
    }
}

type Nodes = Vec<(stf::trie::Nibbles, Option<alloy_primitives::Bytes>)>;

fn next_root(root: Option<B256>, changes: Values, source: &dyn NodeSource) -> (B256, Nodes) {
    let mut trie = root.map_or_else(Trie::empty, Trie::from_root);
    let mut log = NodeLog::new();
    trie.update(changes.into_iter().collect(), source, &mut log).unwrap();
    (trie.root(&mut log), log.into_sorted())
}

fn proofs_are_those_of_memory(database: &Database, root: B256, accounts: &BTreeMap<B256, FlatAccount>) {
    let snapshot = database.snapshot().unwrap();
    let source = snapshot.account_nodes().unwrap();
    let mut memory = Trie::empty();
    let whole = accounts.iter().map(|(key, account)| (*key, Some(account.leaf()))).collect();
    memory.update(whole, &NoNodes, &mut NodeLog::off()).unwrap();
    for key in (0..50).map(account_key).map(stf::trie::Nibbles::unpack) {
        assert_eq!(Trie::from_root(root).prove(&key, &source).unwrap(), memory.prove(&key, &NoNodes).unwrap());
    }
}

/// Gives what was there before.
fn set<T>(values: &mut BTreeMap<B256, T>, key: B256, value: Option<T>) -> Option<T> {
    match value {
        Some(value) => values.insert(key, value),
        None => values.remove(&key),
    }
}
