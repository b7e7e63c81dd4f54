//! The first commit of a data folder: block 0 with the allocation of the genesis file, a later block with the state after
//! it, or the block that is forked.

use std::collections::BTreeMap;
use std::sync::Arc;

use alloy_consensus::{BlockBody, EMPTY_OMMER_ROOT_HASH};
use alloy_eips::eip4895::Withdrawals;
use alloy_primitives::map::HashMap;
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use rayon::prelude::*;
use state::{Commit, Database, FlatAccount, Snapshot, StorageNodes, StoredBlock, log_key};
use stf::trie::{EMPTY_ROOT_HASH, NoNodes, NodeLog, Trie};
use stf::{Block, ChainSpec, Header, Receipt, Transaction};

use crate::error::ChainError;
use crate::genesis::{Genesis, GenesisAccount};
use crate::roots;

/// The first state: what the tables hold and what the root is.
struct FirstState {
    root: B256,
    accounts: Vec<(B256, FlatAccount)>,
    storage: Vec<(B256, B256, U256)>,
    codes: Vec<(B256, Bytes)>,
    account_nodes: NodeLog,
    storage_nodes: HashMap<B256, NodeLog>,
}

/// A block above the genesis that a chain begins with: nothing is known of it but its header and the state after it.
#[derive(Clone, Debug)]
pub struct Start {
    pub header: Header,
    pub alloc: BTreeMap<Address, GenesisAccount>,
}

/// The block that a chain forks, with what execution gave there.
#[derive(Clone, Debug)]
pub struct FirstBlock {
    pub block: Block,
    /// One a transaction.
    pub senders: Vec<Address>,
    pub receipts: Vec<Receipt>,
}

/// Write the first block of a fork into an empty database. Its state stays where it is.
pub fn fork(database: &Database, genesis: &Genesis, spec: &ChainSpec, first: &FirstBlock) -> Result<(), ChainError> {
    let FirstBlock { block: Block { header, body }, senders, receipts } = first;
    let receipts = crate::receipts::encode(receipts);
    let stored = StoredBlock {
        number: header.number,
        hash: header.hash_slow(),
        header: alloy_rlp::encode(header).into(),
        body: alloy_rlp::encode(body).into(),
        senders: senders.clone(),
        transaction_hashes: body.transactions.iter().map(|transaction| *transaction.hash()).collect(),
        log_keys: log_key::of_receipts(&receipts)?,
        receipts,
        // What comes next is made without work, whatever that chain did.
        total_difficulty: spec.terminal_total_difficulty.unwrap_or_default().max(header.difficulty),
        ..Default::default()
    };
    let commit = Commit {
        blocks: vec![Arc::new(stored)],
        spec_json: Some(genesis.config.to_string().into_bytes().into()),
        marked: true,
        ..Default::default()
    };
    Ok(database.commit(&commit)?)
}

/// The hash of block 0 and the root of its state.
pub fn genesis_hash(genesis: &Genesis) -> Result<(B256, B256), ChainError> {
    let spec = genesis.spec()?;
    let root = first_state(&genesis.alloc)?.root;
    Ok((genesis.header(&spec, root).hash_slow(), root))
}

/// Write block 0 into an empty database; in any other, check that its chain has it.
pub fn ensure(database: &Database, genesis: &Genesis, spec: &ChainSpec) -> Result<(), ChainError> {
    let first = first_state(&genesis.alloc)?;
    let header = genesis.header(spec, first.root);
    let given = header.hash_slow();
    if has_genesis(&database.snapshot()?, given)? {
        return Ok(());
    }
    let withdrawals = genesis.has_withdrawals(spec).then(Withdrawals::default);
    let body: BlockBody<Transaction> = BlockBody { withdrawals, ..Default::default() };
    let block = StoredBlock {
        body: alloy_rlp::encode(&body).into(),
        receipts: crate::receipts::encode(&[]),
        ..bare(&header, header.difficulty)
    };
    write(database, genesis, first, block, Commit::default())
}

/// Write `start` into an empty database as the first block of this genesis' chain; in any other, check that its chain has
/// both.
pub fn begin(database: &Database, genesis: &Genesis, spec: &ChainSpec, start: &Start) -> Result<(), ChainError> {
    let given = genesis.header(spec, first_state(&genesis.alloc)?.root).hash_slow();
    let (number, hash) = (start.header.number, start.header.hash_slow());
    let snapshot = database.snapshot()?;
    if has_genesis(&snapshot, given)? {
        let stored = snapshot.canonical_hash(number)?;
        return if stored == Some(hash) { Ok(()) } else { Err(ChainError::OtherStart { number, stored, given: hash }) };
    }
    drop(snapshot);
    let first = first_state(&start.alloc)?;
    if first.root != start.header.state_root {
        let (got, expected) = (first.root, start.header.state_root);
        return Err(ChainError::WrongState { number, got, expected });
    }
    let difficulty = spec.terminal_total_difficulty.unwrap_or_default();
    let commit = Commit { leaps: true, genesis: Some(given), ..Default::default() };
    write(database, genesis, first, bare(&start.header, difficulty), commit)
}

