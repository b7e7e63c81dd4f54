//! Integers of a diff: LEB128 for counts, length and big-endian bytes for words. Each value has one form.

use alloc::vec::Vec;

use alloy_primitives::U256;

use super::DiffError;

pub fn write_count(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub fn write_word(out: &mut Vec<u8>, value: U256) {
    let bytes = value.to_be_bytes::<32>();
    let trimmed = &bytes[value.leading_zeros() / 8..];
    out.push(trimmed.len() as u8);
    out.extend_from_slice(trimmed);
}

/// What is left of the bytes that are read.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], DiffError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(DiffError::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    pub fn byte(&mut self) -> Result<u8, DiffError> {
        Ok(self.take(1)?[0])
    }

    pub fn count(&mut self) -> Result<u64, DiffError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if (part << shift) >> shift != part {
                return Err(DiffError::NumberTooLarge);
            }
            value |= part << shift;
            if byte < 0x80 {
                return if byte == 0 && shift > 0 { Err(DiffError::NotShortest) } else { Ok(value) };
            }
        }
        Err(DiffError::NumberTooLarge)
    }

    /// A count of things that take at least `least` bytes each: more than fit are refused before memory is taken.
    pub fn length(&mut self, least: usize) -> Result<usize, DiffError> {
        let count = usize::try_from(self.count()?).map_err(|_| DiffError::NumberTooLarge)?;
        if count.saturating_mul(least) > self.0.len() { Err(DiffError::Truncated) } else { Ok(count) }
    }

    pub fn word(&mut self) -> Result<U256, DiffError> {
        let length = self.byte()?;
        let bytes = self.take(length.into())?;
        if bytes.first() == Some(&0) {
            return Err(DiffError::NotShortest);
        }
        U256::try_from_be_slice(bytes).ok_or(DiffError::NumberTooLarge)
    }
}
