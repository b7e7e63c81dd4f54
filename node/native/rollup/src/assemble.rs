//! The sequencer's side of a batch: what it publishes, and the input from which everybody proves it.

use alloy_primitives::{B256, Bytes};
use rayon::prelude::*;
use stf::{
    Block, ChainSpec,
    witness::{Outcome, Witness},
};

use crate::{
    Batch, Input, Published,
    blob::{self, Opening, PAYLOAD_BYTES},
    kzg,
    payload::{self, Encoding},
    program::{ProgramError, Run},
};

/// A batch that is ready to be committed.
#[derive(Clone, Debug)]
pub struct Assembled {
    pub batch: Batch,
    pub input: Input,
    pub blobs: Vec<OpenedBlob>,
    /// Leaves of its messages, in order.
    pub messages: Vec<B256>,
    /// Bytes of the diff before it was packed.
    pub diff_bytes: usize,
}

/// A blob with what L1 asks for beside it.
#[derive(Clone, Debug)]
pub struct OpenedBlob {
    pub blob: Bytes,
    pub commitment: [u8; 48],
    pub opening: Opening,
    /// That the commitment opens at z to y.
    pub proof: [u8; 48],
}

/// Make the batch of blocks that were executed while their witness was recorded. With a `pointer` others keep its payload,
/// else it goes into blobs.
pub fn assemble(
    spec: &ChainSpec,
    previous: Batch,
    program_version: u32,
    blocks: &[(Block, Outcome)],
    witness: Witness,
    pointer: Option<B256>,
) -> Result<Assembled, ProgramError> {
    let rules = spec.rollup.clone().ok_or(ProgramError::Input("this chain is no rollup"))?;
    let run = Run::of(spec, &previous, blocks)?;
    let body = run.diff.encode();
    let payload = payload::pack(Encoding::StateDiff, &body);
    let (payload, blobs, published, data_hash) = match pointer {
        Some(pointer) => {
            let data_hash = blob::kept_hash(pointer, &payload);
            (payload, Vec::new(), Published::Kept(pointer), data_hash)
        }
        None => {
            let payload = payload::pad(payload);
            let blobs = open_all(&payload)?;
            let openings: Vec<Opening> = blobs.iter().map(|blob| blob.opening).collect();
            let hashes = openings.iter().map(|opening| opening.versioned_hash).collect();
            (payload, blobs, Published::Blobs(hashes), blob::data_hash(&openings))
        }
    };
    let batch = run.batch(spec, &previous, program_version, data_hash);
    let input = Input {
        chain_id: spec.chain_id,
        rules,
        osaka_time: spec.osaka_time,
        program_version,
        previous,
        blocks: blocks.iter().map(|(block, _)| alloy_rlp::encode(block).into()).collect(),
        witness: Witness { keys: Vec::new(), ..witness },
        payload: payload.into(),
        published,
    };
    Ok(Assembled { batch, input, blobs, messages: run.diff.messages, diff_bytes: body.len() })
}

fn open_all(payload: &[u8]) -> Result<Vec<OpenedBlob>, ProgramError> {
    payload.par_chunks(PAYLOAD_BYTES).map(open).collect()
}

fn open(chunk: &[u8]) -> Result<OpenedBlob, ProgramError> {
    let packed = blob::pack(chunk);
    let commitment = kzg::commit(&packed)?;
    let versioned_hash = alloy_eips::eip4844::kzg_to_versioned_hash(&commitment);
    let opening = blob::open(versioned_hash, chunk);
    let proof = match blob::quotient(chunk, opening.z, opening.y) {
        Some(quotient) => kzg::commit(&quotient)?,
        None => kzg::prove(&packed, opening.z)?,
    };
    Ok(OpenedBlob { blob: packed.into(), commitment, opening, proof })
}
