//! Records of the database, read in place.
//!
//! A stored block is RLP, and an answer is the same bytes in another order and in hexadecimal. These views walk the RLP
//! and lend slices of it: no field becomes an integer or an allocation unless an answer computes with it.

mod body;
mod receipt;
mod transaction;

pub use body::Body;
pub use receipt::{Log, Outcome, Receipt, Receipts};
pub use transaction::{ACCESS_LIST, BLOB, DYNAMIC_FEE, PRIVILEGED, SET_CODE, Transaction};

use alloy_rlp::{Error, Header, Result};

/// One RLP item.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    pub list: bool,
    pub payload: &'a [u8],
    /// Header and payload.
    pub whole: &'a [u8],
}

impl<'a> Item<'a> {
    /// Take one item from the front of `rest`.
    pub fn take(rest: &mut &'a [u8]) -> Result<Self> {
        let start = *rest;
        let header = Header::decode(rest)?;
        if rest.len() < header.payload_length {
            return Err(Error::InputTooShort);
        }
        let (payload, after) = rest.split_at(header.payload_length);
        *rest = after;
        Ok(Self { list: header.list, payload, whole: &start[..start.len() - after.len()] })
    }

    /// The items of a list.
    pub fn items(self) -> Result<Items<'a>> {
        if self.list { Ok(Items(self.payload)) } else { Err(Error::UnexpectedString) }
    }

    /// The bytes of a string.
    pub fn bytes(self) -> Result<&'a [u8]> {
        if self.list { Err(Error::UnexpectedList) } else { Ok(self.payload) }
    }

    /// The bytes of a string of one length.
    pub fn fixed<const N: usize>(self) -> Result<&'a [u8; N]> {
        self.bytes()?.try_into().map_err(|_| Error::UnexpectedLength)
    }
}

/// The items in a list, one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Items<'a>(&'a [u8]);

impl<'a> Items<'a> {
    /// The items of a record that is one list.
    pub fn of(record: &'a [u8]) -> Result<Self> {
        let mut rest = record;
        let item = Item::take(&mut rest)?;
        if rest.is_empty() { item.items() } else { Err(Error::UnexpectedLength) }
    }

    /// The next item, which must be there.
    pub fn expect(&mut self) -> Result<Item<'a>> {
        Item::take(&mut self.0)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes of what is left.
    pub fn payload_length(&self) -> usize {
        self.0.len()
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Result<Item<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let item = Item::take(&mut self.0);
        if item.is_err() {
            self.0 = &[];
        }
        Some(item)
    }
}

/// A big-endian integer; one of more than 64 bits counts as the largest.
pub fn integer_64(bytes: &[u8]) -> u64 {
    u64::try_from(integer_128(bytes)).unwrap_or(u64::MAX)
}

/// A big-endian integer; one of more than 128 bits counts as the largest. (A fee above that cannot be paid.)
pub fn integer_128(bytes: &[u8]) -> u128 {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let digits = &bytes[zeros..];
    if digits.len() > 16 {
        return u128::MAX;
    }
    digits.iter().fold(0, |value, byte| value << 8 | u128::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_lend_slices_of_the_record() {
        let record = [0xc6, 0x01, 0x82, 0x02, 0x03, 0xc1, 0x80];

        let items: Vec<_> = Items::of(&record).unwrap().map(Result::unwrap).collect();

        assert_eq!(items[0].bytes().unwrap(), [1]);
        assert_eq!((items[1].payload, items[1].whole), (&record[3..5], &record[2..5]));
        assert!(items[2].list && items[2].bytes().is_err() && items[1].items().is_err());
    }

    #[test]
    fn a_record_that_is_cut_short_is_an_error() {
        assert!(Items::of(&[0xc6, 0x01]).is_err());
        assert!(Items::of(&[0xc1, 0x01, 0x01]).is_err());
        let mut broken = Items(&[0x82, 0x01]);
        assert!(broken.next().unwrap().is_err());
        assert!(broken.next().is_none());
    }

    #[test]
    fn integers_that_do_not_fit_count_as_the_largest() {
        assert_eq!(integer_64(&[]), 0);
        assert_eq!(integer_64(&[0, 1, 0]), 256);
        assert_eq!(integer_64(&[1; 9]), u64::MAX);
        assert_eq!(integer_128(&[1; 17]), u128::MAX);
    }
}
