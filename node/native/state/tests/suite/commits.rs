//! What a commit writes and a snapshot reads.

use alloy_primitives::{B256, Bytes, U256, keccak256};
use alloy_trie::Nibbles;
use state::{BadBlock, Commit, StateError, StorageNodes, StoredBlock};
use stf::trie::NodeSource;

use crate::support::*;

#[test]
fn a_block_is_found_by_every_way_that_leads_to_it() {
    let folder = Folder::new();
    let database = folder.open();
    let raw = vec![Bytes::from_static(b"\x02first"), Bytes::from_static(b"\x02second")];
    let hashes: Vec<B256> = raw.iter().map(keccak256).collect();
    let one = StoredBlock {
        body: body(&raw),
        senders: vec![address(1), address(2)],
        transaction_hashes: hashes.clone(),
        ..block(1, 0)
    };

    database.commit(&commit([block(0, 0), one.clone()])).unwrap();

    let snapshot = database.snapshot().unwrap();
    assert_eq!(snapshot.head().unwrap(), Some(one.block_ref()));
    assert_eq!(snapshot.canonical_hash(1).unwrap(), Some(one.hash));
    assert_eq!(snapshot.canonical_hash(2).unwrap(), None);
    assert_eq!(snapshot.number_of(&one.hash).unwrap(), Some(1));
    assert_eq!(snapshot.number_of(&B256::ZERO).unwrap(), None);
    assert_eq!(snapshot.header(1, &one.hash).unwrap().unwrap().hash_slow(), one.hash);
    assert_eq!(snapshot.header_rlp(1, &one.hash).unwrap(), Some(&one.header[..]));
    assert_eq!(snapshot.body_rlp(1, &one.hash).unwrap(), Some(&one.body[..]));
    assert_eq!(snapshot.receipts_rlp(1, &one.hash).unwrap(), Some(&one.receipts[..]));
    assert_eq!(snapshot.senders(1, &one.hash).unwrap(), Some(one.senders));
    assert_eq!(snapshot.total_difficulty(1, &one.hash).unwrap(), Some(U256::ONE));
    assert_eq!(snapshot.transaction_location(&hashes[1]).unwrap(), Some((1, 1)));
    assert_eq!(snapshot.transaction_location(&B256::ZERO).unwrap(), None);
}

#[test]
fn pointers_and_the_genesis_document_stay_until_they_are_set_again() {
    let folder = Folder::new();
    let database = folder.open();
    assert_eq!(database.snapshot().unwrap().head().unwrap(), None);

    let genesis = Commit { spec_json: Some(Bytes::from_static(b"{}")), ..commit([block(0, 0)]) };
    database.commit(&genesis).unwrap();
    let zero = Some(reference(0, 0));
    database.commit(&Commit { safe: zero, finalized: zero, ..commit([block(1, 0)]) }).unwrap();
    database.commit(&commit([block(2, 0)])).unwrap();

    let snapshot = database.snapshot().unwrap();
    assert_eq!(snapshot.head().unwrap(), Some(reference(2, 0)));
    assert_eq!((snapshot.safe().unwrap(), snapshot.finalized().unwrap()), (zero, zero));
    assert_eq!(snapshot.spec_json().unwrap(), Some(&b"{}"[..]));
}

#[test]
fn blocks_that_do_not_follow_the_head_are_refused_and_leave_nothing() {
    let folder = Folder::new();
    let database = folder.open();
    database.commit(&commit([block(0, 0)])).unwrap();

    for blocks in [vec![block(2, 0)], vec![block(0, 0)], vec![block(1, 0), block(3, 0)]] {
        assert!(matches!(database.commit(&commit(blocks)), Err(StateError::Order(_))));
    }
    let short = StoredBlock { transaction_hashes: vec![B256::ZERO], ..block(1, 0) };
    assert!(matches!(database.commit(&commit([short])), Err(StateError::Order(_))));
    assert_eq!(database.snapshot().unwrap().head().unwrap(), Some(reference(0, 0)));
    assert_eq!(database.snapshot().unwrap().canonical_hash(1).unwrap(), None);
}

