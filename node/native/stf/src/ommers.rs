//! Which stale headers a proof-of-work block may include.

use alloc::{boxed::Box, vec::Vec};
use alloy_primitives::B256;

use crate::{Block, BlockError, ChainSpec, Header, header};

/// Ommers of a block at most.
const MAXIMUM: usize = 2;

/// Ancestors that the rules look at: an ommer is at most six blocks older, its parent one more.
pub const ANCESTORS: usize = 7;

/// One block of the chain below.
#[derive(Clone, Copy, Debug)]
pub struct Ancestor<'a> {
    pub hash: B256,
    pub header: &'a Header,
    pub ommers: &'a [Header],
}

/// Check the ommers of a block. `ancestors`: its parent first, [`ANCESTORS`] of them or down to genesis.
pub fn validate_ommers(spec: &ChainSpec, block: &Block, ancestors: &[Ancestor<'_>]) -> Result<(), BlockError> {
    let ommers = &block.body.ommers;
    if ommers.len() > MAXIMUM {
        return Err(BlockError::TooManyOmmers(ommers.len()));
    }
    if ommers.is_empty() {
        return Ok(());
    }
    let ancestors = &ancestors[..ancestors.len().min(ANCESTORS)];
    let included: Vec<B256> = ancestors.iter().flat_map(|ancestor| ancestor.ommers).map(Header::hash_slow).collect();
    let mut seen = Vec::with_capacity(MAXIMUM);
    for ommer in ommers {
        let hash = ommer.hash_slow();
        if seen.contains(&hash) {
            return Err(BlockError::OmmerDuplicate(hash));
        }
        if included.contains(&hash) {
            return Err(BlockError::OmmerAlreadyIncluded(hash));
        }
        if ancestors.iter().any(|ancestor| ancestor.hash == hash) {
            return Err(BlockError::OmmerIsAncestor(hash));
        }
        // The first ancestor is the block's own parent: a sibling of the block is no ommer of it.
        let parent = ancestors.iter().skip(1).find(|ancestor| ancestor.hash == ommer.parent_hash);
        let parent = parent.ok_or(BlockError::OmmerNotKin(hash))?;
        let fork = spec.fork(ommer.number, ommer.timestamp, false);
        header::check_child(spec, fork, ommer, parent.header)
            .map_err(|reason| BlockError::OmmerInvalid { hash, reason: Box::new(reason) })?;
        seen.push(hash);
    }
    Ok(())
}
