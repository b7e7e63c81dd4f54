//! What every prover runs: from an input to the one batch that it proves, or to the reason why there is none.
//!
//! The program takes nothing on trust but what the batch's hash binds: blocks are executed in full from their witness,
//! the queue is folded, the diff is encoded again and held against what is published.

use alloc::vec::Vec;

use alloy_primitives::B256;
use stf::{
    Block, ChainSpec, Transaction,
    rollup::{L1Prices, header::l1_prices},
    witness::{Outcome, WitnessError, execute_blocks},
};

use crate::{
    Batch, Diff, Input, Published,
    batch::PROTOCOL_VERSION,
    blob::{self, PAYLOAD_BYTES},
    diff::{Merged, UnpublishableError},
    messages,
    payload::{self, Encoding, PayloadError},
    queue::Position,
};

/// Why an input proves nothing.
///
/// ```text
/// ProgramError
/// + Input, Witness          it is not one, or something is missing in it
/// + Block (in Witness)      a block is bad
/// + Previous, Queue, Prices the blocks do not go on from the previous batch, or do not belong together
/// + Diff, Payload, Blobs, NotPublished  what is published is not what the blocks did
/// ```
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    #[error("this is no input of this program: {0}")]
    Input(&'static str),
    #[error(transparent)]
    Witness(#[from] WitnessError),
    #[error("no blocks")]
    Empty,
    #[error("the {0} is not that of the previous batch")]
    Previous(&'static str),
    #[error("block {block} holds item {got} of the queue, {expected} comes next")]
    Queue { block: u64, got: u64, expected: u64 },
    #[error("block {0} names other prices of L1 than the batch's first")]
    Prices(u64),
    #[error(transparent)]
    Diff(#[from] UnpublishableError),
    #[error("the payload: {0}")]
    Payload(#[from] PayloadError),
    #[error("{blobs} blobs for a payload of {bytes} bytes")]
    Blobs { blobs: usize, bytes: usize },
    #[error("what is published is not what the blocks changed")]
    NotPublished,
}

/// Run the program.
pub fn execute(input: &Input) -> Result<Batch, ProgramError> {
    let spec = input.spec();
    let blocks = execute_blocks(&spec, input.blocks.iter().map(|block| &block[..]), &input.witness)?;
    let run = Run::of(&spec, &input.previous, &blocks)?;
    let (payload, data_hash) = match &input.published {
        Published::Blobs(hashes) => (payload::unpad(&input.payload)?, in_blobs(&input.payload, hashes)?),
        Published::Kept(pointer) => (&input.payload[..], blob::kept_hash(*pointer, &input.payload)),
    };
    let published = payload::read(payload)?;
    if published.encoding != Encoding::StateDiff || published.body != run.diff.encode() {
        return Err(ProgramError::NotPublished);
    }
    Ok(run.batch(&spec, &input.previous, input.program_version, data_hash))
}

fn in_blobs(payload: &[u8], versioned_hashes: &[B256]) -> Result<B256, ProgramError> {
    if payload.len() != versioned_hashes.len() * PAYLOAD_BYTES {
        return Err(ProgramError::Blobs { blobs: versioned_hashes.len(), bytes: payload.len() });
    }
    let chunks = payload.chunks(PAYLOAD_BYTES);
    let openings: Vec<_> = versioned_hashes.iter().zip(chunks).map(|(hash, chunk)| blob::open(*hash, chunk)).collect();
    Ok(blob::data_hash(&openings))
}

/// What a run of executed blocks comes to.
pub struct Run {
    pub diff: Diff,
    queue: Position,
    state_root: B256,
    last_block_hash: B256,
    first_block: u64,
    prices: L1Prices,
}

impl Run {
    /// Hold blocks, which were executed each on the one before, against the batch that they follow.
    pub fn of(spec: &ChainSpec, previous: &Batch, blocks: &[(Block, Outcome)]) -> Result<Self, ProgramError> {
        let ((first, before), (last, after)) = blocks.first().zip(blocks.last()).ok_or(ProgramError::Empty)?;
        let follows = [
            ("protocol version", previous.protocol_version == PROTOCOL_VERSION),
            ("chain id", previous.chain_id == spec.chain_id),
            ("block number", first.header.number == previous.last_block + 1),
            ("parent hash", first.header.parent_hash == previous.last_block_hash),
            ("state root", before.parent_state_root == previous.new_state_root),
        ];
        if let Some((what, _)) = follows.iter().find(|(_, kept)| !kept) {
            return Err(ProgramError::Previous(what));
        }
        let mut queue = Position { index: previous.queue_index, hash: previous.queue_hash };
        let mut merged = Merged::default();
        let mut messages = Vec::new();
        let prices = l1_prices(&first.header);
        for (block, outcome) in blocks {
            if l1_prices(&block.header) != prices {
                return Err(ProgramError::Prices(block.header.number));
            }
            queue = fold(queue, block)?;
            merged.add(&outcome.executed.changes)?;
            messages.extend(messages::leaves(&outcome.executed.receipts));
        }
        let diff = Diff { header: last.header.clone(), accounts: merged.diffs()?, messages };
        Ok(Self {
            diff,
            queue,
            state_root: after.state_root,
            last_block_hash: after.hash,
            first_block: first.header.number,
            prices,
        })
    }

    /// The statement about the run, with the hash of what was published.
    pub fn batch(&self, spec: &ChainSpec, previous: &Batch, program_version: u32, data_hash: B256) -> Batch {
        Batch {
            protocol_version: PROTOCOL_VERSION,
            chain_id: spec.chain_id,
            number: previous.number + 1,
            program_version,
            previous_batch_hash: previous.hash(),
            previous_state_root: previous.new_state_root,
            new_state_root: self.state_root,
            first_block: self.first_block,
            last_block: self.diff.header.number,
            last_block_hash: self.last_block_hash,
            last_timestamp: self.diff.header.timestamp,
            queue_index: self.queue.index,
            queue_hash: self.queue.hash,
            messages_root: messages::root(&self.diff.messages),
            outbound_hash: B256::ZERO,
            inbound_hash: B256::ZERO,
            data_hash,
            config_hash: spec.rollup.as_ref().map_or(B256::ZERO, |rules| rules.hash(spec)),
            l1_base_fee: self.prices.base_fee,
            l1_blob_base_fee: self.prices.blob_base_fee,
        }
    }
}

fn fold(queue: Position, block: &Block) -> Result<Position, ProgramError> {
    let mut items = block.body.transactions.iter().filter_map(|transaction| match transaction {
        Transaction::Privileged(item) => Some(item.inner()),
        Transaction::Signed(_) => None,
    });
    items.try_fold(queue, |queue, item| {
        let wrong = ProgramError::Queue { block: block.header.number, got: item.nonce, expected: queue.index };
        queue.take(item).ok_or(wrong)
    })
}
