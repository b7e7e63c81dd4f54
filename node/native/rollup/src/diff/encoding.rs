//! A diff as bytes. Like stands beside like (all addresses, then all flags, ...), so that a codec finds what repeats.

use alloc::{collections::BTreeMap, vec::Vec};

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_rlp::{Decodable, Encodable};
use stf::Header;

use super::{
    AccountDiff, CodeDiff, Diff,
    bytes::{Reader, write_count, write_word},
};

const BALANCE: u8 = 1;
const NONCE: u8 = 2;
const SLOTS: u8 = 4;
const NEW_CODE: u8 = 8;
const KNOWN_CODE: u8 = 16;
const ALL: u8 = BALANCE | NONCE | SLOTS | NEW_CODE | KNOWN_CODE;

/// Bytes that are not a diff, or not its one form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiffError {
    #[error("the diff ends too early")]
    Truncated,
    #[error("{0} bytes after the diff")]
    TrailingBytes(usize),
    #[error("a number that is too large")]
    NumberTooLarge,
    #[error("a number that is not in its shortest form")]
    NotShortest,
    #[error("not a header")]
    Header,
    #[error("flags {0:#x}")]
    Flags(u8),
    #[error("{0} out of order")]
    OutOfOrder(&'static str),
    #[error("a change that changes nothing")]
    Empty,
}

impl Diff {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(600 + 40 * self.accounts.len());
        write_count(&mut out, self.header.length() as u64);
        self.header.encode(&mut out);
        write_count(&mut out, self.accounts.len() as u64);
        self.accounts.keys().for_each(|address| out.extend_from_slice(&address[..]));
        let accounts = || self.accounts.values();
        out.extend(accounts().map(flags));
        accounts().filter_map(|account| account.balance).for_each(|balance| write_word(&mut out, balance));
        accounts().map(|account| account.nonce_increase).filter(|increase| *increase > 0).for_each(|increase| {
            write_count(&mut out, increase);
        });
        self.encode_slots(&mut out);
        for code in accounts().filter_map(|account| account.code.as_ref()) {
            match code {
                CodeDiff::New(code) => {
                    write_count(&mut out, code.len() as u64);
                    out.extend_from_slice(code);
                }
                CodeDiff::Known(hash) => out.extend_from_slice(&hash[..]),
            }
        }
        write_count(&mut out, self.messages.len() as u64);
        self.messages.iter().for_each(|leaf| out.extend_from_slice(&leaf[..]));
        // Messages to other rollups: none yet.
        write_count(&mut out, 0);
        out
    }

    fn encode_slots(&self, out: &mut Vec<u8>) {
        let with_slots = || self.accounts.values().map(|account| &account.slots).filter(|slots| !slots.is_empty());
        with_slots().for_each(|slots| write_count(out, slots.len() as u64));
        with_slots().flat_map(|slots| slots.keys()).for_each(|key| write_word(out, *key));
        with_slots().flat_map(|slots| slots.values()).for_each(|value| write_word(out, *value));
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, DiffError> {
        let mut reader = Reader(bytes);
        let length = reader.length(1)?;
        let header = decode_header(reader.take(length)?)?;
        let (addresses, flags) = decode_addresses(&mut reader)?;
        let accounts = decode_accounts(&mut reader, &flags)?;
        let count = reader.length(32)?;
        let messages = (0..count).map(|_| Ok(B256::from_slice(reader.take(32)?))).collect::<Result<_, _>>()?;
        if reader.length(1)? != 0 {
            return Err(DiffError::Flags(0));
        }
        if !reader.0.is_empty() {
            return Err(DiffError::TrailingBytes(reader.0.len()));
        }
        Ok(Self { header, accounts: addresses.into_iter().zip(accounts).collect(), messages })
    }
}

fn flags(account: &AccountDiff) -> u8 {
    let of = |present: bool, flag: u8| if present { flag } else { 0 };
    of(account.balance.is_some(), BALANCE)
        | of(account.nonce_increase > 0, NONCE)
        | of(!account.slots.is_empty(), SLOTS)
        | of(matches!(account.code, Some(CodeDiff::New(_))), NEW_CODE)
        | of(matches!(account.code, Some(CodeDiff::Known(_))), KNOWN_CODE)
}

fn decode_header(mut bytes: &[u8]) -> Result<Header, DiffError> {
    let whole = bytes;
    let header = Header::decode(&mut bytes).map_err(|_| DiffError::Header)?;
    let is_canonical = bytes.is_empty() && alloy_rlp::encode(&header) == whole;
    if is_canonical { Ok(header) } else { Err(DiffError::Header) }
}

fn decode_addresses(reader: &mut Reader<'_>) -> Result<(Vec<Address>, Vec<u8>), DiffError> {
    let count = reader.length(21)?;
    let addresses: Vec<Address> = reader.take(20 * count)?.chunks(20).map(Address::from_slice).collect();
    if !addresses.is_sorted_by(|a, b| a < b) {
        return Err(DiffError::OutOfOrder("addresses"));
    }
    let flags = reader.take(count)?.to_vec();
    match flags.iter().find(|flags| **flags == 0 || **flags & !ALL != 0 || **flags & 24 == 24) {
        Some(0) => Err(DiffError::Empty),
        Some(flags) => Err(DiffError::Flags(*flags)),
        None => Ok((addresses, flags)),
    }
}

