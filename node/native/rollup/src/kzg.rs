//! Commitments to blobs and proofs of their openings, on all cores.
//!
//! A commitment is one sum of points, an element of the blob times its point of the trusted set-up. c-kzg makes it on one
//! core, blst's sum uses all. The proof of an opening is the commitment to a quotient (EIP-4844).

use std::sync::OnceLock;

use alloy_primitives::B256;
use blst::{
    MultiPoint, blst_p1_affine,
    min_pk::{AggregatePublicKey, PublicKey},
};
use c_kzg::{Blob, KzgSettings};
use rayon::prelude::*;

use crate::{
    ProgramError,
    blob::{self, ELEMENTS},
};

/// No tables beforehand: they only make cell proofs faster.
const PRECOMPUTE: u64 = 0;

/// The points of Ethereum's trusted set-up in G1, in Lagrange form and in the order of the roots' powers, compressed. c-kzg has
/// the same, and keeps it to itself.
const POINTS: &[u8; POINT_BYTES * ELEMENTS] = include_bytes!("g1_lagrange.bin");

const POINT_BYTES: usize = 48;
const ELEMENT_BYTES: usize = 32;
const ELEMENT_BITS: usize = 255;

/// The commitment to a whole blob, each of whose elements is below the field's order.
pub fn commit(blob: &[u8]) -> Result<[u8; POINT_BYTES], ProgramError> {
    let used = blob.iter().rposition(|byte| *byte != 0).map_or(1, |last| last / ELEMENT_BYTES + 1);
    let (Some(points), Some(elements)) = (points().get(..used), blob.get(..used * ELEMENT_BYTES)) else {
        return Err(failed(()));
    };
    let little_endian: Vec<u8> =
        elements.chunks(ELEMENT_BYTES).flat_map(|element| element.iter().rev().copied()).collect();
    let sum = points.mult(&little_endian, ELEMENT_BITS);
    Ok(AggregatePublicKey::from(sum).to_public_key().compress()) // a key of a signature scheme is such a point too
}

/// The proof that a blob opens at z, on one core.
pub fn prove(blob: &[u8], z: B256) -> Result<[u8; POINT_BYTES], ProgramError> {
    let blob = Blob::from_bytes(blob).map_err(failed)?;
    let (proof, _) = settings().compute_kzg_proof(&blob, &z.0.into()).map_err(failed)?;
    Ok(proof.to_bytes().into_inner())
}

/// In the order of a blob's elements, which is the bit-reversed one.
fn points() -> &'static [blst_p1_affine] {
    static READ: OnceLock<Vec<blst_p1_affine>> = OnceLock::new();
    READ.get_or_init(|| {
        let read: Vec<blst_p1_affine> = POINTS
            .par_chunks(POINT_BYTES)
            .map(|point| PublicKey::uncompress(point).unwrap_or_default().into())
            .collect();
        (0..ELEMENTS).map(|at| read[blob::bit_reversed(at)]).collect()
    })
}

fn settings() -> &'static KzgSettings {
    c_kzg::ethereum_kzg_settings(PRECOMPUTE)
}

fn failed<E>(_: E) -> ProgramError {
    ProgramError::Input("no commitment can be made of a blob")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(blob: &[u8]) -> [u8; 48] {
        let blob = Blob::from_bytes(blob).unwrap();
        settings().blob_to_kzg_commitment(&blob).unwrap().to_bytes().into_inner()
    }

    fn chunks() -> impl Iterator<Item = Vec<u8>> {
        let lengths = [0, 1, 31, 40_000, blob::PAYLOAD_BYTES / 2, blob::PAYLOAD_BYTES];
        lengths
            .into_iter()
            .map(|length| (0..length as u32).map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes()[1]).collect())
    }

    #[test]
    fn parts_sum_up_to_the_commitment_that_c_kzg_makes_of_the_whole() {
        for chunk in chunks() {
            let blob = blob::pack(&chunk);

            assert_eq!(commit(&blob).unwrap(), whole(&blob), "{} bytes", chunk.len());
        }
    }

    #[test]
    fn the_commitment_to_the_quotient_is_the_proof_that_c_kzg_makes() {
        for chunk in chunks() {
            let opening = blob::open(B256::repeat_byte(7), &chunk);
            let quotient = blob::quotient(&chunk, opening.z, opening.y).unwrap();

            assert_eq!(
                commit(&quotient).unwrap(),
                prove(&blob::pack(&chunk), opening.z).unwrap(),
                "{} bytes",
                chunk.len()
            );
        }
    }

    #[test]
    fn at_a_root_of_unity_there_is_no_quotient() {
        let one = B256::with_last_byte(1);

        assert_eq!(blob::quotient(&[1, 2, 3], one, B256::ZERO), None);
    }
}
