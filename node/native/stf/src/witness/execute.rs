//! Check a block over a [`WitnessSource`].

use alloc::vec::Vec;

use alloy_primitives::{B256, Bytes, U256};

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
    let (outcome, read) = run(spec, &decode_block(block)?, &Index::new(witness))?;
    if !witness.keys.is_empty() && witness.keys != read {
        return Err(WitnessError::Keys { given: witness.keys.len(), read: read.len() });
    }
    Ok(outcome)
}

/// Check a block in full over any source. Beside the outcome it gives the keys that were read.
pub fn run(spec: &ChainSpec, block: &Block, source: &dyn WitnessSource) -> Result<(Outcome, Vec<Bytes>), WitnessError> {
    let parent = header(source, &block.header.parent_hash)?;
    check_without_state(spec, block, &parent)?;
    let senders = recover_senders(spec, &block.header, &block.body.transactions)?;
    let mut state = TrieState::new(source, &parent, block.header.parent_hash);
    let executed = execute_block(spec, block, &senders, &mut state)?;
    verify_executed(spec, &block.header, &executed)?;
    let (got, expected) = (block.header.state_root, state.apply(&executed.changes)?);
    if got != expected {
        return Err(BlockError::StateRootMismatch { got, expected }.into());
    }
    let hash = block.header.hash_slow();
    let outcome = Outcome { hash, parent_state_root: parent.state_root, state_root: expected, executed };
    Ok((outcome, state.keys()))
}

fn check_without_state(spec: &ChainSpec, block: &Block, parent: &Header) -> Result<(), WitnessError> {
    if !block.body.ommers.is_empty() {
        return Err(WitnessError::Ommers);
    }
    let keeps_the_merge = if block.header.difficulty.is_zero() { U256::MAX } else { U256::ZERO };
    validate_header(spec, &block.header, parent, keeps_the_merge)?;
    Ok(validate_body(spec, block)?)
}
