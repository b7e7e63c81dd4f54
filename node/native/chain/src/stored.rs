//! From a block and its parent's state to a candidate, and from candidates to what the database writes.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use crate::layer::MergedNodes;
use alloy_consensus::BlockBody;
use alloy_primitives::{Address, B256, U256};
use alloy_rlp::Decodable;
use state::{BlockRef, Commit, FlatAccount, StateError, StoredBlock, log_key};
use stf::block::Ancestor;
use stf::{Block, BlockError, ChainSpec, ExecuteError, Executed, Header, Transaction};

use crate::error::ChainError;
use crate::layer::{Layer, LayerTries};
use crate::past::Past;
use crate::receipts;
use crate::stages::{Stages, timed};
use crate::view::View;

/// What a candidate is made of.
pub struct Input<'a> {
    pub spec: &'a ChainSpec,
    pub block: Block,
    pub hash: B256,
    /// Where they are known already (our own block, a block seen before), and how long it took to recover them.
    pub senders: Option<(Vec<Address>, Duration)>,
    pub parent: &'a Header,
    pub parent_difficulty: U256,
    /// Parent first, as far as the ommer rules look; empty for a block without ommers.
    pub ancestors: &'a [(Header, Vec<Header>)],
    pub view: View,
    pub generation: u64,
}

/// Check and execute a block. The first broken rule is the error.
pub fn candidate(mut input: Input<'_>) -> Result<Layer, ChainError> {
    let number = input.block.header.number;
    let hash = input.hash;
    let invalid = |reason: BlockError| ChainError::Invalid { number, hash, reason: Box::new(reason) };

    let (spec, block) = (input.spec, &input.block);
    let start = Instant::now();
    stf::validate_header(spec, &block.header, input.parent, input.parent_difficulty).map_err(invalid)?;
    stf::validate_body(spec, block).map_err(invalid)?;
    let ancestors: Vec<_> =
        input.ancestors.iter().map(|(header, ommers)| Ancestor { hash: header.hash_slow(), header, ommers }).collect();
    stf::validate_ommers(spec, block, &ancestors).map_err(invalid)?;
    let checked = start.elapsed();
    let (senders, recover) = match input.senders.take() {
        Some(known) => known,
        None => {
            let (senders, took) = timed(|| stf::recover_senders(spec, &block.header, &block.body.transactions));
            (senders.map_err(invalid)?, took)
        }
    };
    let start = Instant::now();
    let executed = stf::execute_block(spec, block, &senders, &mut input.view).map_err(|error| match error {
        ExecuteError::Block(reason) => invalid(reason),
        ExecuteError::Source(error) => ChainError::Storage(error.0),
        ExecuteError::Interpreter(message) => ChainError::Interpreter(message),
    })?;
    stf::verify_executed(spec, &block.header, &executed).map_err(invalid)?;
    let execute = checked + start.elapsed();

    let start = Instant::now();
    let mut tries = input.view.tries_after(&executed.changes)?;
    let root = tries.accounts.root(&mut Default::default());
    if root != block.header.state_root {
        return Err(invalid(BlockError::StateRootMismatch { got: block.header.state_root, expected: root }));
    }
    let stages = Stages { recover, execute, root: start.elapsed() };
    let total_difficulty = input.parent_difficulty.saturating_add(block.header.difficulty);
    layer(input.block, hash, senders, executed, tries, stages, total_difficulty, &input.view, input.generation)
}

/// A candidate of what execution gave.
#[allow(clippy::too_many_arguments)]
pub fn layer(
    block: Block,
    hash: B256,
    senders: Vec<Address>,
    executed: Executed,
    tries: LayerTries,
    stages: Stages,
    total_difficulty: U256,
    view: &View,
    generation: u64,
) -> Result<Layer, ChainError> {
    let header = block.header.clone();
    let stored = stored_block(block, hash, senders, &executed, &tries, total_difficulty, view)?;
    Ok(Layer {
        hash,
        header,
        total_difficulty,
        changes: executed.changes,
        tries,
        stored: Arc::new(stored),
        stages,
        generation: AtomicU64::new(generation),
    })
}

/// What the database keeps of a block.
fn stored_block(
    block: Block,
    hash: B256,
    senders: Vec<Address>,
    executed: &Executed,
    tries: &LayerTries,
    total_difficulty: U256,
    view: &View,
) -> Result<StoredBlock, ChainError> {
    let accounts = changed_accounts(tries, view)?;
    let receipts = receipts::encode(&executed.receipts);
    Ok(StoredBlock {
        number: block.header.number,
        hash,
        header: alloy_rlp::encode(&block.header).into(),
        transaction_hashes: block.body.transactions.iter().map(|transaction| *transaction.hash()).collect(),
        body: alloy_rlp::encode(&block.body).into(),
        senders,
        log_keys: log_key::of_receipts(&receipts)?,
        receipts,
        total_difficulty,
        accounts,
        storage: tries.slots.clone(),
        storage_cleared: tries.cleared.clone(),
        codes: executed.changes.codes.iter().map(|(hash, code)| (*hash, code.clone())).collect(),
    })
}

/// Those that are another after than before, as the database takes them.
pub fn changed_accounts(tries: &LayerTries, view: &View) -> Result<Vec<Changed>, ChainError> {
    let mut accounts = Vec::with_capacity(tries.after.len());
    for (address, after) in &tries.after {
        let (key, before) = view.account(address)?;
        if before != *after {
            accounts.push((key, before, *after));
        }
    }
    Ok(accounts)
}

/// keccak(address), the account before, the account after.
type Changed = (B256, Option<FlatAccount>, Option<FlatAccount>);

/// The block of a header and the body that the database holds.
pub fn block(header: Header, mut body: &[u8]) -> Result<Block, ChainError> {
    let body = BlockBody::<Transaction>::decode(&mut body)
        .map_err(|error| StateError::Corrupt(format!("body of block {}: {error}", header.number)))?;
    Ok(Block { header, body })
}

/// One write: the tries of an unwound past (if any), then the branch, oldest first.
pub fn commit(
    past: Option<&Past>,
    branch: &[Arc<Layer>],
    safe: Option<BlockRef>,
    finalized: Option<BlockRef>,
) -> Commit {
    let mut nodes = MergedNodes::default();
    if let Some(past) = past {
        nodes.add(&past.nodes);
    }
    for layer in branch {
        nodes.add(&layer.tries.nodes);
    }
    let (account_nodes, storage_nodes) = nodes.into_sorted();
    Commit {
        unwind_to: past.map(|past| past.number),
        blocks: branch.iter().map(|layer| layer.stored.clone()).collect(),
        account_nodes,
        storage_nodes,
        safe,
        finalized,
        ..Default::default()
    }
}
