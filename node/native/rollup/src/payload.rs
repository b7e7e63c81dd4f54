//! The bytes that a batch publishes: length ‖ encoding ‖ compression ‖ body, in as many blobs as they need.
//!
//! The length (4 bytes, big endian) counts what follows it; zeros fill the last blob. What a validium's committee keeps
//! has none of these zeros.

use alloc::{borrow::Cow, vec::Vec};

use miniz_oxide::{
    deflate::compress_to_vec,
    inflate::{TINFLStatus, decompress_to_vec_with_limit},
};

use crate::blob::PAYLOAD_BYTES;

/// Bytes before the body.
const HEAD: usize = 6;

/// What a body may unfold to at most: a bound on a prover's memory.
pub const MAX_BODY_BYTES: usize = 32 << 20;

/// Deflate's best; what it costs is small beside making the blobs' commitments.
#[cfg_attr(not(feature = "host"), allow(dead_code))]
const LEVEL: u8 = 9;

/// What the body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Encoding {
    StateDiff = 1,
}

/// How the body is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Compression {
    None = 0,
    Deflate = 1,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    #[error("the payload ends too early")]
    Truncated,
    #[error("encoding {0} is not known")]
    Encoding(u8),
    #[error("compression {0} is not known")]
    Compression(u8),
    #[error("bytes after the payload that are not zero, or more of them than fill a blob")]
    Padding,
    #[error("the body does not unfold, or to more than {MAX_BODY_BYTES} bytes")]
    Body,
}

/// A payload that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload<'a> {
    pub encoding: Encoding,
    pub body: Cow<'a, [u8]>,
}

/// Pack a body: whichever compression is smaller.
pub fn pack(encoding: Encoding, body: &[u8]) -> Vec<u8> {
    let deflated = compress_to_vec(body, LEVEL);
    if deflated.len() < body.len() {
        frame(encoding, Compression::Deflate, &deflated)
    } else {
        frame(encoding, Compression::None, body)
    }
}

/// Say what a packed body is.
pub fn frame(encoding: Encoding, compression: Compression, packed: &[u8]) -> Vec<u8> {
    let length = (HEAD - 4 + packed.len()) as u32;
    let mut out = Vec::with_capacity(HEAD + packed.len());
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&[encoding as u8, compression as u8]);
    out.extend_from_slice(packed);
    out
}

/// Zeros behind a payload, to whole blobs' worth of bytes.
pub fn pad(mut payload: Vec<u8>) -> Vec<u8> {
    payload.resize(payload.len().next_multiple_of(PAYLOAD_BYTES), 0);
    payload
}

/// The payload that [`pad`] padded; other padding is refused.
pub fn unpad(bytes: &[u8]) -> Result<&[u8], PayloadError> {
    let (payload, padding) = split(bytes)?;
    if bytes.len() != payload.len().next_multiple_of(PAYLOAD_BYTES) || padding.iter().any(|byte| *byte != 0) {
        return Err(PayloadError::Padding);
    }
    Ok(payload)
}

/// Read what [`frame`] made; anything else is refused.
pub fn read(bytes: &[u8]) -> Result<Payload<'_>, PayloadError> {
    let (payload, after) = split(bytes)?;
    if !after.is_empty() {
        return Err(PayloadError::Padding);
    }
    let content = payload.get(4..).unwrap_or_default();
    let [encoding, compression, packed @ ..] = content else { return Err(PayloadError::Truncated) };
    let encoding = match encoding {
        1 => Encoding::StateDiff,
        other => return Err(PayloadError::Encoding(*other)),
    };
    let body = match compression {
        0 if packed.len() <= MAX_BODY_BYTES => Cow::Borrowed(packed),
        0 => return Err(PayloadError::Body),
        1 => Cow::Owned(inflate(packed)?),
        other => return Err(PayloadError::Compression(*other)),
    };
    Ok(Payload { encoding, body })
}

/// Where the length says that the payload ends.
fn split(bytes: &[u8]) -> Result<(&[u8], &[u8]), PayloadError> {
    let length = bytes.first_chunk::<4>().ok_or(PayloadError::Truncated)?;
    let end = (u32::from_be_bytes(*length) as usize).checked_add(4).ok_or(PayloadError::Truncated)?;
    bytes.split_at_checked(end).ok_or(PayloadError::Truncated)
}

fn inflate(packed: &[u8]) -> Result<Vec<u8>, PayloadError> {
    decompress_to_vec_with_limit(packed, MAX_BODY_BYTES).map_err(|error| match error.status {
        TINFLStatus::FailedCannotMakeProgress => PayloadError::Truncated,
        _ => PayloadError::Body,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn bodies_of_any_size_come_back() {
        for size in [0, 1, PAYLOAD_BYTES - HEAD, PAYLOAD_BYTES - HEAD + 1, 3 * PAYLOAD_BYTES] {
            let body: Vec<u8> = (0..size).map(|at| (at as u32).wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
            let (packed, framed) =
                (pack(Encoding::StateDiff, &body), frame(Encoding::StateDiff, Compression::None, &body));

            assert_eq!(read(&packed).unwrap().body, body);
            assert_eq!(read(&framed).unwrap().body, body);
            assert_eq!(framed.len(), size + HEAD);
            let padded = pad(framed.clone());
            assert_eq!(padded.len(), (size + HEAD).div_ceil(PAYLOAD_BYTES) * PAYLOAD_BYTES);
            assert_eq!(unpad(&padded), Ok(&framed[..]));
        }
    }

    #[test]
    fn what_repeats_gets_small() {
        let packed = pack(Encoding::StateDiff, &vec![7; 5 * PAYLOAD_BYTES]);

        assert_eq!(pad(packed).len(), PAYLOAD_BYTES);
    }

    #[test]
    fn other_bytes_are_refused() {
        let good = pad(frame(Encoding::StateDiff, Compression::None, b"body"));
        let whole = |bytes: &[u8]| unpad(bytes).and_then(read).map(|_| ());
        let with = |at: usize, byte: u8| {
            let mut other = good.clone();
            other[at] = byte;
            whole(&other)
        };

        assert_eq!(with(4, 2), Err(PayloadError::Encoding(2)));
        assert_eq!(with(5, 2), Err(PayloadError::Compression(2)));
        assert_eq!(with(PAYLOAD_BYTES - 1, 1), Err(PayloadError::Padding));
        assert_eq!(with(3, 3), Err(PayloadError::Padding), "a byte of the body stands behind the length");
        assert_eq!(with(0, 1), Err(PayloadError::Truncated));
        assert_eq!(read(&good).unwrap_err(), PayloadError::Padding);
        assert_eq!(whole(&good[..good.len() - 1]), Err(PayloadError::Padding));
        assert_eq!(whole(&[good, vec![0; PAYLOAD_BYTES]].concat()), Err(PayloadError::Padding));
        assert_eq!(whole(&[]), Err(PayloadError::Truncated));
    }

    #[test]
    fn a_body_that_unfolds_without_end_is_refused() {
        let bomb = compress_to_vec(&vec![0; MAX_BODY_BYTES + 1], LEVEL);

        assert_eq!(read(&frame(Encoding::StateDiff, Compression::Deflate, &bomb)), Err(PayloadError::Body));
        assert!(read(&frame(Encoding::StateDiff, Compression::Deflate, &[0xff; 9])).is_err());
    }
}
