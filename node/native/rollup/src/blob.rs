//! Payload bytes as the polynomials of blobs, and their value at a point that nobody chooses.
//!
//! L1 knows a blob by its versioned hash alone. That the bytes which the program knows are those of the blob is shown at
//! one point: z comes from both, the program computes y = p(z) from the bytes, and L1 has the precompile open the
//! commitment at z to y. No commitment is computed in the program.

use alloc::vec::Vec;

use alloy_primitives::{B256, keccak256};
use ark_bls12_381::Fr;
use ark_ff::{BigInteger, FftField, Field, One, PrimeField, Zero, batch_inversion};

use crate::words::{joined, number};

/// Field elements of a blob.
pub const ELEMENTS: usize = 4_096;

/// Payload bytes of an element: its first byte is zero, so that every element lies below the field's order.
const BYTES_PER_ELEMENT: usize = 31;

/// Payload bytes of a blob.
pub const PAYLOAD_BYTES: usize = ELEMENTS * BYTES_PER_ELEMENT;

/// How a chain publishes; fixed on L1 for its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Mode {
    #[default]
    Rollup = 0,
    Validium = 1,
}

/// A blob opened at the point that its hash and bytes give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    pub versioned_hash: B256,
    pub z: B256,
    pub y: B256,
}

/// The point and the value there, of a blob with this hash that is said to hold this chunk of [`PAYLOAD_BYTES`].
pub fn open(versioned_hash: B256, chunk: &[u8]) -> Opening {
    let digest = keccak256([versioned_hash, keccak256(chunk)].concat());
    let z = Fr::from_be_bytes_mod_order(&digest[..]);
    Opening { versioned_hash, z: bytes(z), y: bytes(evaluate(chunk, z)) }
}

/// keccak(abi.encode(mode, n, (versionedHash, z, y)[])) of a rollup.
pub fn data_hash(openings: &[Opening]) -> B256 {
    let count = number(openings.len() as u64);
    // Mode, count, the place of the array (after three words), its length, its elements.
    let head = [number(Mode::Rollup as u64), count, number(3 * 32), count];
    let items = openings.iter().flat_map(|opening| [opening.versioned_hash, opening.z, opening.y]);
    keccak256(joined(head.into_iter().chain(items)))
}

/// keccak(abi.encode(mode, pointer, digest)) of a validium: others keep the payload, `pointer` is what they find it by
/// besides its digest, which is its keccak.
pub fn kept_hash(pointer: B256, payload: &[u8]) -> B256 {
    keccak256(joined([number(Mode::Validium as u64), pointer, keccak256(payload)]))
}

/// The blob that holds a chunk.
pub fn pack(chunk: &[u8]) -> Vec<u8> {
    let mut blob = Vec::with_capacity(32 * ELEMENTS);
    for element in chunk.chunks(BYTES_PER_ELEMENT) {
        blob.push(0);
        blob.extend_from_slice(element);
        blob.resize(blob.len().next_multiple_of(32), 0);
    }
    blob.resize(32 * ELEMENTS, 0);
    blob
}

/// The chunk that a blob holds; `None` where an element is too large to hold payload.
pub fn unpack(blob: &[u8]) -> Option<Vec<u8>> {
    let mut chunk = Vec::with_capacity(PAYLOAD_BYTES);
    for element in blob.chunks(32) {
        let (0, bytes) = element.split_first().map(|(first, rest)| (*first, rest))? else { return None };
        chunk.extend_from_slice(bytes);
    }
    (chunk.len() == PAYLOAD_BYTES).then_some(chunk)
}

/// p(z), by the barycentric formula over the roots of unity: (z^n - 1) / n * sum of f_i w_i / (z - w_i).
fn evaluate(chunk: &[u8], z: Fr) -> Fr {
    let roots = roots();
    let values = chunk.chunks(BYTES_PER_ELEMENT).map(element);
    if let Some(at) = roots.iter().position(|root| *root == z) {
        return values.into_iter().nth(at).unwrap_or_default();
    }
    let mut inverses: Vec<Fr> = roots.iter().map(|root| z - root).collect();
    batch_inversion(&mut inverses);
    let terms = values.zip(&roots).zip(&inverses);
    let sum: Fr = terms.fold(Fr::zero(), |sum, ((value, root), inverse)| sum + value * root * inverse);
    let order = Fr::from(ELEMENTS as u64);
    let scale = (z.pow([ELEMENTS as u64]) - Fr::one()) * order.inverse().unwrap_or_default();
    sum * scale
}