#[test]
fn code_is_found_by_its_hash() {
    let folder = Folder::new();
    let database = folder.open();
    let code = Bytes::from_static(b"\x60\x00");
    let with_code = StoredBlock { codes: vec![(keccak256(&code), code.clone())], ..block(1, 0) };

    database.commit(&commit([block(0, 0), with_code.clone()])).unwrap();
    database.commit(&commit([StoredBlock { number: 2, hash: B256::repeat_byte(2), ..with_code }])).unwrap();

    assert_eq!(database.snapshot().unwrap().code(&keccak256(&code)).unwrap(), Some(&code[..]));
    assert_eq!(database.snapshot().unwrap().code(&B256::ZERO).unwrap(), None);
}

#[test]
fn trie_nodes_are_set_replaced_and_removed_by_path() {
    let folder = Folder::new();
    let database = folder.open();
    let owner = account_key(1);
    let (root, below) = (Nibbles::new(), Nibbles::from_nibbles([1, 2, 3]));
    let node = |text: &'static str| Some(Bytes::from_static(text.as_bytes()));
    database
        .commit(&Commit {
            account_nodes: vec![(below, node("a")), (root, node("old")), (root, node("new"))],
            storage_nodes: vec![(owner, StorageNodes { nodes: vec![(below, node("b"))], cleared: false })],
            ..commit([block(0, 0)])
        })
        .unwrap();

    let snapshot = database.snapshot().unwrap();
    let find = |source: &dyn NodeSource, path| source.node(path, &B256::ZERO).unwrap();
    assert_eq!(find(&snapshot.account_nodes().unwrap(), &root), node("new"));
    assert_eq!(find(&snapshot.account_nodes().unwrap(), &below), node("a"));
    assert_eq!(find(&snapshot.storage_nodes(&owner).unwrap(), &below), node("b"));
    assert_eq!(find(&snapshot.storage_nodes(&account_key(2)).unwrap(), &below), None);
    drop(snapshot);

    database
        .commit(&Commit {
            account_nodes: vec![(below, None)],
            storage_nodes: vec![(owner, StorageNodes { nodes: vec![(root, node("c"))], cleared: true })],
            ..commit([block(1, 0)])
        })
        .unwrap();
    let snapshot = database.snapshot().unwrap();
    assert_eq!(find(&snapshot.account_nodes().unwrap(), &below), None);
    assert_eq!(find(&snapshot.storage_nodes(&owner).unwrap(), &below), None);
    assert_eq!(find(&snapshot.storage_nodes(&owner).unwrap(), &root), node("c"));
}

#[test]
fn leaves_are_the_only_key_below_their_path() {
    let folder = Folder::new();
    let database = folder.open();
    let (key, slot) = (account_key(1), slot_key(1));
    let genesis = StoredBlock {
        accounts: vec![(key, None, Some(account(1, 5)))],
        storage: vec![(key, slot, U256::ZERO, U256::from(300))],
        ..block(0, 0)
    };
    database.commit(&commit([genesis])).unwrap();

    let snapshot = database.snapshot().unwrap();
    let (accounts, slots) = (snapshot.account_nodes().unwrap(), snapshot.storage_nodes(&key).unwrap());
    for depth in [0, 1, 2, 63, 64] {
        let leaf = accounts.leaf(&Nibbles::unpack(key).slice(..depth)).unwrap();
        assert_eq!(leaf, Some((key, account(1, 5).leaf())));
        let leaf = slots.leaf(&Nibbles::unpack(slot).slice(..depth)).unwrap();
        assert_eq!(leaf, Some((slot, vec![0x82, 1, 44])));
    }
    let mut elsewhere = Nibbles::unpack(key).slice(..5);
    elsewhere.set_at(4, elsewhere.get_unchecked(4) ^ 1);
    assert_eq!(accounts.leaf(&elsewhere).unwrap(), None);
    assert_eq!(snapshot.storage_nodes(&account_key(2)).unwrap().leaf(&Nibbles::new()).unwrap(), None);
}

#[test]
fn the_newest_bad_blocks_are_kept_once_each() {
    let folder = Folder::new();
    let database = folder.open();
    let bad = |number: u64| BadBlock {
        number,
        hash: slot_key(number),
        rlp: Bytes::from_static(b"\xc0"),
        reason: format!("wrong {number}"),
    };

    for number in 0..70 {
        database.add_bad_block(&bad(number)).unwrap();
        database.add_bad_block(&bad(number)).unwrap();
    }

    let expected: Vec<_> = (6..70).rev().map(bad).collect();
    assert_eq!(database.snapshot().unwrap().bad_blocks().unwrap(), expected);
}
