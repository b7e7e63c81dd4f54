//! What L1 and a prover are told of a batch, and what they say to it.

use alloy_primitives::{Address, B256, Bytes, keccak256};
use c_kzg::Blob;
use rollup::{
    Batch, Input, ProgramError, Published,
    assemble::OpenedBlob,
    blob::{self, PAYLOAD_BYTES},
    payload::{self, Encoding},
    program,
};
use stf::{BlockError, ChainSpec, rollup::RollupRules, witness::Witness, witness::WitnessError};

use crate::{
    l1::{COMMITTER, Commit, VERSION, words},
    sequencer::Made,
    world::{Kind, World},
};

#[derive(Clone)]
pub struct Told {
    pub input: Input,
    /// Where not even the input's form is kept.
    pub raw: Option<Vec<u8>>,
    pub commit: Commit,
    pub data_hash: B256,
    /// Of the chain that is told of it.
    pub chain_id: u64,
    /// What is handed in for verification, where it is not the committed struct with an honest proof.
    pub settling: Settling,
}

/// A kind of proof and its bytes.
pub type Proof = (u64, Vec<u8>);

/// Batches, and each one's proofs.
#[derive(Clone, Default)]
pub struct Settling {
    pub batches: Option<Vec<Vec<B256>>>,
    pub proofs: Option<Vec<Vec<Proof>>>,
}

impl Told {
    pub fn empty(spec: &ChainSpec, previous: Batch) -> Self {
        let input = Input {
            chain_id: spec.chain_id,
            rules: RollupRules::default(),
            osaka_time: None,
            program_version: VERSION,
            previous,
            blocks: Vec::new(),
            witness: Witness::default(),
            payload: Bytes::new(),
            published: Published::Kept(B256::ZERO),
        };
        let (words, blobs, carried, certificate) = Default::default();
        let commit = Commit { from: Address::ZERO, words, blobs, carried, certificate, at: None };
        let (raw, data_hash, chain_id) = (None, B256::ZERO, spec.chain_id);
        Self { input, raw, commit, data_hash, chain_id, settling: Settling::default() }
    }

    pub fn of(world: &World, input: Input, batch: Batch, blobs: Vec<OpenedBlob>) -> Self {
        let certificate = match (&input.published, world.kind) {
            (Published::Kept(pointer), Kind::Validium) => world.certificate(*pointer, &input.payload),
            _ => Vec::new(),
        };
        let carried = blobs.iter().map(|blob| blob.opening.versioned_hash).collect();
        let commit = Commit { from: COMMITTER, words: words(&batch), blobs, carried, certificate, at: None };
        Self {
            input,
            raw: None,
            commit,
            data_hash: batch.data_hash,
            chain_id: batch.chain_id,
            settling: Settling::default(),
        }
    }

    /// The blocks that a sequencer made, with all that follows from them. Their blobs have commitments of their own
    /// only where L1 will look at them.
    pub fn from_made(world: &World, made: &Made, diff: &[u8]) -> Self {
        Self::published(world, made, payload::pack(Encoding::StateDiff, diff), false)
    }

    /// [`Self::from_made`] for L1's eyes.
    pub fn for_l1(world: &World, made: &Made) -> Self {
        Self::published(world, made, payload::pack(Encoding::StateDiff, &made.diff.encode()), true)
    }

    pub fn published(world: &World, made: &Made, payload: Vec<u8>, with_commitments: bool) -> Self {
        let blocks = made.blocks.iter().map(|block| alloy_rlp::encode(block).into()).collect();
        let (payload, blobs, published, data_hash) = match world.kind {
            Kind::Validium => {
                let data_hash = blob::kept_hash(B256::ZERO, &payload);
                (payload, Vec::new(), Published::Kept(B256::ZERO), data_hash)
            }
            Kind::Rollup => {
                let payload = payload::pad(payload);
                let blobs: Vec<_> =
                    payload.chunks(PAYLOAD_BYTES).map(|chunk| opened(chunk, with_commitments)).collect();
                let openings: Vec<_> = blobs.iter().map(|blob| blob.opening).collect();
                let hashes = openings.iter().map(|opening| opening.versioned_hash).collect();
                (payload, blobs, Published::Blobs(hashes), blob::data_hash(&openings))
            }
        };
        let (witness, payload) = (world.whole.clone(), payload.into());
        let input = Input { blocks, witness, payload, published, ..world.honest.input.clone() };
        Self::of(world, input, made.batch(world, data_hash), blobs)
    }

