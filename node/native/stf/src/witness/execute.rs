//! Check a block over a [`WitnessSource`].

use alloc::vec::Vec;

use alloy_primitives::{Address, B256, Bytes, U256};

use super::{
    Witness, WitnessError, WitnessSource,
    index::Index,
    state::{TrieState, header},
};
use crate::{
    Block, BlockError, ChainSpec, Executed, Header, decode_block, execute_block, recover_senders, validate_body,
    validate_header, verify_executed,
};

/// A block that was executed and found good.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub hash: B256,
    pub parent_state_root: B256,
    pub state_root: B256,
    pub executed: Executed,
}

/// Check a block (RLP) in full, reading nothing but its witness.
pub fn execute_witness(spec: &ChainSpec, block: &[u8], witness: &Witness) -> Result<Outcome, WitnessError> {
    let block = decode_block(block)?;
    let senders = recovered(spec, &block)?;
    let (mut outcomes, read) = run(spec, [(&block, senders.as_slice())], &Index::new(witness))?;
    if !witness.keys.is_empty() && witness.keys != read {
        return Err(WitnessError::Keys { given: witness.keys.len(), read: read.len() });
    }
    Ok(outcomes.remove(0))
}

/// Check a run of blocks (RLP), each on the one before, reading nothing but their witness.
pub fn execute_blocks<'b>(
    spec: &ChainSpec,
    blocks: impl IntoIterator<Item = &'b [u8]>,
    witness: &Witness,
) -> Result<Vec<(Block, Outcome)>, WitnessError> {
    let blocks: Vec<Block> = blocks.into_iter().map(decode_block).collect::<Result<_, _>>()?;
    let senders: Vec<_> = blocks.iter().map(|block| recovered(spec, block)).collect::<Result<_, _>>()?;
    let (outcomes, _) = run(spec, blocks.iter().zip(senders.iter().map(Vec::as_slice)), &Index::new(witness))?;
    Ok(blocks.into_iter().zip(outcomes).collect())
}

fn recovered(spec: &ChainSpec, block: &Block) -> Result<Vec<Address>, BlockError> {
    recover_senders(spec, &block.header, &block.body.transactions)
}

/// Check blocks in full over any source, which has the state of the first one's parent. The senders of their
/// transactions come with them and are believed. Beside the outcomes it gives the keys that were read.
pub fn run<'b>(
    spec: &ChainSpec,
    blocks: impl IntoIterator<Item = (&'b Block, &'b [Address])>,
    source: &dyn WitnessSource,
) -> Result<(Vec<Outcome>, Vec<Bytes>), WitnessError> {
    let mut blocks = blocks.into_iter().peekable();
    let Some((first, _)) = blocks.peek() else { return Ok((Vec::new(), Vec::new())) };
    let mut parent = header(source, &first.header.parent_hash)?;
    let mut state = TrieState::new(source, &parent, first.header.parent_hash);
    let mut outcomes = Vec::new();
    for (block, senders) in blocks {
        let outcome = step(spec, block, senders, &parent, &mut state)?;
        state.advance(outcome.hash, &outcome.executed.changes);
        outcomes.push(outcome);
        parent = block.header.clone();
    }
    Ok((outcomes, state.keys()))
}

fn step(
    spec: &ChainSpec,
    block: &Block,
    senders: &[Address],
    parent: &Header,
    state: &mut TrieState<'_>,
) -> Result<Outcome, WitnessError> {
    check_without_state(spec, block, parent)?;
    let executed = execute_block(spec, block, senders, state)?;
    verify_executed(spec, &block.header, &executed)?;
    let (got, expected) = (block.header.state_root, state.apply(&executed.changes)?);
    if got != expected {
        return Err(BlockError::StateRootMismatch { got, expected }.into());
    }
    let hash = block.header.hash_slow();
    Ok(Outcome { hash, parent_state_root: parent.state_root, state_root: expected, executed })
}

fn check_without_state(spec: &ChainSpec, block: &Block, parent: &Header) -> Result<(), WitnessError> {
    if !block.body.ommers.is_empty() {
        return Err(WitnessError::Ommers);
    }
    let keeps_the_merge = if block.header.difficulty.is_zero() { U256::MAX } else { U256::ZERO };
    validate_header(spec, &block.header, parent, keeps_the_merge)?;
    Ok(validate_body(spec, block)?)
}
