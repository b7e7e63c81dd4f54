//! A small chain in a real database: every block moves a balance and a slot and emits logs, so that each block's state,
//! roots and answers can be told beforehand.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use alloy_consensus::{Signed, TxEip1559, TxLegacy};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, keccak256};
use query::{Context, Pending, Settings};
use serde_json::Value;
use serde_json::value::RawValue;
use state::{BlockRef, Commit, Database, FlatAccount, Options, StorageNodes, StoredBlock, log_key};
use stf::trie::{NodeLog, Trie};
use stf::{ChainSpec, Header, Transaction};

pub const CONTRACT: Address = Address::repeat_byte(0xcc);
pub const SENDER: Address = Address::repeat_byte(0x5e);
pub const CODE: [u8; 3] = [0x60, 0x01, 0x00];
/// Transactions of each block after the genesis.
pub const TRANSACTIONS: usize = 3;

/// The first topic of every log.
pub const EVENT: B256 = B256::repeat_byte(0xee);

/// The second topic: it names the block.
pub fn topic_of(number: u64) -> B256 {
    B256::left_padding_from(&number.to_be_bytes())
}

/// What the sender holds after a block.
pub fn balance_at(number: u64) -> u64 {
    1_000_000 - number
}

/// Slot 1 of the contract after a block; 0 (absent) at every fourth.
pub fn slot_at(number: u64) -> u64 {
    if number.is_multiple_of(4) { 0 } else { 100 + number }
}

pub struct Chain {
    pub database: Database,
    folder: PathBuf,
    pub headers: Vec<Header>,
    pub bodies: Vec<Bytes>,
    pub settings: Settings,
    /// The writer's memory, where the chain is asked through the writer.
    pub pending: Option<Arc<dyn Pending>>,
}

impl Drop for Chain {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Chain {
    /// A chain with `blocks` blocks on its genesis.
    pub fn new(blocks: u64) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("query-test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        let database = Database::open(&folder, &Options { durable: false, ..Options::default() }).unwrap();
        let mut chain = Self {
            database,
            folder,
            headers: Vec::new(),
            bodies: Vec::new(),
            settings: Settings::default(),
            pending: None,
        };
        let mut state = State::default();
        for number in 0..=blocks {
            chain.append(&mut state, number);
        }
        chain
    }

    fn append(&mut self, state: &mut State, number: u64) {
        let change = state.step(number);
        let transactions = if number == 0 { Vec::new() } else { transactions(number) };
        let header = Header {
            number,
            parent_hash: self.headers.last().map_or(B256::ZERO, Header::hash_slow),
            timestamp: 12 * number,
            gas_limit: 30_000_000,
            gas_used: 21_000 * transactions.len() as u64,
            base_fee_per_gas: Some(1000),
            state_root: change.root,
            ..Default::default()
        };
        let hash = header.hash_slow();
        let body = body(&transactions);
        let receipts = receipts(number, transactions.len());
        let block = StoredBlock {
            number,
            hash,
            header: alloy_rlp::encode(&header).into(),
            body: body.clone(),
            senders: vec![SENDER; transactions.len()],
            log_keys: log_key::of_receipts(&receipts).unwrap(),
            receipts,
            transaction_hashes: transactions.iter().map(|transaction| *transaction.hash()).collect(),
            accounts: change.accounts,
            storage: change.storage,
            codes: if number == 0 { vec![(keccak256(CODE), CODE.into())] } else { Vec::new() },
            ..Default::default()
        };
        let spec = (number == 0).then(|| Bytes::from_static(b"{}"));
        let commit = Commit {
            blocks: vec![Arc::new(block)],
            account_nodes: change.account_nodes,
            storage_nodes: vec![(keccak256(CONTRACT), StorageNodes { cleared: false, nodes: change.storage_nodes })],
            safe: (number == 2).then_some(BlockRef { number, hash }),
            spec_json: spec,
            ..Default::default()
        };
        self.database.commit(&commit).unwrap();
        self.headers.push(header);
        self.bodies.push(body);
    }

    pub fn hash(&self, number: usize) -> B256 {
        self.headers[number].hash_slow()
    }

    pub fn context(&self) -> Context {
        let spec = ChainSpec { chain_id: 7, london_block: Some(0), ..Default::default() };
        let context = Context::new(self.database.snapshot().unwrap(), Arc::new(spec), Arc::new(self.settings.clone()));
        Context { pending: self.pending.clone(), ..context }
    }

