//! Random batches of inserts, updates and removals.

use std::collections::{BTreeMap, HashMap};

use alloy_primitives::{B256, Bytes};
use alloy_trie::{HashBuilder, Nibbles};

use super::{
    Keys, Random,
    database::{ByHash, ByPath},
    twin::{self, Pairs},
};
use crate::trie::{EMPTY_ROOT_HASH, NoNodes, NodeLog, Trie, TrieError, root_of};

type Batch = Vec<(B256, Option<Vec<u8>>)>;

/// Set new keys, and change or remove some of those that exist.
fn batch(keys: Keys, state: &BTreeMap<B256, Vec<u8>>, random: &mut Random) -> Batch {
    let removals = [0, 1, 2, 4, 9][random.below(5)];
    let size = [1, 2, 3, 10, 40][random.below(5)];
    let mut changes = BTreeMap::new();
    for _ in 0..size {
        let existing = state.keys().nth(random.below(state.len().max(1)));
        let key = existing.filter(|_| random.below(3) > 0).copied().unwrap_or_else(|| keys.key(random));
        let value = (random.below(10) >= removals).then(|| random.value());
        changes.insert(key, value);
    }
    changes.into_iter().collect()
}

fn twin_root(state: &BTreeMap<B256, Vec<u8>>) -> B256 {
    let pairs: Pairs = state.iter().map(|(key, value)| (key.to_vec(), value.clone())).collect();
    twin::root(&pairs).0
}

fn fresh(state: &BTreeMap<B256, Vec<u8>>) -> (Trie, NodeLog) {
    let (mut trie, mut log) = (Trie::empty(), NodeLog::new());
    let all = state.iter().map(|(key, value)| (*key, Some(value.clone()))).collect();
    trie.update(all, &NoNodes, &mut log).unwrap();
    trie.root(&mut log);
    (trie, log)
}

/// All that a database has to hold for this state.
fn stored_nodes(state: &BTreeMap<B256, Vec<u8>>) -> HashMap<Nibbles, Bytes> {
    fresh(state).1.into_sorted().into_iter().filter_map(|(path, node)| Some((path, node?))).collect()
}

#[test]
fn test_database_follows_the_trie_and_serves_it_again() {
    for (seed, keys) in Keys::ALL.into_iter().enumerate() {
        let random = &mut Random(seed as u64);
        let (mut database, mut trie) = (ByPath::default(), Trie::empty());
        for round in 0..1_500 {
            let changes = batch(keys, &database.leaves, random);
            let mut log = NodeLog::new();
            trie.update(changes.clone(), &database, &mut log).unwrap();
            let root = trie.root(&mut log);
            database.commit(log, &changes);

            assert_eq!(root, twin_root(&database.leaves), "{keys:?}, round {round}");
            assert_eq!(database.nodes, stored_nodes(&database.leaves), "{keys:?}, round {round}");
            match random.below(3) {
                0 => trie = Trie::from_root(root),
                1 => trie.prune(random.below(5)),
                _ => {}
            }
        }
    }
}

#[test]
fn test_several_updates_before_one_root_are_one_log() {
    let random = &mut Random(77);
    let (mut database, mut trie) = (ByPath::default(), Trie::empty());
    for _ in 0..500 {
        let (mut log, mut before) = (NodeLog::new(), database.clone());
        for _ in 0..3 {
            let changes = batch(Keys::Clustered, &before.leaves, random);
            trie.update(changes.clone(), &database, &mut log).unwrap();
            before.commit(NodeLog::new(), &changes);
        }
        let root = trie.root(&mut log);
        database.commit(log, &[]);
        database.leaves = before.leaves;
        trie = Trie::from_root(root);

        assert_eq!(root, twin_root(&database.leaves));
        assert_eq!(database.nodes, stored_nodes(&database.leaves));
    }
}

#[test]
fn test_updates_resolve_by_hash() {
    for keys in Keys::ALL {
        let random = &mut Random(3);
        let mut state = BTreeMap::new();
        for _ in 0..300 {
            let pairs: Pairs =
                state.iter().map(|(key, value): (&B256, &Vec<u8>)| (key.to_vec(), value.clone())).collect();
            let (root, nodes) = twin::root(&pairs);
            let changes = batch(keys, &state, random);
            let mut trie = Trie::from_root(root);
            trie.update(changes.clone(), &ByHash::new(nodes), &mut NodeLog::off()).unwrap();
            for (key, value) in changes {
                match value {
                    Some(value) => state.insert(key, value),
                    None => state.remove(&key),
                };
            }

            assert_eq!(trie.root(&mut NodeLog::off()), twin_root(&state), "{keys:?}");
        }
    }
}

/// Large enough for all cores to take part.
#[test]
fn test_large_batches_agree_with_alloy_and_their_database() {
    let random = &mut Random(9);
    let mut database = ByPath::default();
    let mut trie = Trie::empty();
    for _ in 0..6 {
        let mut changes: BTreeMap<B256, Option<Vec<u8>>> =
            (0..3_000).map(|_| (Keys::Random.key(random), Some(random.value()))).collect();
        let removed: Vec<B256> = database.leaves.keys().filter(|_| random.below(3) == 0).copied().collect();
        changes.extend(removed.into_iter().map(|key| (key, None)));
        let (changes, mut log): (Batch, _) = (changes.into_iter().collect(), NodeLog::new());
        trie.update(changes.clone(), &database, &mut log).unwrap();
        let root = trie.root(&mut log);
        database.commit(log, &changes);
        trie = Trie::from_root(root);
        let mut builder = HashBuilder::default();
        database.leaves.iter().for_each(|(key, value)| builder.add_leaf(Nibbles::unpack(key), value));

        assert_eq!(root, builder.root());
        assert_eq!(database.nodes, stored_nodes(&database.leaves));
    }
}

