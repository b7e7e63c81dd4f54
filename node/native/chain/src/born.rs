//! The first commit of a data folder: block 0 with the allocation of the genesis file, or the block that is forked.

use std::sync::Arc;

use alloy_consensus::BlockBody;
use alloy_eips::eip4895::Withdrawals;
use alloy_primitives::map::HashMap;
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use rayon::prelude::*;
use state::{Commit, Database, FlatAccount, StorageNodes, StoredBlock, log_key};
use stf::trie::{EMPTY_ROOT_HASH, NoNodes, NodeLog, Trie};
use stf::{Block, ChainSpec, Receipt, Transaction};

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
    let root = first_state(genesis)?.root;
    Ok((genesis.header(&spec, root).hash_slow(), root))
}

/// Write block 0 into an empty database; in any other, check that it is the same one.
pub fn ensure(database: &Database, genesis: &Genesis, spec: &ChainSpec) -> Result<(), ChainError> {
    let first = first_state(genesis)?;
    let header = genesis.header(spec, first.root);
    let given = header.hash_slow();
    if let Some(stored) = database.snapshot()?.canonical_hash(0)? {
        return if stored == given { Ok(()) } else { Err(ChainError::OtherGenesis { stored, given }) };
    }
    let withdrawals = genesis.has_withdrawals(spec).then(Withdrawals::default);
    let body: BlockBody<Transaction> = BlockBody { withdrawals, ..Default::default() };
    let stored = StoredBlock {
        number: header.number,
        hash: given,
        header: alloy_rlp::encode(&header).into(),
        body: alloy_rlp::encode(&body).into(),
        receipts: crate::receipts::encode(&[]),
        total_difficulty: header.difficulty,
        accounts: first.accounts.into_iter().map(|(hash, account)| (hash, None, Some(account))).collect(),
        storage: first.storage.into_iter().map(|(account, slot, value)| (account, slot, U256::ZERO, value)).collect(),
        codes: first.codes,
        ..Default::default()
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
        ..Default::default()
    };
    Ok(database.commit(&commit)?)
}

fn first_state(genesis: &Genesis) -> Result<FirstState, ChainError> {
    let alloc: Vec<_> = genesis.alloc.iter().collect();
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