    /// The result of a call, or its error as `code: message`.
    pub fn call(&self, method: &str, params: Value) -> Result<Value, String> {
        let params = RawValue::from_string(params.to_string()).unwrap();
        match query::call(&self.context(), method, Some(&params)) {
            Ok(json) => Ok(serde_json::from_slice(&json).unwrap()),
            Err(error) => Err(format!("{}: {error}", error.code)),
        }
    }
}

/// Sender, contract, and three hundred accounts that stand still and make the trie a trie.
#[derive(Default)]
struct State {
    accounts: BTreeMap<B256, FlatAccount>,
    slot: U256,
    trie: Trie,
    storage_trie: Trie,
}

struct Change {
    root: B256,
    accounts: Vec<(B256, Option<FlatAccount>, Option<FlatAccount>)>,
    storage: Vec<(B256, B256, U256, U256)>,
    account_nodes: Vec<(alloy_trie::Nibbles, Option<Bytes>)>,
    storage_nodes: Vec<(alloy_trie::Nibbles, Option<Bytes>)>,
}

impl State {
    fn step(&mut self, number: u64) -> Change {
        let mut storage = vec![(slot_key(1), self.slot, U256::from(slot_at(number)))];
        self.slot = U256::from(slot_at(number));
        if number == 0 {
            storage.extend((2..40).map(|slot| (slot_key(slot), U256::ZERO, U256::from(slot))));
        }
        storage.sort();
        let leaf = |value: U256| (!value.is_zero()).then(|| alloy_rlp::encode(value));
        let updates = storage.iter().map(|(slot, _, after)| (*slot, leaf(*after))).collect();
        let (storage_root, storage_nodes) = advance(&mut self.storage_trie, updates);

        let account = |address, nonce, balance: u64| FlatAccount {
            nonce,
            balance: U256::from(balance),
            ..FlatAccount::empty(address)
        };
        let mut after = vec![
            account(SENDER, number * TRANSACTIONS as u64, balance_at(number)),
            FlatAccount { storage_root, code_hash: keccak256(CODE), ..account(CONTRACT, 1, number) },
        ];
        if number == 0 {
            let still = |index: u64| account(Address::left_padding_from(&(index + 1).to_be_bytes()), 0, index);
            after.extend((0..300).map(still));
        }
        let changed = after.into_iter().map(|account| {
            let key = keccak256(account.address);
            (key, self.accounts.insert(key, account), Some(account))
        });
        let mut accounts: Vec<_> = changed.collect();
        accounts.sort_by_key(|(key, ..)| *key);
        let updates = accounts.iter().map(|(key, _, after)| (*key, after.map(|account| account.leaf()))).collect();
        let (root, account_nodes) = advance(&mut self.trie, updates);
        let contract = keccak256(CONTRACT);
        let storage = storage.into_iter().map(|(slot, before, after)| (contract, slot, before, after)).collect();
        Change { root, accounts, storage, account_nodes, storage_nodes }
    }
}

type Nodes = Vec<(alloy_trie::Nibbles, Option<Bytes>)>;

fn advance(trie: &mut Trie, updates: Vec<(B256, Option<Vec<u8>>)>) -> (B256, Nodes) {
    let mut log = NodeLog::new();
    trie.update(updates, &stf::trie::NoNodes, &mut log).unwrap();
    (trie.root(&mut log), log.into_sorted())
}

pub fn slot_key(slot: u64) -> B256 {
    keccak256(B256::left_padding_from(&slot.to_be_bytes()))
}

/// One legacy transaction, one with a tip, one that creates a contract.
pub fn transactions(number: u64) -> Vec<Transaction> {
    let nonce = (number - 1) * TRANSACTIONS as u64;
    let signature = Signature::new(U256::from(number), U256::from(2), false);
    let legacy = TxLegacy {
        chain_id: Some(7),
        nonce,
        gas_price: 2000,
        gas_limit: 50_000,
        to: TxKind::Call(CONTRACT),
        ..Default::default()
    };
    let dynamic = TxEip1559 {
        chain_id: 7,
        nonce: nonce + 1,
        max_fee_per_gas: 5000,
        max_priority_fee_per_gas: 10 + u128::from(number),
        gas_limit: 50_000,
        to: TxKind::Call(CONTRACT),
        ..Default::default()
    };
    let create = TxLegacy { nonce: nonce + 2, to: TxKind::Create, ..legacy.clone() };
    vec![
        Signed::new_unhashed(legacy, signature).into(),
        Signed::new_unhashed(dynamic, signature).into(),
        Signed::new_unhashed(create, signature).into(),
    ]
}

fn list(items: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    alloy_rlp::Header { list: true, payload_length: items.iter().map(Vec::len).sum() }.encode(&mut out);
    out.extend(items.concat());
    out
}

fn body(transactions: &[Transaction]) -> Bytes {
    let mut encoded = Vec::new();
    alloy_rlp::encode_list::<_, Transaction>(transactions, &mut encoded);
    list(&[encoded, list(&[])]).into()
}

/// A log in the first and the second transaction: the second one's names the block in its second topic.
fn receipts(number: u64, count: usize) -> Bytes {
    let log = |topics: &[B256]| {
        let mut encoded = Vec::new();
        alloy_rlp::encode_list::<B256, B256>(topics, &mut encoded);
        list(&[alloy_rlp::encode(CONTRACT), encoded, alloy_rlp::encode(Bytes::from(vec![number as u8]))])
    };
    let receipt = |index: usize| {
        let logs = match index {
            0 => vec![log(&[EVENT])],
            1 => vec![log(&[EVENT, topic_of(number)])],
            _ => Vec::new(),
        };
        let kind: u64 = if index == 1 { 2 } else { 0 };
        let gas = 21_000 * (index as u64 + 1);
        list(&[alloy_rlp::encode(kind), alloy_rlp::encode(1u64), alloy_rlp::encode(gas), list(&logs)])
    };
    list(&(0..count).map(receipt).collect::<Vec<_>>()).into()
}

/// EIP-2718 bytes.
pub fn raw(transaction: &Transaction) -> Vec<u8> {
    transaction.encoded_2718()
}