    /// As an honest prover does: from bytes to the one batch that they prove, or to the name of what is wrong.
    pub fn prove(&self) -> Result<Batch, String> {
        let bytes = self.raw.clone().unwrap_or_else(|| self.input.encode());
        Input::decode(&bytes).and_then(|input| program::execute(&input)).map_err(|error| name(&error))
    }

    /// The struct goes with the input, whatever that proves.
    pub fn with_proven_struct(mut self) -> Self {
        if let Ok(batch) = self.prove() {
            self.commit.words = words(&batch);
        }
        self
    }
}

fn opened(chunk: &[u8], with_commitment: bool) -> OpenedBlob {
    let packed = blob::pack(chunk);
    if !with_commitment {
        let mut versioned_hash = keccak256(chunk);
        versioned_hash[0] = 1;
        let opening = blob::open(versioned_hash, chunk);
        return OpenedBlob { blob: packed.into(), commitment: [0; 48], opening, proof: [0; 48] };
    }
    let settings = c_kzg::ethereum_kzg_settings(0);
    let blob = Blob::from_bytes(&packed).unwrap();
    let commitment = settings.blob_to_kzg_commitment(&blob).unwrap().to_bytes();
    let opening = blob::open(alloy_eips::eip4844::kzg_to_versioned_hash(commitment.as_slice()), chunk);
    let (proof, _) = settings.compute_kzg_proof(&blob, &opening.z.0.into()).unwrap();
    OpenedBlob {
        blob: packed.into(),
        commitment: commitment.into_inner(),
        opening,
        proof: proof.to_bytes().into_inner(),
    }
}

/// The check that refused.
pub fn name(error: &ProgramError) -> String {
    match error {
        ProgramError::Input(what) => format!("Input({what})"),
        ProgramError::Witness(error) => witness_name(error),
        ProgramError::Empty => "Empty".into(),
        ProgramError::Previous(what) => format!("Previous({what})"),
        ProgramError::Queue { .. } => "Queue".into(),
        ProgramError::Prices(_) => "Prices".into(),
        ProgramError::Diff(_) => "Unpublishable".into(),
        ProgramError::Payload(error) => {
            let debug = format!("{error:?}");
            format!("Payload({})", debug.split('(').next().unwrap_or_default())
        }
        ProgramError::Blobs { .. } => "Blobs".into(),
        ProgramError::NotPublished => "NotPublished".into(),
    }
}

fn witness_name(error: &WitnessError) -> String {
    match error {
        WitnessError::Version(_) => "WitnessVersion".into(),
        WitnessError::Malformed(what) => format!("Witness({what})"),
        WitnessError::Keys { .. } => "WitnessKeys".into(),
        WitnessError::Trie(_) => "NodeMissing".into(),
        WitnessError::Code(_) => "CodeMissing".into(),
        WitnessError::Header(_) => "HeaderMissing".into(),
        WitnessError::Ommers => "Ommers".into(),
        WitnessError::Interpreter(_) => "Interpreter".into(),
        WitnessError::Block(error) => match error {
            BlockError::RollupField(field) => format!("RollupField({field})"),
            BlockError::FieldMissing(field) => format!("FieldMissing({field})"),
            BlockError::FieldUnexpected(field) => format!("FieldUnexpected({field})"),
            other => other.kind().into(),
        },
    }
}
