//! A chain that begins above block 0, and one that leaps over blocks that nobody has here.

use alloy_primitives::{B256, Bytes, U256};
use state::{Commit, Database, StateError, StoredBlock};

use crate::support::{Folder, account, account_key, block, commit, reference, slot_key};

const FIRST: u64 = 5;

/// Block `number`, of which only the header is known; account 1 goes from one balance to another.
fn bare(number: u64, before: Option<u64>, after: u64) -> StoredBlock {
    StoredBlock {
        body: Bytes::new(),
        receipts: Bytes::new(),
        accounts: vec![(account_key(1), before.map(|balance| account(1, balance)), Some(account(1, after)))],
        storage: vec![(account_key(1), slot_key(1), U256::from(before.unwrap_or_default()), U256::from(after))],
        ..block(number, 0)
    }
}

fn leap(block: StoredBlock) -> Commit {
    Commit { leaps: true, ..commit([block]) }
}

fn begun(folder: &Folder) -> Database {
    let database = folder.open();
    let genesis = Some(B256::repeat_byte(7));
    database.commit(&Commit { genesis, ..leap(bare(FIRST, None, 100)) }).unwrap();
    database
}

fn balance(database: &Database, at: u64) -> Result<u64, StateError> {
    let snapshot = database.snapshot().unwrap();
    Ok(snapshot.account(&account_key(1), Some(at))?.map_or(0, |account| account.balance.to()))
}

#[test]
fn a_chain_that_begins_above_block_0_knows_its_genesis_and_nothing_from_below() {
    let folder = Folder::new();
    let database = begun(&folder);

    let snapshot = database.snapshot().unwrap();
    assert_eq!(snapshot.head().unwrap(), Some(reference(FIRST, 0)));
    assert_eq!(snapshot.genesis().unwrap(), Some(B256::repeat_byte(7)));
    assert_eq!(snapshot.canonical_hash(0).unwrap(), None);
    assert_eq!(snapshot.body_rlp(FIRST, &reference(FIRST, 0).hash).unwrap(), None);
    assert_eq!((snapshot.earliest_state().unwrap(), snapshot.earliest_body().unwrap()), (FIRST, FIRST + 1));
    assert_eq!(balance(&database, FIRST).unwrap(), 100);
    assert!(matches!(balance(&database, FIRST - 1), Err(StateError::Pruned { .. })));
    assert!(snapshot.changed_keys(FIRST + 1).unwrap().accounts.is_empty());
}

#[test]
fn history_goes_over_a_leap_and_an_unwind_comes_back_over_it() {
    let folder = Folder::new();
    let database = begun(&folder);
    database.commit(&leap(bare(9, Some(100), 200))).unwrap();
    database.commit(&leap(bare(20, Some(200), 300))).unwrap();

    for (at, expected) in [(FIRST, 100), (9, 200), (20, 300)] {
        assert_eq!(balance(&database, at).unwrap(), expected);
    }
    assert_eq!(database.snapshot().unwrap().canonical_hash(10).unwrap(), None);
    assert_eq!(database.snapshot().unwrap().earliest_body().unwrap(), 21);
    database.commit(&Commit { unwind_to: Some(9), ..Commit::default() }).unwrap();

    let snapshot = database.snapshot().unwrap();
    assert_eq!(snapshot.head().unwrap(), Some(reference(9, 0)));
    assert_eq!(snapshot.canonical_hash(20).unwrap(), None);
    assert_eq!(snapshot.storage(&account_key(1), &slot_key(1), None).unwrap(), U256::from(200));
    assert_eq!((snapshot.earliest_body().unwrap(), snapshot.earliest_receipts().unwrap()), (10, 10));
    drop(snapshot);
    database.commit(&commit([block(10, 0)])).unwrap();
    assert!(database.snapshot().unwrap().body_rlp(10, &reference(10, 0).hash).unwrap().is_some());
}

#[test]
fn only_a_leap_may_leave_blocks_out_and_it_goes_forward() {
    let folder = Folder::new();
    let database = begun(&folder);
    let refused = |commit: Commit| matches!(database.commit(&commit), Err(StateError::Order(_)));

    assert!(refused(commit([block(9, 0)])));
    assert!(refused(leap(bare(FIRST, Some(100), 200))));
    assert!(refused(Commit { leaps: true, ..commit([block(6, 0), block(7, 0)]) }));
    assert_eq!(balance(&database, FIRST).unwrap(), 100);
}