/// (p(x) - y) / (x - z) at each root of unity, as the elements of a blob: what the proof of an opening commits to. `None` where
/// z is one of the roots.
#[cfg(feature = "host")]
pub fn quotient(chunk: &[u8], z: B256, y: B256) -> Option<Vec<u8>> {
    let [z, y] = [z, y].map(|word| Fr::from_be_bytes_mod_order(&word[..]));
    let mut inverses: Vec<Fr> = roots().iter().map(|root| root - &z).collect();
    if inverses.iter().any(Zero::is_zero) {
        return None;
    }
    batch_inversion(&mut inverses);
    let values = chunk.chunks(BYTES_PER_ELEMENT).map(element).chain(core::iter::repeat(Fr::zero()));
    Some(values.zip(inverses).flat_map(|(value, inverse)| bytes((value - y) * inverse).0).collect())
}

fn element(bytes: &[u8]) -> Fr {
    let mut word = [0; BYTES_PER_ELEMENT];
    word[..bytes.len()].copy_from_slice(bytes);
    Fr::from_be_bytes_mod_order(&word)
}

/// The roots of unity in bit-reversed order, as EIP-4844 lays values out.
fn roots() -> Vec<Fr> {
    let generator = Fr::get_root_of_unity(ELEMENTS as u64).unwrap_or_default();
    let mut powers = Vec::with_capacity(ELEMENTS);
    let mut power = Fr::one();
    for _ in 0..ELEMENTS {
        powers.push(power);
        power *= generator;
    }
    (0..ELEMENTS).map(|at| powers[bit_reversed(at)]).collect()
}

/// Which power of the generator belongs to an element; its own inverse.
pub(crate) fn bit_reversed(at: usize) -> usize {
    at.reverse_bits() >> (usize::BITS - ELEMENTS.ilog2())
}

fn bytes(value: Fr) -> B256 {
    B256::from_slice(&value.into_bigint().to_bytes_be())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(seed: u32) -> Vec<u8> {
        (0..PAYLOAD_BYTES as u32).map(|at| (at ^ seed).wrapping_mul(2_654_435_761).to_be_bytes()[1]).collect()
    }

    #[test]
    fn chunks_come_back_out_of_their_blobs() {
        let blob = pack(&chunk(1));

        assert_eq!(blob.len(), 131_072);
        assert_eq!(unpack(&blob), Some(chunk(1)));
        let mut large = blob;
        large[32] = 1;
        assert_eq!(unpack(&large), None);
    }

    #[test]
    fn at_a_root_of_unity_the_value_is_the_element() {
        for at in [0, 1, 4_095] {
            let expected = element(&chunk(3)[31 * at..31 * (at + 1)]);

            assert_eq!(evaluate(&chunk(3), roots()[at]), expected, "{at}");
        }
    }

    #[test]
    fn the_point_binds_hash_and_bytes() {
        let (hash, other) = (B256::repeat_byte(1), B256::repeat_byte(2));

        assert_ne!(open(hash, &chunk(1)).z, open(other, &chunk(1)).z);
        assert_ne!(open(hash, &chunk(1)).z, open(hash, &chunk(2)).z);
    }

    #[cfg(feature = "host")]
    #[test]
    fn c_kzg_gives_the_same_value() {
        let settings = c_kzg::ethereum_kzg_settings(0);
        for seed in 0..3 {
            let opening = open(B256::repeat_byte(seed), &chunk(seed.into()));
            let blob = c_kzg::Blob::from_bytes(&pack(&chunk(seed.into()))).unwrap();

            let (_, y) = settings.compute_kzg_proof(&blob, &opening.z.0.into()).unwrap();

            assert_eq!(y.as_slice(), &opening.y[..]);
        }
    }
}
