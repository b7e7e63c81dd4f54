//! How long the root takes after 2,000 changes of 1,000,000 accounts, with the trie loaded and with nothing loaded.
//!
//! `cargo run --release -p stf --features host --example root_bench`, one thread with `RAYON_NUM_THREADS=1`.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use alloy_primitives::{B256, Bytes, keccak256};
use mimalloc::MiMalloc;
use stf::trie::{Nibbles, NodeLog, NodeSource, Trie, TrieError};

/// As in the node: the C library's allocator makes the same work 1.6 times as long.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

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

/// Blocks on a trie from which `prepare` takes away what shall not be loaded. The version before is kept, as a chain does.
fn run(name: &str, database: &mut Database, trie: &mut Trie, rounds: std::ops::Range<u64>, prepare: fn(&mut Trie)) {
    let mut times = Vec::new();
    for round in rounds {
        let changes = changes(dirty(round), round);
        prepare(trie);
        let before = trie.clone();
        let (batch, mut log) = (changes.clone(), NodeLog::new());
        let start = Instant::now();
        trie.update(batch, database, &mut log).expect("the database is whole");
        let updated = start.elapsed();
        trie.root(&mut log);
        times.push((start.elapsed(), updated));
        database.commit(log, changes);
        drop(before);
    }
    times.sort();
    let (best, _) = times[0];
    let (whole, updated) = times[times.len() / 2];
    let [best, whole, updated] = [best, whole, updated].map(milliseconds);
    println!("{name}: median {whole:.2} ms, of which update {updated:.2} ms; best {best:.2} ms");
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn main() {
    let mut database = Database::default();
    let (mut trie, mut log) = (Trie::empty(), NodeLog::new());
    let genesis = changes(0..ACCOUNTS, 0);
    let batch = genesis.clone();
    let start = Instant::now();
    trie.update(batch, &database, &mut log).expect("an empty trie reads nothing");
    trie.root(&mut log);
    println!("build of {ACCOUNTS} accounts: {:.0} ms", milliseconds(start.elapsed()));
    database.commit(log, genesis);

    run("all loaded", &mut database, &mut trie, 1..ROUNDS, |_| {});
    run("upper 4 levels loaded", &mut database, &mut trie, ROUNDS..2 * ROUNDS, |trie| trie.prune(4));
    run("nothing loaded", &mut database, &mut trie, 2 * ROUNDS..3 * ROUNDS, |trie| trie.prune(0));
}