/// Whether anything is held. Refuses what is of another genesis.
fn has_genesis(snapshot: &Snapshot, given: B256) -> Result<bool, ChainError> {
    if snapshot.head()?.is_none() {
        return Ok(false);
    }
    let stored = snapshot.genesis()?.unwrap_or_default();
    if stored == given { Ok(true) } else { Err(ChainError::OtherGenesis { stored, given }) }
}

/// What is kept of a block of which only the header is known; its body is not, unless there is nothing in it.
pub fn bare(header: &Header, total_difficulty: U256) -> StoredBlock {
    let is_empty = header.transactions_root == EMPTY_ROOT_HASH
        && header.ommers_hash == EMPTY_OMMER_ROOT_HASH
        && header.withdrawals_root.is_none_or(|root| root == EMPTY_ROOT_HASH);
    let (mut body, mut receipts) = (Bytes::new(), Bytes::new());
    if is_empty {
        let withdrawals = header.withdrawals_root.map(|_| Withdrawals::default());
        body = alloy_rlp::encode(&BlockBody::<Transaction> { withdrawals, ..Default::default() }).into();
        receipts = crate::receipts::encode(&[]);
    }
    StoredBlock {
        number: header.number,
        hash: header.hash_slow(),
        header: alloy_rlp::encode(header).into(),
        body,
        receipts,
        total_difficulty,
        ..Default::default()
    }
}

/// The first commit: a block with the whole state after it.
fn write(
    database: &Database,
    genesis: &Genesis,
    first: FirstState,
    block: StoredBlock,
    commit: Commit,
) -> Result<(), ChainError> {
    let stored = StoredBlock {
        accounts: first.accounts.into_iter().map(|(hash, account)| (hash, None, Some(account))).collect(),
        storage: first.storage.into_iter().map(|(account, slot, value)| (account, slot, U256::ZERO, value)).collect(),
        codes: first.codes,
        ..block
    };
    let storage_nodes = first
        .storage_nodes
        .into_iter()
        .map(|(account, log)| (account, StorageNodes { cleared: false, nodes: log.into_sorted() }));
    let commit = Commit {
        blocks: vec![Arc::new(stored)],
        account_nodes: first.account_nodes.into_sorted(),
        storage_nodes: storage_nodes.collect(),
        spec_json: Some(genesis.config.to_string().into_bytes().into()),
        ..commit
    };
    Ok(database.commit(&commit)?)
}

fn first_state(alloc: &BTreeMap<Address, GenesisAccount>) -> Result<FirstState, ChainError> {
    let alloc: Vec<_> = alloc.iter().collect();
    let mut accounts = alloc
        .par_iter()
        .map(|(address, account)| first_account(address, account))
        .collect::<Result<Vec<_>, ChainError>>()?;
    accounts.par_sort_unstable_by_key(|first| first.hash);
    let mut trie = Trie::empty();
    let mut account_nodes = NodeLog::new();
    let updates = accounts.iter().map(|first| (first.hash, Some(first.account.leaf()))).collect();
    trie.update(updates, &NoNodes, &mut account_nodes)?;
    let root = trie.root(&mut account_nodes);

    let mut state = FirstState {
        root,
        accounts: Vec::with_capacity(accounts.len()),
        storage: Vec::new(),
        codes: Vec::new(),
        account_nodes,
        storage_nodes: HashMap::default(),
    };
    for first in accounts {
        state.storage.extend(first.slots.into_iter().map(|(slot, value)| (first.hash, slot, value)));
        state.storage_nodes.insert(first.hash, first.nodes);
        state.codes.extend(first.code.map(|code| (first.account.code_hash, code)));
        state.accounts.push((first.hash, first.account));
    }
    Ok(state)
}

struct FirstAccount {
    hash: B256,
    account: FlatAccount,
    slots: Vec<(B256, U256)>,
    nodes: NodeLog,
    code: Option<Bytes>,
}

fn first_account(address: &Address, account: &GenesisAccount) -> Result<FirstAccount, ChainError> {
    let mut slots: Vec<_> = account
        .storage
        .iter()
        .filter(|(_, value)| !value.is_zero())
        .map(|(slot, value)| (keccak256(slot.to_be_bytes::<32>()), *value))
        .collect();
    slots.sort_unstable_by_key(|(slot, _)| *slot);
    let mut nodes = NodeLog::new();
    let mut trie = Trie::empty();
    let updates = slots.iter().map(|(slot, value)| (*slot, roots::slot_rlp(*value))).collect();
    trie.update(updates, &NoNodes, &mut nodes)?;
    let storage_root = trie.root(&mut nodes);
    debug_assert!(!slots.is_empty() || storage_root == EMPTY_ROOT_HASH);
    let code = (!account.code.is_empty()).then(|| account.code.clone());
    let code_hash = code.as_ref().map_or(KECCAK256_EMPTY, keccak256);
    Ok(FirstAccount {
        hash: keccak256(address),
        account: FlatAccount {
            nonce: account.nonce,
            balance: account.balance,
            code_hash,
            storage_root,
            address: *address,
        },
        slots,
        nodes,
        code,
    })
}
