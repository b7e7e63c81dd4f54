//! Values that more than one table or caller shares, and their bytes.

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256};
use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable};
use alloy_trie::{EMPTY_ROOT_HASH, TrieAccount};

use crate::StateError;

/// An account as the flat table holds it: what the trie's leaf says, and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlatAccount {
    pub nonce: u64,
    pub balance: U256,
    pub code_hash: B256,
    pub storage_root: B256,
    pub address: Address,
}

const HAS_CODE: u8 = 1;
const HAS_STORAGE: u8 = 2;

impl FlatAccount {
    /// An account with nothing in it.
    pub fn empty(address: Address) -> Self {
        Self { nonce: 0, balance: U256::ZERO, code_hash: KECCAK256_EMPTY, storage_root: EMPTY_ROOT_HASH, address }
    }

    /// The value of its leaf in the state trie.
    pub fn leaf(&self) -> Vec<u8> {
        let Self { nonce, balance, code_hash, storage_root, .. } = *self;
        let mut rlp = Vec::with_capacity(112);
        TrieAccount { nonce, balance, storage_root, code_hash }.encode(&mut rlp);
        rlp
    }

    /// Flags, lengths of nonce and balance, address, nonce, balance, then the hashes that are not the empty ones.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let nonce = self.nonce.to_be_bytes();
        let nonce = &nonce[self.nonce.leading_zeros() as usize / 8..];
        let balance: [u8; 32] = self.balance.to_be_bytes();
        let balance = &balance[self.balance.leading_zeros() / 8..];
        let (code, storage) = (self.code_hash != KECCAK256_EMPTY, self.storage_root != EMPTY_ROOT_HASH);
        out.push((code as u8 * HAS_CODE) | (storage as u8 * HAS_STORAGE));
        out.extend([nonce.len() as u8, balance.len() as u8]);
        out.extend_from_slice(self.address.as_slice());
        out.extend_from_slice(nonce);
        out.extend_from_slice(balance);
        if code {
            out.extend_from_slice(self.code_hash.as_slice());
        }
        if storage {
            out.extend_from_slice(self.storage_root.as_slice());
        }
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        Self::parse(bytes).ok_or_else(|| StateError::corrupt(format!("account record of {} bytes", bytes.len())))
    }

    fn parse(mut bytes: &[u8]) -> Option<Self> {
        let [flags, nonce, balance] = *bytes.split_off(..3)? else { return None };
        let address = Address::from_slice(bytes.split_off(..20)?);
        let nonce = number(bytes.split_off(..nonce as usize)?)?;
        let balance = U256::try_from_be_slice(bytes.split_off(..balance as usize)?)?;
        let mut account = Self { nonce, balance, ..Self::empty(address) };
        if flags & HAS_CODE != 0 {
            account.code_hash = B256::from_slice(bytes.split_off(..32)?);
        }
        if flags & HAS_STORAGE != 0 {
            account.storage_root = B256::from_slice(bytes.split_off(..32)?);
        }
        bytes.is_empty().then_some(account)
    }
}

fn number(bytes: &[u8]) -> Option<u64> {
    (bytes.len() <= 8).then(|| bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte)))
}

/// An account or nothing: nothing is no bytes.
pub(crate) fn encode_account(account: Option<&FlatAccount>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(56);
    if let Some(account) = account {
        account.encode(&mut bytes);
    }
    bytes
}

/// The inverse of [`encode_account`].
pub(crate) fn decode_account(bytes: &[u8]) -> Result<Option<FlatAccount>, StateError> {
    if bytes.is_empty() { Ok(None) } else { FlatAccount::decode(bytes).map(Some) }
}

/// A slot's value without its leading zeros; zero is no bytes.
pub(crate) fn slot_value(value: &U256) -> ([u8; 32], usize) {
    (value.to_be_bytes(), value.leading_zeros() / 8)
}

/// The inverse of [`slot_value`].
pub(crate) fn decode_slot(bytes: &[u8]) -> Result<U256, StateError> {
    U256::try_from_be_slice(bytes).ok_or_else(|| StateError::corrupt(format!("storage value of {} bytes", bytes.len())))
}

/// A block by number and hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlockRef {
    pub number: u64,
    pub hash: B256,
}

impl BlockRef {
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        match bytes.len() {
            40 => Ok(Self { number: crate::keys::leading_number(bytes), hash: B256::from_slice(&bytes[8..]) }),
            other => Err(StateError::corrupt(format!("block pointer of {other} bytes"))),
        }
    }
}

/// A block that failed, kept for whoever asks why.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct BadBlock {
    pub number: u64,
    pub hash: B256,
    /// The whole block.
    pub rlp: Bytes,
    pub reason: String,
}

impl BadBlock {
    pub(crate) fn from_bytes(mut bytes: &[u8]) -> Result<Self, StateError> {
        Self::decode(&mut bytes).map_err(|error| StateError::corrupt(format!("bad block: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_come_back_as_they_were() {
        let plain = FlatAccount::empty(Address::repeat_byte(7));
        let contract = FlatAccount {
            nonce: u64::MAX,
            balance: U256::MAX,
            code_hash: B256::repeat_byte(1),
            storage_root: B256::repeat_byte(2),
            ..plain
        };
        for account in [plain, contract, FlatAccount { nonce: 1, balance: U256::from(256), ..plain }] {
            assert_eq!(decode_account(&encode_account(Some(&account))).unwrap(), Some(account));
        }
        assert_eq!(encode_account(Some(&plain)).len(), 23);
        assert_eq!(decode_account(&encode_account(None)).unwrap(), None);
    }

    #[test]
    fn damaged_records_are_refused() {
        let bytes = encode_account(Some(&FlatAccount::empty(Address::ZERO)));
        for cut in 1..bytes.len() {
            assert!(matches!(FlatAccount::decode(&bytes[..cut]), Err(StateError::Corrupt(_))));
        }
        assert!(decode_slot(&[1; 33]).is_err());
        assert!(BlockRef::decode(&[0; 39]).is_err());
    }
}
