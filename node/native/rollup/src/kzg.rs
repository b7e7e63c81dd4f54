//! Commitments to blobs and proofs of their openings, on all cores.
//!
//! A commitment is one sum over the elements, so that parts of it are made side by side and added; c-kzg makes each of
//! them on one core. The proof of an opening is the commitment to a quotient (EIP-4844).

use alloy_primitives::B256;
use blst::min_pk::AggregatePublicKey;
use c_kzg::{Blob, KzgSettings};
use rayon::prelude::*;

use crate::{ProgramError, blob::ELEMENTS};

/// No tables beforehand: they only make cell proofs faster.
const PRECOMPUTE: u64 = 0;

const ELEMENT_BYTES: usize = 32;
const BLOB_BYTES: usize = ELEMENT_BYTES * ELEMENTS;

/// A blob is cut into as many parts as there are cores, up to this: the work that each part has beside its sum grows.
const MOST_PARTS: usize = 4;

/// The commitment to a whole blob.
pub fn commit(blob: &[u8]) -> Result<[u8; 48], ProgramError> {
    let parts = rayon::current_num_threads().clamp(1, MOST_PARTS);
    let commitments: Vec<[u8; 48]> =
        (0..parts).into_par_iter().map(|part| commit_part(blob, part, parts)).collect::<Result<_, _>>()?;
    sum(&commitments)
}

/// The proof that a blob opens at z, on one core.
pub fn prove(blob: &[u8], z: B256) -> Result<[u8; 48], ProgramError> {
    let blob = Blob::from_bytes(blob).map_err(failed)?;
    let (proof, _) = settings().compute_kzg_proof(&blob, &z.0.into()).map_err(failed)?;
    Ok(proof.to_bytes().into_inner())
}

/// To each `parts`-th element, with zeros between them: the end of a blob may be empty, and its parts are to weigh the same.
fn commit_part(blob: &[u8], part: usize, parts: usize) -> Result<[u8; 48], ProgramError> {
    let mut bytes = vec![0; BLOB_BYTES];
    for (at, element) in blob.chunks(ELEMENT_BYTES).enumerate().skip(part).step_by(parts) {
        bytes[at * ELEMENT_BYTES..][..ELEMENT_BYTES].copy_from_slice(element);
    }
    let blob = Blob::from_bytes(&bytes).map_err(failed)?;
    Ok(settings().blob_to_kzg_commitment(&blob).map_err(failed)?.to_bytes().into_inner())
}

/// Of points of G1, compressed; a key of a signature scheme is such a point too.
fn sum(points: &[[u8; 48]]) -> Result<[u8; 48], ProgramError> {
    let points: Vec<&[u8]> = points.iter().map(<[u8; 48]>::as_slice).collect();
    let sum = AggregatePublicKey::aggregate_serialized(&points, false).map_err(failed)?;
    Ok(sum.to_public_key().compress())
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
    use crate::blob;

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
