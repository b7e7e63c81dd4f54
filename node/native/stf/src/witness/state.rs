//! The state before a block, read through its tries alone.

use alloc::vec::Vec;

use alloy_primitives::{
    Address, B256, Bytes, U256,
    map::{AddressSet, B256Map, HashSet},
};
use alloy_rlp::Decodable;
use alloy_trie::{EMPTY_ROOT_HASH, TrieAccount};
use revm::{bytecode::Bytecode, state::AccountInfo};

use super::{WitnessError, WitnessSource};
use crate::{AccountBody, Header, StateChanges, StateSource, source::bytecode, tries::StateTries};

/// A [`StateSource`] over a [`WitnessSource`]. It remembers which keys were read.
pub struct TrieState<'a> {
    source: &'a dyn WitnessSource,
    tries: StateTries,
    /// Hashes of the block's ancestors, the parent's first, as far as BLOCKHASH reached.
    ancestors: Vec<B256>,
    parent_number: u64,
    addresses: AddressSet,
    slots: HashSet<U256>,
    /// Codes that blocks before this one have left; no source has them.
    codes: B256Map<Bytes>,
}

/// The header with this hash.
pub(super) fn header(source: &dyn WitnessSource, hash: &B256) -> Result<Header, WitnessError> {
    let bytes = source.header(hash)?.ok_or(WitnessError::Header(*hash))?;
    let mut rest = &bytes[..];
    match Header::decode(&mut rest) {
        Ok(header) if rest.is_empty() => Ok(header),
        _ => Err(WitnessError::Malformed("a header")),
    }
}

impl<'a> TrieState<'a> {
    /// The state after the block `parent`, whose hash is given.
    pub fn new(source: &'a dyn WitnessSource, parent: &Header, parent_hash: B256) -> Self {
        Self {
            source,
            tries: StateTries::from_root(parent.state_root),
            ancestors: [parent_hash].into(),
            parent_number: parent.number,
            addresses: AddressSet::default(),
            slots: HashSet::default(),
            codes: B256Map::default(),
        }
    }

    /// The block with this hash, whose changes were [`Self::apply`]ed, is the parent now.
    pub fn advance(&mut self, hash: B256, changes: &StateChanges) {
        self.ancestors.insert(0, hash);
        self.parent_number += 1;
        self.codes.extend(changes.codes.iter().map(|(hash, code)| (*hash, code.clone())));
    }

    /// Apply what the block changed and give the root.
    pub fn apply(&mut self, changes: &StateChanges) -> Result<B256, WitnessError> {
        Ok(self.tries.apply(changes, self.source)?)
    }

    /// The addresses and slots that were read, sorted.
    pub fn keys(&self) -> Vec<Bytes> {
        let addresses = self.addresses.iter().map(|address| Bytes::from(address.0));
        let slots = self.slots.iter().map(|slot| Bytes::from(slot.to_be_bytes::<32>()));
        let mut keys: Vec<Bytes> = addresses.chain(slots).collect();
        keys.sort_unstable();
        keys
    }

    fn account(&mut self, address: Address) -> Result<Option<TrieAccount>, WitnessError> {
        self.addresses.insert(address);
        Ok(self.tries.account(&address, self.source)?)
    }
}

impl revm::Database for TrieState<'_> {
    type Error = WitnessError;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, WitnessError> {
        let account = self.account(address)?;
        let body =
            account.map(|TrieAccount { nonce, balance, code_hash, .. }| AccountBody { nonce, balance, code_hash });
        Ok(body.map(AccountInfo::from))
    }

    fn code_by_hash(&mut self, hash: B256) -> Result<Bytecode, WitnessError> {
        let code = match self.codes.get(&hash) {
            Some(code) => Some(code.clone()),
            None => self.source.code(&hash)?,
        };
        code.map(bytecode).ok_or(WitnessError::Code(hash))
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, WitnessError> {
        self.addresses.insert(address);
        self.slots.insert(slot);
        Ok(self.tries.slot(&address, &slot, self.source)?)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, WitnessError> {
        let Some(back) = self.parent_number.checked_sub(number) else { return Ok(B256::ZERO) };
        while self.ancestors.len() as u64 <= back {
            let child = self.ancestors[self.ancestors.len() - 1];
            self.ancestors.push(header(self.source, &child)?.parent_hash);
        }
        Ok(self.ancestors[back as usize])
    }
}

impl StateSource for TrieState<'_> {
    fn state_root(&mut self, changes: &StateChanges) -> Result<B256, WitnessError> {
        Ok(self.tries.root_with(changes, self.source)?)
    }

    fn has_storage(&mut self, address: Address) -> Result<bool, WitnessError> {
        Ok(self.account(address)?.is_some_and(|account| account.storage_root != EMPTY_ROOT_HASH))
    }
}