#[test]
fn test_keys_of_any_length_agree_with_the_twin() {
    let random = &mut Random(5);
    for _ in 0..2_000 {
        let (mut pairs, mut order) = (Pairs::new(), Vec::new());
        let mut trie = Trie::empty();
        for _ in 0..random.below(30) {
            let length = random.below(5);
            let key: Vec<u8> = (0..length).map(|_| [0x00, 0x01, 0x10, 0x11][random.below(4)]).collect();
            let value = (random.below(4) > 0).then(|| random.value());
            match &value {
                Some(value) => pairs.insert(key.clone(), value.clone()),
                None => pairs.remove(&key),
            };
            let one = vec![(Nibbles::unpack(&key), value.clone())];
            trie.update_paths(one, &NoNodes, &mut NodeLog::off()).unwrap();
            order.push((key, value));
        }

        let expected = twin::root(&pairs).0;
        assert_eq!(trie.root(&mut NodeLog::off()), expected);
        assert_eq!(root_of(order), Ok(expected));
    }
}

#[test]
fn test_an_older_version_is_untouched() {
    let random = &mut Random(21);
    let (mut versions, mut state) = (Vec::new(), BTreeMap::new());
    let mut trie = Trie::empty();
    for _ in 0..60 {
        let changes = batch(Keys::Clustered, &state, random);
        for (key, value) in &changes {
            match value {
                Some(value) => state.insert(*key, value.clone()),
                None => state.remove(key),
            };
        }
        trie.update(changes, &NoNodes, &mut NodeLog::off()).unwrap();
        trie.root(&mut NodeLog::off());
        versions.push((trie.clone(), state.clone()));
    }

    for (mut version, state) in versions {
        assert_eq!(version.root(&mut NodeLog::off()), twin_root(&state));
        for (key, value) in &state {
            assert_eq!(version.get(&Nibbles::unpack(key), &NoNodes).unwrap().as_ref(), Some(value));
        }
    }
}

#[test]
fn test_unsorted_changes_and_empty_values() {
    let key = B256::repeat_byte;
    let mut trie = Trie::empty();
    let changes =
        vec![(key(9), Some(vec![1])), (key(3), Some(vec![2])), (key(9), Some(vec![3])), (key(4), Some(vec![]))];
    trie.update(changes, &NoNodes, &mut NodeLog::off()).unwrap();

    let pairs = Pairs::from([(key(9).to_vec(), vec![3]), (key(3).to_vec(), vec![2])]);
    assert_eq!(trie.root(&mut NodeLog::off()), twin::root(&pairs).0);
    trie.update(vec![(key(3), None), (key(9), Some(vec![]))], &NoNodes, &mut NodeLog::off()).unwrap();
    assert!(trie.is_empty());
    assert_eq!(trie.root(&mut NodeLog::off()), EMPTY_ROOT_HASH);
}

#[test]
fn test_changes_without_effect_log_nothing() {
    let random = &mut Random(8);
    let state: BTreeMap<B256, Vec<u8>> = (0..200).map(|_| (Keys::Clustered.key(random), random.value())).collect();
    let (mut trie, _) = fresh(&state);
    let mut changes: BTreeMap<B256, Option<Vec<u8>>> =
        state.into_iter().map(|(key, value)| (key, Some(value))).collect();
    changes.extend((0..50).map(|_| (Keys::Random.key(random), None)).collect::<Vec<_>>());
    let mut log = NodeLog::new();
    trie.update(changes.into_iter().collect(), &NoNodes, &mut log).unwrap();
    trie.root(&mut log);

    assert_eq!(log.into_sorted(), vec![]);
}

#[test]
fn test_a_missing_or_foreign_node_leaves_the_trie_as_it_was() {
    let random = &mut Random(14);
    let mut database = ByPath::default();
    let changes: Batch = (0..400).map(|_| (Keys::Random.key(random), Some(random.value()))).collect();
    let (mut trie, mut log) = (Trie::empty(), NodeLog::new());
    trie.update(changes.clone(), &database, &mut log).unwrap();
    let root = trie.root(&mut log);
    database.commit(log, &changes);
    let mut holes = database.clone();
    holes.nodes.retain(|path, _| path.len() != 1 || path.get(0) != Some(15));
    let mut mixed = database.clone();
    let other = database.nodes[&Nibbles::from_nibbles([1])].clone();
    mixed.nodes.insert(Nibbles::from_nibbles([15]), other);

    for (source, missing) in [(holes, true), (mixed, false)] {
        let mut cold = Trie::from_root(root);
        let mut log = NodeLog::new();
        let all = changes.iter().map(|(key, _)| (*key, None)).collect();
        match cold.update(all, &source, &mut log).unwrap_err() {
            TrieError::Missing { path, .. } => assert!(missing && path == Nibbles::from_nibbles([15])),
            TrieError::HashMismatch { path, .. } => assert!(!missing && path == Nibbles::from_nibbles([15])),
            other => panic!("{other}"),
        }
        assert_eq!(log.into_sorted(), vec![]);
        assert_eq!(cold.root(&mut NodeLog::off()), root);
        let (key, value) = &changes[0];
        assert_eq!(cold.get(&Nibbles::unpack(key), &database).unwrap(), *value);
    }
}
