//! What a commit is, and the order in which it is written.
//!
//! Each table is written once a commit, in key order, whatever the number of blocks: neighbouring keys share pages, and
//! a key that many blocks changed costs one write in the flat tables.

use std::sync::Arc;

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::Nibbles;
use heed::RwTxn;

use crate::{
    BlockRef, FlatAccount, StateError, chain_data, changes, logs,
    meta::{self, KeptFrom, Pointer},
    nodes,
    tables::Tables,
    unwind,
};

/// One write transaction: first unwind, then append blocks, then set the trie nodes and pointers.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// Take back all canonical blocks above this one. The trie nodes of the state at that block (with `blocks` on top)
    /// come with the commit.
    pub unwind_to: Option<u64>,
    /// Canonical blocks on top of the head (or of `unwind_to`), ascending and without gaps. The last becomes the head.
    /// The first block of a fresh database is the genesis, or the block that the chain forks or begins with: the database
    /// knows nothing from before it, its state least of all.
    pub blocks: Vec<Arc<StoredBlock>>,
    /// The only block stands for all since the head, which nobody has here: it may have any number above, and of itself
    /// perhaps only the header is known.
    pub leaps: bool,
    /// The chain's block 0, where the first block is another one.
    pub genesis: Option<B256>,
    /// Changes that no block made, on top of the head: for development chains. They count as the head block's: history
    /// has them before the next block, and unwinding the head takes them back.
    pub amendment: Option<Amendment>,
    /// Nodes of the state trie that appeared (`Some`) or vanished (`None`). Of entries with one path the last counts.
    pub account_nodes: Vec<(Nibbles, Option<Bytes>)>,
    /// The same for storage tries, by keccak(address).
    pub storage_nodes: Vec<(B256, StorageNodes)>,
    /// Where the safe block moves to; `None` leaves it.
    pub safe: Option<BlockRef>,
    /// Where the finalized block moves to; `None` leaves it.
    pub finalized: Option<BlockRef>,
    /// The genesis document; comes with the first block.
    pub spec_json: Option<Bytes>,
    /// Slots by their numbers, to be found by their hashes: for development chains.
    pub preimages: Vec<B256>,
    /// Remember for good that what is stored does not follow from the blocks and their rules.
    pub marked: bool,
}

/// State that is set from outside. Fields as in [`StoredBlock`]; values before are the head's.
#[derive(Clone, Debug, Default)]
pub struct Amendment {
    pub accounts: Vec<(B256, Option<FlatAccount>, Option<FlatAccount>)>,
    pub storage: Vec<(B256, B256, U256, U256)>,
    pub storage_cleared: Vec<B256>,
    pub codes: Vec<(B256, Bytes)>,
}

/// What happens to the stored nodes of one storage trie.
#[derive(Clone, Debug, Default)]
pub struct StorageNodes {
    /// Remove all stored nodes first: the account's storage was wiped.
    pub cleared: bool,
    /// Nodes that appeared or vanished.
    pub nodes: Vec<(Nibbles, Option<Bytes>)>,
}

/// A block with everything that is stored of it.
#[derive(Clone, Debug, Default)]
pub struct StoredBlock {
    pub number: u64,
    pub hash: B256,
    /// RLP.
    pub header: Bytes,
    /// RLP: transactions, ommers and, from Shanghai, withdrawals. No bytes where only the header is known.
    pub body: Bytes,
    /// One a transaction.
    pub senders: Vec<Address>,
    /// RLP list of [type, status or root, cumulative gas, logs].
    pub receipts: Bytes,
    /// One a transaction.
    pub transaction_hashes: Vec<B256>,
    /// Up to and with this block.
    pub total_difficulty: U256,
    /// keccak(address), the account before the block, the account after it. Each key once.
    pub accounts: Vec<(B256, Option<FlatAccount>, Option<FlatAccount>)>,
    /// keccak(address), keccak(slot), value before, value after. Each key once.
    pub storage: Vec<(B256, B256, U256, U256)>,
    /// keccak(address) of accounts whose storage was wiped in this block. The slots that vanish need not be listed;
    /// `storage` holds what was written since (of a wiped account its values before are not looked at).
    pub storage_cleared: Vec<B256>,
    /// Code that is new in this block, by hash.
    pub codes: Vec<(B256, Bytes)>,
    /// Keys of the block's logs, see [`crate::log_key`].
    pub log_keys: Vec<u64>,
}

