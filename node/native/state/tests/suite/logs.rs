//! The log index against a list of what each block holds.

use std::collections::BTreeSet;

use alloy_primitives::{Address, B256};
use state::{Commit, Database, LogFilter, StoredBlock, log_key};

use crate::support::*;

fn with_keys(number: u64, log_keys: Vec<u64>) -> StoredBlock {
    StoredBlock { log_keys, ..block(number, 0) }
}

fn found(database: &Database, positions: &[&[u64]], from: u64, to: u64) -> Vec<u32> {
    let filter = LogFilter { positions: positions.iter().map(|keys| keys.to_vec()).collect() };
    database.snapshot().unwrap().blocks_with(&filter, from, to).map(Result::unwrap).collect()
}

#[test]
fn positions_are_and_keys_of_one_are_or() {
    let folder = Folder::new();
    let database = folder.open();
    let keys = [vec![], vec![1, 10], vec![2, 10], vec![1, 20], vec![10], vec![1, 2, 10, 20]];
    let blocks = keys.into_iter().zip(0..).map(|(keys, number)| with_keys(number, keys));
    database.commit(&commit(blocks)).unwrap();

    assert_eq!(found(&database, &[&[1]], 0, 9), [1, 3, 5]);
    assert_eq!(found(&database, &[&[1], &[10]], 0, 9), [1, 5]);
    assert_eq!(found(&database, &[&[1, 2], &[10]], 0, 9), [1, 2, 5]);
    assert_eq!(found(&database, &[&[1, 2], &[10]], 2, 4), [2]);
    assert_eq!(found(&database, &[&[1], &[], &[10, 20]], 0, 9), [1, 3, 5]);
    assert_eq!(found(&database, &[&[7], &[10]], 0, 9), [] as [u32; 0]);
    assert_eq!(found(&database, &[], 2, 4), [2, 3, 4]);
    assert_eq!(found(&database, &[&[1]], 4, 3), [] as [u32; 0]);
    assert_eq!(found(&database, &[&[1]], 0, u64::MAX), [1, 3, 5]);
    assert_eq!(found(&database, &[&[1]], 1 << 40, u64::MAX), [] as [u32; 0]);
}

#[test]
fn random_filters_find_what_a_scan_finds() {
    const BLOCKS: u64 = 1500;
    let folder = Folder::new();
    let (database, mut random) = (folder.open(), Random(1));
    // Key k is in about one of (k + 1)^2 blocks: dense and sparse, across several epochs.
    let contents: Vec<BTreeSet<u64>> =
        (0..BLOCKS).map(|_| (0..20).filter(|key| random.below((key + 1) * (key + 1)) == 0).collect()).collect();
    let blocks = contents.iter().zip(0..).map(|(keys, number)| with_keys(number, keys.iter().copied().collect()));
    database.commit(&commit(blocks)).unwrap();

    for _ in 0..300 {
        let positions: Vec<Vec<u64>> =
            (0..random.below(4)).map(|_| (0..random.below(4)).map(|_| random.below(22)).collect()).collect();
        let (from, to) = (random.below(BLOCKS), random.below(BLOCKS + 300));
        let matches = |keys: &BTreeSet<u64>| {
            positions.iter().all(|any| any.is_empty() || any.iter().any(|key| keys.contains(key)))
        };
        let positions: Vec<&[u64]> = positions.iter().map(Vec::as_slice).collect();
        let unlimited = positions.iter().all(|any| any.is_empty());
        let last = if unlimited { to } else { to.min(BLOCKS - 1) };
        let expected: Vec<u32> = (from..=last)
            .filter(|&number| unlimited || matches(&contents[number as usize]))
            .map(|number| number as u32)
            .collect();

        assert_eq!(found(&database, &positions, from, to), expected, "{positions:?} {from}..={to}");
    }
}

#[test]
fn keys_of_receipts_are_those_of_the_filter_and_leave_with_the_block() {
    let folder = Folder::new();
    let database = folder.open();
    let (token, topics) = (Address::repeat_byte(5), vec![B256::repeat_byte(1), B256::repeat_byte(2)]);
    let stored = receipts(&[vec![], vec![(token, topics.clone())], vec![(Address::ZERO, vec![])]]);
    let log_keys = log_key::of_receipts(&stored).unwrap();
    assert_eq!(log_keys.len(), 4);
    let one = StoredBlock { receipts: stored, log_keys, ..block(1, 0) };
    database.commit(&commit([block(0, 0), one])).unwrap();
    let blocks = |addresses: &[Address], topics: &[Vec<B256>]| {
        let snapshot = database.snapshot().unwrap();
        snapshot.blocks_with(&LogFilter::new(addresses, topics), 0, 9).map(Result::unwrap).collect::<Vec<_>>()
    };

    assert_eq!(blocks(&[token], &[vec![topics[0]], vec![topics[1]]]), [1]);
    assert_eq!(blocks(&[], &[vec![], vec![topics[1], B256::ZERO]]), [1]);
    assert_eq!(blocks(&[token], &[vec![topics[1]]]), [] as [u32; 0]);
    database.commit(&Commit { unwind_to: Some(0), ..Commit::default() }).unwrap();
    assert_eq!(blocks(&[token], &[]), [] as [u32; 0]);
}

#[test]
fn damaged_receipts_are_an_error() {
    let whole = receipts(&[vec![(Address::ZERO, vec![B256::ZERO])]]);
    for cut in 0..whole.len() {
        assert!(log_key::of_receipts(&whole[..cut]).is_err());
    }
    assert!(log_key::of_receipts(&[0x80]).is_err());
}
