//! What storage costs: `cargo run --release -p state --example speed -- FOLDER`.
//!
//! A base of 1,000,000 accounts and as many slots; then blocks of 5,000 dirty keys and 1,500 transactions, a commit
//! each, with and without waiting for the disk; then snapshots and reads. Times are of the processor (the kernel's
//! share too), so that a busy machine does not show in them; a synced commit waits for the disk on top.

use std::{path::PathBuf, sync::Arc};

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::Nibbles;
use state::{Commit, Database, FlatAccount, LogFilter, Options, StorageNodes, StoredBlock, log_key};

const BASE: u64 = 1_000_000;
const TRANSACTIONS: u64 = 1_500;
const DIRTY_ACCOUNTS: u64 = 1_500;
const DIRTY_SLOTS: u64 = 3_500;

fn main() {
    let folder = PathBuf::from(std::env::args().nth(1).expect("a folder"));
    let database = Database::open(&folder, &Options { durable: false, ..Options::default() }).unwrap();
    timed("base", || database.commit(&Commit { blocks: vec![Arc::new(base())], ..Commit::default() }).unwrap());
    let mut commits: Vec<_> = (1..=10).map(block).map(|commit| (timed_commit(&database, &commit), commit)).collect();
    commits.sort_by(|a, b| a.0.total_cmp(&b.0));
    println!("commit, not synced: median {:.1} ms, {:.1}..{:.1}", commits[5].0, commits[0].0, commits[9].0);
    drop(database);
    let database = Database::open(&folder, &Options::default()).unwrap();
    let mut commits: Vec<_> = (11..=20).map(block).map(|commit| timed_commit(&database, &commit)).collect();
    commits.sort_by(f64::total_cmp);
    println!("commit, synced: median {:.1} ms, {:.1}..{:.1}", commits[5], commits[0], commits[9]);
    let ten = (21..=30).map(block).reduce(|mut all, next| {
        all.blocks.extend(next.blocks);
        all.account_nodes.extend(next.account_nodes);
        all.storage_nodes.extend(next.storage_nodes);
        all
    });
    println!("ten blocks in one commit, synced: {:.1} ms", timed_commit(&database, &ten.unwrap()));
    reads(&database);
}

fn reads(database: &Database) {
    const ROUNDS: u64 = 200_000;
    let each = |what: &str, start: f64| {
        println!("{what}: {:.2} us", seconds_since(start) * 1e6 / ROUNDS as f64);
    };
    let start = processor_time();
    for _ in 0..ROUNDS {
        drop(database.snapshot().unwrap());
    }
    each("snapshot", start);
    let start = processor_time();
    for number in 0..ROUNDS {
        let snapshot = database.snapshot().unwrap();
        assert!(snapshot.account(&key(number % BASE), None).unwrap().is_some());
    }
    each("snapshot and one account", start);
    let snapshot = database.snapshot().unwrap();
    let keys: Vec<_> = (0..ROUNDS).map(|number| key(number * 7919 % BASE)).collect();
    let start = processor_time();
    for key in &keys {
        assert!(snapshot.account(key, None).unwrap().is_some());
    }
    each("account at the head", start);
    let start = processor_time();
    for key in &keys {
        assert!(snapshot.account(key, Some(10)).unwrap().is_some());
    }
    each("account at block 10", start);
    let filter = LogFilter::new(&[Address::ZERO], &[vec![B256::ZERO]]);
    let start = processor_time();
    for _ in 0..ROUNDS / 100 {
        assert_eq!(snapshot.blocks_with(&filter, 1, 30).count(), 30);
    }
    println!("30 of 30 blocks by address and topic: {:.2} us", seconds_since(start) * 1e8 / ROUNDS as f64);
}

/// Seconds that this thread has run.
fn processor_time() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

fn seconds_since(start: f64) -> f64 {
    processor_time() - start
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = processor_time();
    let result = work();
    println!("{what}: {:.1} ms", seconds_since(start) * 1e3);
    result
}

fn timed_commit(database: &Database, commit: &Commit) -> f64 {
    let start = processor_time();
    database.commit(commit).unwrap();
    seconds_since(start) * 1e3
}

fn key(number: u64) -> B256 {
    keccak256(number.to_be_bytes())
}

fn account(number: u64, balance: u64) -> FlatAccount {
    let address = Address::from_slice(&key(number)[..20]);
    FlatAccount { nonce: balance, balance: U256::from(balance) << 60, ..FlatAccount::empty(address) }
}

fn base() -> StoredBlock {
    StoredBlock {
        accounts: (0..BASE).map(|number| (key(number), None, Some(account(number, 1)))).collect(),
        storage: (0..BASE).map(|number| (key(0), key(number), U256::ZERO, U256::from(number) << 60)).collect(),
        ..StoredBlock::default()
    }
}

fn block(number: u64) -> Commit {
    let pick = |index: u64| (number * 15_485_863 + index * 7_919) % (BASE * 5 / 4);
    let hashes = |kind: u64| (0..TRANSACTIONS).map(move |index| key(number << 32 | kind << 16 | index));
    let accounts = (0..DIRTY_ACCOUNTS).map(|index| {
        let who = pick(index);
        (key(who), (who < BASE).then(|| account(who, 1)), Some(account(who, number + 1)))
    });
    let slots = (0..DIRTY_SLOTS).map(|index| (key(0), key(pick(index)), U256::from(1) << 64, U256::from(number) << 64));
    let topics = hashes(1).chain(hashes(2)).zip(1..).map(|(value, at)| log_key::topic(1 + at % 2, &value));
    let transfers = [log_key::address(&Address::ZERO), log_key::topic(0, &B256::ZERO)];
    let node = Bytes::from(vec![7; 300]);
    let nodes = |count: u64, depth: usize| {
        let node = node.clone();
        (0..count).map(move |at| (Nibbles::unpack(key(pick(at))).slice(..depth), Some(node.clone())))
    };
    let block = StoredBlock {
        number,
        hash: key(number << 40),
        header: vec![1; 600].into(),
        body: vec![2; 180 * TRANSACTIONS as usize].into(),
        senders: vec![Address::ZERO; TRANSACTIONS as usize],
        receipts: vec![3; 180 * TRANSACTIONS as usize].into(),
        transaction_hashes: hashes(0).collect(),
        accounts: accounts.collect(),
        storage: slots.collect(),
        log_keys: transfers.into_iter().chain(topics).collect(),
        ..StoredBlock::default()
    };
    Commit {
        blocks: vec![Arc::new(block)],
        account_nodes: nodes(DIRTY_ACCOUNTS, 5).chain(nodes(DIRTY_ACCOUNTS, 4)).collect(),
        storage_nodes: vec![(
            key(0),
            StorageNodes { cleared: false, nodes: nodes(DIRTY_SLOTS, 5).chain(nodes(DIRTY_SLOTS, 4)).collect() },
        )],
        ..Commit::default()
    }
}
