//! A chain that forks another one: whose value is whose, now, in history, and after an unwind.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use alloy_primitives::{Address, B256, Bytes, U256};
use state::{Commit, Database, FlatAccount, Origin, OriginAccount, Snapshot, StateError, StoredBlock};

use crate::support::{Folder, account, account_key, address, block, commit, reference, slot_key};

const FORKED: u64 = 5;

/// Account n has balance 100 n, and 10 n + s in slot s; accounts from 50 on are not there. Counts what it is asked.
#[derive(Default)]
struct Other {
    asked: AtomicU32,
}

impl Origin for Other {
    fn account(&self, address: &Address) -> Result<Option<OriginAccount>, String> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let number: u64 = U256::from_be_slice(address.as_slice()).to();
        let balance = U256::from(100 * number);
        Ok((number < 50).then_some(OriginAccount { nonce: 1, balance, code_hash: B256::ZERO }))
    }

    fn slot(&self, address: &Address, slot: &U256) -> Result<U256, String> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let number = U256::from_be_slice(address.as_slice());
        if *slot == U256::from(99) { Err("no answer".into()) } else { Ok(number * U256::from(10) + slot) }
    }

    fn code(&self, hash: &B256) -> Option<Bytes> {
        hash.is_zero().then(|| Bytes::from_static(b"code"))
    }

    fn block_hash(&self, number: u64) -> Result<B256, String> {
        Ok(B256::with_last_byte(number as u8))
    }
}

fn fork(folder: &Folder) -> (Database, Arc<Other>) {
    let (database, other) = (folder.open(), Arc::new(Other::default()));
    database.commit(&commit([block(FORKED, 0)])).unwrap();
    database.fork(other.clone());
    (database, other)
}

fn balance(snapshot: &Snapshot, number: u64, at: Option<u64>) -> Option<u64> {
    let found = snapshot.account_of((&address(number), &account_key(number)), at).unwrap();
    found.map(|account| account.balance.to())
}

fn slot(snapshot: &Snapshot, number: u64, slot: u64, at: Option<u64>) -> u64 {
    let place = (&U256::from(slot), &slot_key(slot));
    snapshot.slot_of((&address(number), &account_key(number)), place, at).unwrap().to()
}

fn theirs(number: u64) -> FlatAccount {
    FlatAccount { nonce: 1, code_hash: B256::ZERO, ..account(number, 100 * number) }
}

/// Block 6: account 1 gets 7 and changes slots 1 and 2, account 2 goes. Block 7: account 2 comes back with slot 3.
fn two_blocks() -> [StoredBlock; 2] {
    let first = StoredBlock {
        accounts: vec![(account_key(1), Some(theirs(1)), Some(account(1, 7))), (account_key(2), Some(theirs(2)), None)],
        storage: vec![
            (account_key(1), slot_key(1), U256::from(11), U256::from(70)),
            (account_key(1), slot_key(2), U256::from(12), U256::ZERO),
        ],
        ..block(6, 0)
    };
    let second = StoredBlock {
        accounts: vec![(account_key(2), None, Some(account(2, 9)))],
        storage: vec![(account_key(2), slot_key(3), U256::ZERO, U256::from(5))],
        ..block(7, 0)
    };
    [first, second]
}

#[test]
fn what_the_fork_has_not_written_is_the_other_chains() {
    let folder = Folder::new();
    let (database, other) = fork(&folder);

    let snapshot = database.snapshot().unwrap();
    assert_eq!((balance(&snapshot, 3, None), balance(&snapshot, 60, None)), (Some(300), None));
    assert_eq!(slot(&snapshot, 3, 4, None), 34);
    assert_eq!(snapshot.code_of(&B256::ZERO).unwrap(), Some(Bytes::from_static(b"code")));
    assert_eq!(snapshot.block_hash(3).unwrap(), B256::with_last_byte(3));
    assert_eq!(snapshot.block_hash(FORKED).unwrap(), reference(FORKED, 0).hash);
    assert_eq!(snapshot.block_hash(FORKED + 1).unwrap(), B256::ZERO);
    assert_eq!(other.asked.load(Ordering::Relaxed), 3);
}

#[test]
fn what_the_fork_has_written_is_its_own_even_where_nothing_is_left() {
    let folder = Folder::new();
    let (database, other) = fork(&folder);
    database.commit(&commit(two_blocks())).unwrap();

    let snapshot = database.snapshot().unwrap();
    assert_eq!((balance(&snapshot, 1, None), balance(&snapshot, 2, None)), (Some(7), Some(9)));
    assert_eq!((slot(&snapshot, 1, 1, None), slot(&snapshot, 1, 2, None)), (70, 0));
    assert_eq!((slot(&snapshot, 2, 3, None), slot(&snapshot, 2, 4, None)), (5, 0), "it was gone in between");
    assert_eq!(other.asked.load(Ordering::Relaxed), 0);
    assert_eq!(slot(&snapshot, 1, 3, None), 13);
}

#[test]
fn history_goes_back_to_the_forked_block_and_no_further() {
    let folder = Folder::new();
    let (database, _) = fork(&folder);
    database.commit(&commit(two_blocks())).unwrap();

    let snapshot = database.snapshot().unwrap();
    assert_eq!((balance(&snapshot, 1, Some(5)), balance(&snapshot, 2, Some(5))), (Some(100), Some(200)));
    assert_eq!((balance(&snapshot, 2, Some(6)), balance(&snapshot, 4, Some(6))), (None, Some(400)));
    assert_eq!((slot(&snapshot, 1, 1, Some(5)), slot(&snapshot, 1, 2, Some(5))), (11, 12));
    assert_eq!((slot(&snapshot, 2, 4, Some(5)), slot(&snapshot, 2, 4, Some(6))), (24, 0));
    assert!(matches!(snapshot.account(&account_key(1), Some(4)), Err(StateError::Pruned { block: 4, earliest: 5 })));
}

#[test]
fn an_unwind_gives_back_what_the_other_chain_had() {
    let folder = Folder::new();
    let (database, _) = fork(&folder);
    database.commit(&commit(two_blocks())).unwrap();
    database.commit(&Commit { unwind_to: Some(FORKED), ..Commit::default() }).unwrap();

    let snapshot = database.snapshot().unwrap();
    assert_eq!((balance(&snapshot, 1, None), balance(&snapshot, 2, None)), (Some(100), Some(200)));
    assert_eq!((slot(&snapshot, 1, 1, None), slot(&snapshot, 1, 2, None)), (11, 12));
    assert_eq!((slot(&snapshot, 2, 3, None), slot(&snapshot, 2, 4, None)), (23, 24));
}

#[test]
fn a_chain_that_cannot_be_asked_is_an_error_of_its_own() {
    let folder = Folder::new();
    let (database, _) = fork(&folder);

    let snapshot = database.snapshot().unwrap();
    let place = (&U256::from(99), &slot_key(99));
    let error = snapshot.slot_of((&address(1), &account_key(1)), place, None).unwrap_err();
    assert_eq!(error.to_string(), "the forked chain: no answer");
}
