//! Folders that clean up after themselves, and blocks made from a seed.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rlp::Encodable;
use state::{BlockRef, Commit, Database, FlatAccount, Options, StoredBlock};

/// A folder that goes when the test ends.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("state-test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn open(&self) -> Database {
        Database::open(self.path(), &unsynced()).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// Without waiting for the disk: most tests do not cut the power.
pub fn unsynced() -> Options {
    Options { durable: false, ..Options::default() }
}

/// SplitMix64: the same numbers on every run.
#[derive(Clone)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

pub fn address(number: u64) -> Address {
    Address::from_word(U256::from(number).into())
}

pub fn account_key(number: u64) -> B256 {
    keccak256(address(number))
}

pub fn slot_key(number: u64) -> B256 {
    keccak256(B256::from(U256::from(number)))
}

pub fn account(number: u64, balance: u64) -> FlatAccount {
    FlatAccount { balance: U256::from(balance), ..FlatAccount::empty(address(number)) }
}

/// A block without contents; its hash depends on the number and on `fork`.
pub fn block(number: u64, fork: u64) -> StoredBlock {
    let header = stf::Header { number, extra_data: Bytes::copy_from_slice(&fork.to_be_bytes()), ..Default::default() };
    StoredBlock {
        number,
        hash: header.hash_slow(),
        header: rlp(&header),
        body: body(&[]),
        receipts: receipts(&[]),
        total_difficulty: U256::from(number),
        ..StoredBlock::default()
    }
}

pub fn rlp(value: &impl Encodable) -> Bytes {
    alloy_rlp::encode(value).into()
}

/// A body whose transactions are these bytes, each as a typed envelope.
pub fn body(transactions: &[Bytes]) -> Bytes {
    let mut fields = rlp(&transactions.to_vec()).to_vec();
    fields.push(0xc0);
    list(&fields)
}

/// One receipt a transaction, with these logs.
pub fn receipts(transactions: &[Vec<(Address, Vec<B256>)>]) -> Bytes {
    let receipts = transactions.iter().map(|logs| {
        let logs = logs
            .iter()
            .map(|(address, topics)| list(&[rlp(address), rlp(topics), rlp(&Bytes::from_static(b"data"))].concat()));
        let logs = list(&logs.collect::<Vec<_>>().concat());
        list(&[rlp(&2u8), rlp(&1u8), rlp(&21000u64), logs].concat())
    });
    list(&receipts.collect::<Vec<_>>().concat())
}

pub fn list(payload: &[u8]) -> Bytes {
    let mut bytes = Vec::new();
    alloy_rlp::Header { list: true, payload_length: payload.len() }.encode(&mut bytes);
    bytes.extend_from_slice(payload);
    bytes.into()
}

pub fn commit(blocks: impl IntoIterator<Item = StoredBlock>) -> Commit {
    Commit { blocks: blocks.into_iter().map(Arc::new).collect(), ..Commit::default() }
}

pub fn reference(number: u64, fork: u64) -> BlockRef {
    block(number, fork).block_ref()
}