fn decode_accounts(reader: &mut Reader<'_>, flags: &[u8]) -> Result<Vec<AccountDiff>, DiffError> {
    let mut accounts = alloc::vec![AccountDiff::default(); flags.len()];
    let with = |flag: u8| (0..flags.len()).filter(move |at| flags[*at] & flag != 0);
    for at in with(BALANCE) {
        accounts[at].balance = Some(reader.word()?);
    }
    for at in with(NONCE) {
        accounts[at].nonce_increase = reader.count()?;
        if accounts[at].nonce_increase == 0 {
            return Err(DiffError::Empty);
        }
    }
    let counts: Vec<(usize, usize)> =
        with(SLOTS).map(|at| Ok((at, reader.length(2)?))).collect::<Result<_, DiffError>>()?;
    let keys: Vec<Vec<U256>> = counts.iter().map(|(_, count)| decode_keys(reader, *count)).collect::<Result<_, _>>()?;
    for ((at, _), keys) in counts.iter().zip(keys) {
        let slots = keys.into_iter().map(|key| Ok((key, reader.word()?)));
        accounts[*at].slots = slots.collect::<Result<BTreeMap<_, _>, DiffError>>()?;
    }
    for at in with(NEW_CODE | KNOWN_CODE) {
        accounts[at].code = Some(if flags[at] & NEW_CODE != 0 {
            let length = reader.length(1)?;
            CodeDiff::New(Bytes::copy_from_slice(reader.take(length)?))
        } else {
            CodeDiff::Known(B256::from_slice(reader.take(32)?))
        });
    }
    Ok(accounts)
}

fn decode_keys(reader: &mut Reader<'_>, count: usize) -> Result<Vec<U256>, DiffError> {
    if count == 0 {
        return Err(DiffError::Empty);
    }
    // The counts of all accounts come first, so that their sum is not held against what is left: this one is.
    if count > reader.0.len() {
        return Err(DiffError::Truncated);
    }
    let keys: Vec<U256> = (0..count).map(|_| reader.word()).collect::<Result<_, _>>()?;
    if keys.is_sorted_by(|a, b| a < b) { Ok(keys) } else { Err(DiffError::OutOfOrder("slots")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % limit
        }

        fn word(&mut self) -> U256 {
            let shift = self.below(33) as usize * 8;
            if shift == 256 { U256::ZERO } else { U256::from_be_bytes([self.below(256) as u8 | 1; 32]) >> shift }
        }

        fn account(&mut self) -> AccountDiff {
            let code = match self.below(4) {
                0 => Some(CodeDiff::New(alloc::vec![7; self.below(300) as usize].into())),
                1 => Some(CodeDiff::Known(B256::from(self.word()))),
                _ => None,
            };
            AccountDiff {
                balance: (self.below(3) > 0).then(|| self.word()),
                nonce_increase: 1 + self.below(400),
                code,
                slots: (0..self.below(5)).map(|_| (self.word(), self.word())).collect(),
            }
        }

        fn diff(&mut self) -> Diff {
            let header =
                Header { number: self.below(1 << 30), extra_data: alloc::vec![1; 17].into(), ..Default::default() };
            Diff {
                header,
                accounts: (0..self.below(12))
                    .map(|_| (Address::from_word(B256::from(self.word())), self.account()))
                    .collect(),
                messages: (0..self.below(4)).map(|_| B256::from(self.word())).collect(),
            }
        }
    }

    #[test]
    fn what_is_encoded_decodes_to_the_same() {
        let random = &mut Random(1);
        for _ in 0..500 {
            let diff = random.diff();

            assert_eq!(Diff::decode(&diff.encode()), Ok(diff));
        }
    }

    #[test]
    fn whatever_decodes_has_this_one_encoding() {
        let random = &mut Random(2);
        let (mut refused, mut taken) = (0, 0);
        for _ in 0..300 {
            let encoded = random.diff().encode();
            for _ in 0..40 {
                let mut other = encoded.clone();
                match random.below(3) {
                    0 => other[random.below(encoded.len() as u64) as usize] ^= 1 << random.below(8),
                    1 => other.truncate(random.below(encoded.len() as u64) as usize),
                    _ => other.insert(random.below(encoded.len() as u64) as usize, random.below(256) as u8),
                }
                match Diff::decode(&other) {
                    Ok(diff) => {
                        taken += 1;
                        assert_eq!(diff.encode(), other);
                    }
                    Err(_) => refused += 1,
                }
            }
        }
        assert!(refused > 5_000 && taken > 100, "{refused} refused, {taken} taken");
    }

    #[test]
    fn a_count_that_no_bytes_stand_behind_takes_no_memory() {
        let mut bytes = Vec::new();
        let header = alloy_rlp::encode(Header::default());
        write_count(&mut bytes, header.len() as u64);
        bytes.extend_from_slice(&header);
        write_count(&mut bytes, u64::MAX);

        assert_eq!(Diff::decode(&bytes), Err(DiffError::Truncated));
    }
}
