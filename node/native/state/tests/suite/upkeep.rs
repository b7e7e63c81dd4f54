//! Copies, figures, pruning, and pages that are used again.

use std::fs;

use alloy_primitives::{B256, Bytes, U256, keccak256};
use state::{Database, LogFilter, Prune, StateError, Stats, StoredBlock, log_key};

use crate::{
    support::*,
    twin::{Twin, step},
};

#[test]
fn a_copy_is_the_commit_that_it_was_taken_of() {
    let (folder, copies) = (Folder::new(), Folder::new());
    let (database, mut twin) = (folder.open(), Twin::new(21));
    for _ in 0..20 {
        step(&mut twin, &database);
    }

    let sizes = [false, true].map(|compact| database.copy(copies.path().join(compact.to_string()), compact).unwrap());
    let then = twin.clone();
    step(&mut twin, &database);

    assert!(sizes[1] <= sizes[0]);
    for name in ["false", "true"] {
        let copy = Database::open(copies.path().join(name), &unsynced()).unwrap();
        then.compare(&copy.snapshot().unwrap(), 0);
    }
    twin.compare(&database.snapshot().unwrap(), 0);
}

#[test]
fn a_copy_never_goes_over_something() {
    let (folder, target) = (Folder::new(), Folder::new());
    fs::write(target.path().join("letters.txt"), "mine").unwrap();

    let refused = folder.open().copy(target.path(), true);

    assert!(matches!(refused, Err(StateError::Foreign { .. })));
    assert_eq!(fs::read_dir(target.path()).unwrap().count(), 1);
}

#[test]
fn a_copy_is_consistent_while_commits_go_on() {
    let (folder, copies) = (Folder::new(), Folder::new());
    let database = folder.open();
    database.commit(&commit([filled(0)])).unwrap();
    let copier = {
        let (database, copies) = (database.clone(), copies.path().to_owned());
        std::thread::spawn(move || {
            for round in 0..4 {
                database.copy(copies.join(round.to_string()), round % 2 == 0).unwrap();
            }
        })
    };
    for number in (1..300).take_while(|_| !copier.is_finished()) {
        database.commit(&commit([filled(number)])).unwrap();
    }
    copier.join().unwrap();

    for round in 0..4 {
        let copy = Database::open(copies.path().join(round.to_string()), &unsynced()).unwrap();
        let snapshot = copy.snapshot().unwrap();
        let head = snapshot.head().unwrap().unwrap();
        assert_eq!(snapshot.storage(&account_key(1), &slot_key(1), None).unwrap(), U256::from(head.number + 1));
        assert_eq!(snapshot.body_rlp(head.number, &head.hash).unwrap(), Some(&filled(head.number).body[..]));
    }
}

/// A block that says its number in its state and fills some pages.
fn filled(number: u64) -> StoredBlock {
    let (before, after) = (U256::from(number), U256::from(number + 1));
    StoredBlock {
        body: vec![number as u8; 20_000].into(),
        storage: vec![(account_key(1), slot_key(1), before, after)],
        ..block(number, 0)
    }
}

/// Overwrites of the same thousand slots, block after block, history pruned as it goes.
fn overwrite(database: &Database, number: u64) {
    let (before, after) = (U256::from(number), U256::from(number + 1));
    let storage = (0..1000).map(|slot| (account_key(1), slot_key(slot), before, after)).collect();
    database.commit(&commit([StoredBlock { storage, ..block(number, 0) }])).unwrap();
    database.prune(&Prune { history_below: Some(number.saturating_sub(2)), ..Prune::default() }, 10).unwrap();
}