impl StoredBlock {
    /// Number and hash.
    pub fn block_ref(&self) -> BlockRef {
        BlockRef { number: self.number, hash: self.hash }
    }
}

pub(crate) fn write(txn: &mut RwTxn<'_>, tables: &Tables, commit: &Commit) -> Result<(), StateError> {
    if let Some(to) = commit.unwind_to {
        unwind::unwind(txn, tables, to)?;
    }
    let head = meta::pointer(txn, tables, Pointer::Head)?;
    check_order(head, commit)?;
    if let (None, Some(first)) = (head, commit.blocks.first()) {
        begin_at(txn, tables, first.number)?;
    }
    if let (true, Some(last)) = (commit.leaps, commit.blocks.last()) {
        meta::set_kept_from(txn, tables, KeptFrom::Receipts, last.number + 1)?;
        meta::set_kept_from(txn, tables, KeptFrom::Bodies, last.number + 1)?;
    }
    let first_ever = if head.is_none() { commit.blocks.first().map(|block| block.number) } else { None };
    changes::write(txn, tables, &commit.blocks, first_ever)?;
    chain_data::write(txn, tables, &commit.blocks)?;
    logs::write(txn, tables, &commit.blocks)?;
    nodes::write(txn, tables, commit)?;
    if let Some(head) = commit.blocks.last() {
        meta::set_pointer(txn, tables, Pointer::Head, Some(head.block_ref()))?;
    }
    if let (Some(amendment), Some(head)) = (&commit.amendment, meta::pointer(txn, tables, Pointer::Head)?) {
        changes::amend(txn, tables, head.number, amendment)?;
    }
    for slot in &commit.preimages {
        tables.slot_preimage.put(txn, keccak256(slot).as_slice(), slot.as_slice())?;
    }
    if commit.marked {
        meta::set_marked(txn, tables)?;
    }
    if let Some(genesis) = &commit.genesis {
        meta::set_genesis(txn, tables, genesis)?;
    }
    for (pointer, to) in [(Pointer::Safe, commit.safe), (Pointer::Finalized, commit.finalized)] {
        if to.is_some() {
            meta::set_pointer(txn, tables, pointer, to)?;
        }
    }
    commit.spec_json.as_ref().map_or(Ok(()), |json| meta::set_spec_json(txn, tables, json))
}

/// A chain that does not begin with block 0 has nothing from below.
fn begin_at(txn: &mut RwTxn<'_>, tables: &Tables, first: u64) -> Result<(), StateError> {
    if first == 0 {
        return Ok(());
    }
    meta::set_kept_from(txn, tables, KeptFrom::History, first + 1)?;
    meta::set_kept_from(txn, tables, KeptFrom::Receipts, first)?;
    meta::set_kept_from(txn, tables, KeptFrom::Bodies, first)
}

fn check_order(head: Option<BlockRef>, commit: &Commit) -> Result<(), StateError> {
    let blocks = &commit.blocks;
    let Some(first) = blocks.first() else { return Ok(()) };
    let follows = head.map_or(first.number, |head| head.number + 1);
    if commit.leaps && blocks.len() > 1 {
        return Err(StateError::Order("a leap is one block".into()));
    }
    let next = if commit.leaps { first.number.max(follows) } else { follows };
    for (expected, block) in (next..).zip(blocks) {
        if block.number != expected {
            return Err(StateError::Order(format!("block {} where {expected} follows", block.number)));
        }
        let (senders, hashes) = (block.senders.len(), block.transaction_hashes.len());
        if senders != hashes {
            return Err(StateError::Order(format!("block {expected} has {hashes} transactions and {senders} senders")));
        }
    }
    Ok(())
}
