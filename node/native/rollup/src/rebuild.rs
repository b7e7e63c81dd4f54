//! The state after a batch, out of what L1 has of it: the batch, the openings of its blobs, and the blobs.
//!
//! L1 checked at the commit that each blob opens at z to y. A chunk that gives the same z and the same y is therefore the
//! one that was published, and no commitment has to be made of it. Of a validium's payload L1 has the digest.

use alloc::vec::Vec;

use alloy_primitives::{B256, keccak256};
use stf::Header;
use stf::memory::MemoryState;
use stf::trie::TrieError;

use crate::batch::Batch;
use crate::blob;
use crate::diff::{ApplyError, Diff, DiffError, apply};
use crate::messages;
use crate::payload::{self, Payload, PayloadError};

/// Why a batch is not the one that follows, or a blob not the one that L1 saw.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    #[error("batch {0}: another {1} than the batch before leaves")]
    Previous(u64, &'static str),
    #[error("batch {0}: blob {1} is not one that holds a payload")]
    Blob(u64, usize),
    #[error("batch {0}: what the blobs open to is not what was committed")]
    Openings(u64),
    #[error("batch {0}: this payload is not the one that was committed")]
    Kept(u64),
    #[error("batch {0}: {1}")]
    Payload(u64, PayloadError),
    #[error("batch {0}: {1}")]
    Diff(u64, DiffError),
    #[error("batch {0}: {1}")]
    Apply(u64, ApplyError<TrieError>),
    #[error("batch {0}: the state's trie: {1}")]
    Trie(u64, TrieError),
    #[error("batch {0}: the {1} that comes out is not the committed one")]
    Outcome(u64, &'static str),
}

/// A state in memory and the batch that it stands after.
#[derive(Clone)]
pub struct Rebuilt {
    pub batch: Batch,
    pub state: MemoryState,
    /// Of the batch's last block, once one was taken.
    pub header: Option<Header>,
}

impl Rebuilt {
    /// Go on by one batch; `blobs` with their versioned hashes, in order. Gives the leaves of the messages to L1. After
    /// an error this is no more to be used.
    pub fn take(&mut self, batch: Batch, blobs: &[(B256, &[u8])]) -> Result<Vec<B256>, RebuildError> {
        let diff = published(&self.batch, &batch, blobs)?;
        self.go_on(batch, diff)
    }

    /// [`Self::take`] for a validium: the payload that was kept, and the pointer that L1 was told.
    pub fn take_kept(&mut self, batch: Batch, pointer: B256, payload: &[u8]) -> Result<Vec<B256>, RebuildError> {
        let diff = kept(&self.batch, &batch, pointer, payload)?;
        self.go_on(batch, diff)
    }

    fn go_on(&mut self, batch: Batch, diff: Diff) -> Result<Vec<B256>, RebuildError> {
        let number = batch.number;
        let changes = apply(&diff, &mut self.state).map_err(|error| RebuildError::Apply(number, error))?;
        let state_root = self.state.apply(&changes).map_err(|error| RebuildError::Trie(number, error))?;
        check_outcome(&batch, &diff, state_root)?;
        self.batch = batch;
        self.header = Some(diff.header);
        Ok(diff.messages)
    }
}

/// The diff of the batch that follows `before`, out of its blobs with their versioned hashes, in order. What it leads to is
/// not checked yet ([`check_outcome`]).
pub fn published(before: &Batch, batch: &Batch, blobs: &[(B256, &[u8])]) -> Result<Diff, RebuildError> {
    let number = batch.number;
    check_follows(before, batch)?;
    let mut payload = Vec::new();
    let mut openings = Vec::with_capacity(blobs.len());
    for (at, (versioned_hash, bytes)) in blobs.iter().enumerate() {
        let chunk = blob::unpack(bytes).ok_or(RebuildError::Blob(number, at))?;
        openings.push(blob::open(*versioned_hash, &chunk));
        payload.extend_from_slice(&chunk);
    }
    if blob::data_hash(&openings) != batch.data_hash {
        return Err(RebuildError::Openings(number));
    }
    decode(number, payload::unpad(&payload).and_then(payload::read))
}

/// [`published`] for a validium: the payload that was kept, and the pointer that L1 was told.
pub fn kept(before: &Batch, batch: &Batch, pointer: B256, payload: &[u8]) -> Result<Diff, RebuildError> {
    check_follows(before, batch)?;
    if blob::kept_hash(pointer, payload) != batch.data_hash {
        return Err(RebuildError::Kept(batch.number));
    }
    decode(batch.number, payload::read(payload))
}

fn decode(number: u64, read: Result<Payload<'_>, PayloadError>) -> Result<Diff, RebuildError> {
    let read = read.map_err(|error| RebuildError::Payload(number, error))?;
    Diff::decode(&read.body).map_err(|error| RebuildError::Diff(number, error))
}

/// What comes of a diff, with the root of the state after it, is what L1 was told.
pub fn check_outcome(batch: &Batch, diff: &Diff, state_root: B256) -> Result<(), RebuildError> {
    let same = [
        ("state root", state_root == batch.new_state_root && diff.header.state_root == state_root),
        ("block hash", keccak256(alloy_rlp::encode(&diff.header)) == batch.last_block_hash),
        ("number of the last block", diff.header.number == batch.last_block),
        ("time of the last block", diff.header.timestamp == batch.last_timestamp),
        ("root of messages", messages::root(&diff.messages) == batch.messages_root),
    ];
    match same.iter().find(|(_, kept)| !kept) {
        Some((what, _)) => Err(RebuildError::Outcome(batch.number, what)),
        None => Ok(()),
    }
}

fn check_follows(before: &Batch, batch: &Batch) -> Result<(), RebuildError> {
    let follows = [
        ("number", batch.number == before.number + 1),
        ("chain id", batch.chain_id == before.chain_id),
        ("batch hash", batch.previous_batch_hash == before.hash()),
        ("state root", batch.previous_state_root == before.new_state_root),
        ("block number", batch.first_block == before.last_block + 1),
    ];
    match follows.iter().find(|(_, kept)| !kept) {
        Some((what, _)) => Err(RebuildError::Previous(batch.number, what)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloy_primitives::{Address, U256};
    use alloy_rlp::Encodable;

    use crate::diff::AccountDiff;
    use crate::payload::Encoding;

    /// With their versioned hashes.
    type Blobs = Vec<(B256, Vec<u8>)>;

    fn start() -> Rebuilt {
        let mut state = MemoryState::default();
        let root = state.root();
        Rebuilt { batch: Batch { chain_id: 7, new_state_root: root, ..Default::default() }, state, header: None }
    }

    /// A batch that gives one account a balance, its payload, and its blobs.
    fn published(before: &Rebuilt) -> (Batch, Vec<u8>, Blobs) {
        let account = AccountDiff { balance: Some(U256::from(5)), ..Default::default() };
        let accounts = [(Address::repeat_byte(1), account)].into_iter().collect();
        let mut diff =
            Diff { header: Header { number: 1, ..Default::default() }, accounts, messages: vec![B256::repeat_byte(9)] };
        let mut state = before.state.clone();
        let changes = apply(&diff, &mut state).unwrap();
        diff.header.state_root = state.apply(&changes).unwrap();
        let kept = payload::pack(Encoding::StateDiff, &diff.encode());
        let framed = payload::pad(kept.clone());
        let blobs: Vec<_> =
            framed.chunks(blob::PAYLOAD_BYTES).map(|chunk| (keccak256(chunk), blob::pack(chunk))).collect();
        let openings: Vec<_> =
            framed.chunks(blob::PAYLOAD_BYTES).zip(&blobs).map(|(chunk, (hash, _))| blob::open(*hash, chunk)).collect();
        let mut header = Vec::new();
        diff.header.encode(&mut header);
        let batch = Batch {
            chain_id: 7,
            number: 1,
            previous_batch_hash: before.batch.hash(),
            previous_state_root: before.batch.new_state_root,
            new_state_root: diff.header.state_root,
            first_block: 1,
            last_block: 1,
            last_block_hash: keccak256(&header),
            messages_root: messages::root(&diff.messages),
            data_hash: blob::data_hash(&openings),
            ..Default::default()
        };
        (batch, kept, blobs)
    }

    fn borrowed(blobs: &[(B256, Vec<u8>)]) -> Vec<(B256, &[u8])> {
        blobs.iter().map(|(hash, bytes)| (*hash, &bytes[..])).collect()
    }

    #[test]
    fn a_published_batch_gives_its_state_and_messages() {
        let mut rebuilt = start();
        let (batch, _, blobs) = published(&rebuilt);

        let messages = rebuilt.take(batch, &borrowed(&blobs)).unwrap();

        assert_eq!(messages, [B256::repeat_byte(9)]);
        assert_eq!(rebuilt.state.root(), batch.new_state_root);
    }

    #[test]
    fn a_kept_payload_gives_the_same_and_no_other_does() {
        let before = start();
        let (batch, payload, _) = published(&before);
        let pointer = B256::repeat_byte(5);
        let batch = Batch { data_hash: blob::kept_hash(pointer, &payload), ..batch };
        let told = |pointer, payload: &[u8]| before.clone().take_kept(batch, pointer, payload).unwrap_err().to_string();

        let mut rebuilt = before.clone();
        assert_eq!(rebuilt.take_kept(batch, pointer, &payload).unwrap(), [B256::repeat_byte(9)]);
        assert_eq!(rebuilt.state.root(), batch.new_state_root);
        assert!(told(B256::ZERO, &payload).contains("not the one that was committed"));
        assert!(told(pointer, &payload::pad(payload.clone())).contains("not the one that was committed"));
        assert!(told(pointer, &[]).contains("not the one that was committed"));
        assert!(before.clone().take(batch, &[]).unwrap_err().to_string().contains("open"));
        let padded = payload::pad(payload);
        let batch = Batch { data_hash: blob::kept_hash(pointer, &padded), ..batch };
        assert!(before.clone().take_kept(batch, pointer, &padded).unwrap_err().to_string().contains("not zero"));
    }

    #[test]
    fn every_lie_is_named() {
        let before = start();
        let (batch, _, blobs) = published(&before);
        let other = B256::repeat_byte(3);
        let told = |batch: Batch, blobs: &[(B256, Vec<u8>)]| {
            before.clone().take(batch, &borrowed(blobs)).unwrap_err().to_string()
        };

        assert!(told(Batch { number: 2, ..batch }, &blobs).contains("number"));
        assert!(told(Batch { chain_id: 8, ..batch }, &blobs).contains("chain id"));
        assert!(told(Batch { previous_batch_hash: other, ..batch }, &blobs).contains("batch hash"));
        assert!(told(Batch { previous_state_root: other, ..batch }, &blobs).contains("state root"));
        assert!(told(Batch { first_block: 2, ..batch }, &blobs).contains("block number"));
        assert!(told(Batch { data_hash: other, ..batch }, &blobs).contains("open"));
        assert!(told(Batch { new_state_root: other, ..batch }, &blobs).contains("state root that comes out"));
        assert!(told(Batch { last_block_hash: other, ..batch }, &blobs).contains("block hash that comes out"));
        assert!(told(Batch { messages_root: other, ..batch }, &blobs).contains("messages"));
        assert!(told(Batch { last_block: 2, ..batch }, &blobs).contains("number of the last block"));
        assert!(told(Batch { last_timestamp: 2, ..batch }, &blobs).contains("time of the last block"));
        let mut changed = blobs.clone();
        changed[0].1[9] ^= 1;
        assert!(told(batch, &changed).contains("open"));
        changed[0].1[0] = 1;
        assert!(told(batch, &changed).contains("blob 0"));
        assert!(told(batch, &[]).contains("open"));
    }
}