#[test]
fn pages_are_used_again_unless_a_snapshot_holds_them() {
    let folder = Folder::new();
    let database = folder.open();
    (0..30).for_each(|number| overwrite(&database, number));
    let used = |database: &Database| database.stats().unwrap().used_pages;
    let steady = used(&database);
    for number in 30..130 {
        drop(database.snapshot().unwrap());
        overwrite(&database, number);
    }
    let with_short_snapshots = used(&database);
    let forgotten = database.snapshot().unwrap();
    (130..190).for_each(|number| overwrite(&database, number));
    let age = database.stats().unwrap().oldest_reader_age;
    let with_a_forgotten_one = used(&database);
    drop(forgotten);

    assert!(with_short_snapshots < steady * 3 / 2, "{steady} pages grew to {with_short_snapshots}");
    assert!(with_a_forgotten_one > with_short_snapshots * 2, "{with_short_snapshots} pages, {with_a_forgotten_one}");
    assert_eq!(age, 120);
    (190..250).for_each(|number| overwrite(&database, number));
    assert_eq!(used(&database), with_a_forgotten_one);
    let stats = database.stats().unwrap();
    assert!(stats.free_pages > stats.used_pages / 2);
    assert_eq!(stats.oldest_reader_age, 0);
}

fn pages(stats: &Stats) -> u64 {
    stats.tables.iter().map(|table| table.pages).sum()
}

#[test]
fn figures_add_up() {
    let folder = Folder::new();
    let database = folder.open();
    database.commit(&commit((0..100).map(filled))).unwrap();

    let stats = database.stats().unwrap();
    let entries = |name: &str| stats.tables.iter().find(|table| table.name == name).unwrap().entries;
    assert_eq!(entries("header"), 100);
    assert_eq!(entries("storage_history"), 99);
    assert_eq!(entries("storage"), 1);
    assert!(stats.file_bytes > pages(&stats) * stats.page_bytes);
    assert!(pages(&stats) > 500 && pages(&stats) < stats.used_pages);
    assert!(stats.readers.is_empty());
    let snapshot = database.snapshot().unwrap();
    assert_eq!(database.stats().unwrap().readers[0].process, std::process::id());
    assert_eq!(database.stats().unwrap().readers[0].commit, snapshot.id());
}

#[test]
fn pruned_bodies_and_receipts_leave_headers_and_no_lookups() {
    let folder = Folder::new();
    let database = folder.open();
    let contract = address(9);
    let full = |number: u64| {
        let transaction = Bytes::from(format!("\x02{number}").into_bytes());
        let receipts = receipts(&[vec![(contract, vec![])]]);
        StoredBlock {
            body: body(std::slice::from_ref(&transaction)),
            senders: vec![address(1)],
            transaction_hashes: vec![keccak256(&transaction)],
            log_keys: log_key::of_receipts(&receipts).unwrap(),
            receipts,
            ..block(number, 0)
        }
    };
    database.commit(&commit((0..20).map(full))).unwrap();

    let prune = Prune { receipts_below: Some(8), bodies_below: Some(100), ..Prune::default() };
    while !database.prune(&prune, 3).unwrap() {}

    let snapshot = database.snapshot().unwrap();
    let logs: Vec<u32> = snapshot.blocks_with(&LogFilter::new(&[contract], &[]), 0, 99).map(Result::unwrap).collect();
    assert_eq!(logs, [0].into_iter().chain(8..20).collect::<Vec<_>>());
    assert_eq!((snapshot.earliest_receipts().unwrap(), snapshot.earliest_body().unwrap()), (8, 19));
    for number in 1..20 {
        let (hash, kept) = (full(number).hash, number == 19);
        let transaction: B256 = full(number).transaction_hashes[0];
        assert!(snapshot.header_rlp(number, &hash).unwrap().is_some());
        assert_eq!(snapshot.body_rlp(number, &hash).unwrap().is_some(), kept);
        assert_eq!(snapshot.senders(number, &hash).unwrap().is_some(), kept);
        assert_eq!(snapshot.transaction_location(&transaction).unwrap().is_some(), kept);
        assert_eq!(snapshot.receipts_rlp(number, &hash).unwrap().is_some(), number >= 8);
    }
}
