//! How long the root takes after 2,000 changes of 1,000,000 accounts, with the trie loaded and with nothing loaded.
//!
//! `cargo run --release -p stf --features host --example root_bench`, one thread with `RAYON_NUM_THREADS=1`.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use alloy_primitives::{B256, Bytes, keccak256};
use stf::trie::{Nibbles, NodeLog, NodeSource, Trie, TrieError};

const ACCOUNTS: u64 = 1_000_000;
const DIRTY: u64 = 2_000;
const ROUNDS: u64 = 20;
const RLP_OF_ACCOUNT: usize = 78;

#[derive(Default)]
struct Database {
    nodes: HashMap<Nibbles, Bytes>,
    leaves: BTreeMap<B256, Vec<u8>>,
}

impl NodeSource for Database {
    fn node(&self, path: &Nibbles, _: &B256) -> Result<Option<Bytes>, TrieError> {
        Ok(self.nodes.get(path).cloned())
    }

    fn leaf(&self, path: &Nibbles) -> Result<Option<(B256, Vec<u8>)>, TrieError> {
        let mut start = B256::ZERO;
        path.pack_to(&mut start[..]);
        Ok(self.leaves.range(start..).next().map(|(key, value)| (*key, value.clone())))
    }
}

impl Database {
    fn commit(&mut self, log: NodeLog, changes: Vec<(B256, Option<Vec<u8>>)>) {
        for (path, node) in log.into_sorted() {
            match node {
                Some(node) => self.nodes.insert(path, node),
                None => self.nodes.remove(&path),
            };
        }
        self.leaves.extend(changes.into_iter().filter_map(|(key, value)| Some((key, value?))));
    }
}

fn changes(keys: impl Iterator<Item = u64>, round: u64) -> Vec<(B256, Option<Vec<u8>>)> {
    let value = |key: u64| keccak256((key ^ round).to_be_bytes()).repeat(3)[..RLP_OF_ACCOUNT].to_vec();
    let mut changes: Vec<_> = keys.map(|key| (keccak256(key.to_be_bytes()), Some(value(key)))).collect();
    changes.sort_by_key(|(key, _)| *key);
    changes
}

/// Keys of a round: half of them new.
fn dirty(round: u64) -> impl Iterator<Item = u64> {
    (0..DIRTY).map(move |at| match at % 2 {
        0 => (at * 7_919 + round * 104_729) % ACCOUNTS,
        _ => ACCOUNTS + round * DIRTY + at,
    })
}

fn run(name: &str, database: &mut Database, trie: &mut Trie, rounds: std::ops::Range<u64>, cold: bool, shared: bool) {
    let (mut times, mut updating) = (Vec::new(), Vec::new());
    for round in rounds {
        let changes = changes(dirty(round), round);
        let root = trie.root(&mut NodeLog::off());
        if cold {
            *trie = Trie::from_root(root);
        }
        let before = shared.then(|| trie.clone());
        let (batch, mut log) = (changes.clone(), NodeLog::new());
        let start = Instant::now();
        trie.update(batch, database, &mut log).expect("the database is whole");
        updating.push(start.elapsed());
        trie.root(&mut log);
        times.push(start.elapsed());
        database.commit(log, changes);
        drop(before);
    }
    times.sort();
    updating.sort();
    let middle = |times: &[Duration]| times[times.len() / 2].as_secs_f64() * 1e3;
    println!("{name}: median {:.2} ms, of which update {:.2} ms", middle(&times), middle(&updating));
}

fn main() {
    let mut database = Database::default();
    let (mut trie, mut log) = (Trie::empty(), NodeLog::new());
    let genesis = changes(0..ACCOUNTS, 0);
    let batch = genesis.clone();
    let start = Instant::now();
    trie.update(batch, &database, &mut log).expect("an empty trie reads nothing");
    trie.root(&mut log);
    println!("build of {ACCOUNTS} accounts: {:.0} ms", start.elapsed().as_secs_f64() * 1e3);
    database.commit(log, genesis);

    run("hot", &mut database, &mut trie, 1..ROUNDS, false, false);
    run("hot, the version before kept", &mut database, &mut trie, ROUNDS..2 * ROUNDS, false, true);
    trie.prune(4);
    run("upper 4 levels loaded", &mut database, &mut trie, 2 * ROUNDS..2 * ROUNDS + 1, false, false);
    run("cold", &mut database, &mut trie, 3 * ROUNDS..4 * ROUNDS, true, false);
}
