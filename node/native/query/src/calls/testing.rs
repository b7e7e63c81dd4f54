//! A state in maps, for the tests of this folder.

use super::args::{CallArgs, Defaults, Message};
use super::error::SourceError;
use super::run::Environment;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, TrieAccount, root};
use revm::DatabaseRef;
use revm::bytecode::Bytecode;
use revm::context::{BlockEnv, CfgEnv};
use revm::primitives::hardfork::SpecId;
use revm::state::AccountInfo;
use std::collections::BTreeMap;
use stf::StateChanges;

#[derive(Clone, Debug, Default)]
pub struct MemoryState {
    pub accounts: BTreeMap<Address, AccountInfo>,
    pub storage: BTreeMap<(Address, U256), U256>,
    pub codes: BTreeMap<B256, Bytes>,
    pub hashes: BTreeMap<u64, B256>,
}

impl MemoryState {
    pub fn with_balance(mut self, address: Address, balance: u64) -> Self {
        self.accounts.entry(address).or_default().balance = U256::from(balance);
        self
    }

    pub fn with_code(mut self, address: Address, code: impl Into<Bytes>) -> Self {
        let code = code.into();
        let hash = keccak256(&code);
        self.accounts.entry(address).or_default().code_hash = hash;
        self.codes.insert(hash, code);
        self
    }

    pub fn with_slot(mut self, address: Address, slot: u64, value: u64) -> Self {
        self.storage.insert((address, U256::from(slot)), U256::from(value));
        self
    }

    pub fn apply(&mut self, changes: &StateChanges) {
        for (address, change) in &changes.accounts {
            if change.storage_cleared || change.after.is_none() {
                self.storage.retain(|(owner, _), _| owner != address);
            }
            for (slot, value) in &change.storage {
                self.storage.insert((*address, *slot), value.after);
            }
            self.storage.retain(|_, value| !value.is_zero());
            match change.after {
                Some(body) => drop(self.accounts.insert(*address, body.into())),
                None => drop(self.accounts.remove(address)),
            }
        }
        self.codes.extend(changes.codes.iter().map(|(hash, code)| (*hash, code.clone())));
    }

    pub fn root(&self, changes: &StateChanges) -> B256 {
        let mut after = self.clone();
        after.apply(changes);
        root::state_root_unhashed(after.accounts.iter().map(|(address, info)| {
            let slots = after.storage.range((*address, U256::ZERO)..=(*address, U256::MAX));
            let slots: Vec<_> = slots.map(|((_, slot), value)| (B256::from(*slot), *value)).collect();
            let storage_root = if slots.is_empty() { EMPTY_ROOT_HASH } else { root::storage_root_unhashed(slots) };
            let account =
                TrieAccount { nonce: info.nonce, balance: info.balance, storage_root, code_hash: info.code_hash };
            (*address, account)
        }))
    }
}

impl DatabaseRef for MemoryState {
    type Error = SourceError;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, SourceError> {
        Ok(self.accounts.get(&address).map(|info| AccountInfo { code: None, ..info.clone() }))
    }

    fn code_by_hash_ref(&self, hash: B256) -> Result<Bytecode, SourceError> {
        Ok(self.codes.get(&hash).cloned().map(Bytecode::new_raw).unwrap_or_default())
    }

    fn storage_ref(&self, address: Address, slot: U256) -> Result<U256, SourceError> {
        Ok(self.storage.get(&(address, slot)).copied().unwrap_or_default())
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, SourceError> {
        Ok(self.hashes.get(&number).copied().unwrap_or_default())
    }
}

/// Block 10 of a chain with id 1 and the rules of `spec`, base fee 7.
pub fn environment(spec: SpecId) -> Environment {
    let block = BlockEnv {
        number: U256::from(10),
        basefee: 7,
        gas_limit: 30_000_000,
        prevrandao: Some(B256::ZERO),
        blob_excess_gas_and_price: Some(revm::context_interface::block::BlobExcessGasAndPrice {
            excess_blob_gas: 0,
            blob_gasprice: 1,
        }),
        ..BlockEnv::default()
    };
    Environment::new(block, CfgEnv::new_with_spec(spec).with_chain_id(1), true).relaxed()
}

pub const SENDER: Address = Address::repeat_byte(0xaa);
pub const CONTRACT: Address = Address::repeat_byte(0xcc);

/// A free message from [`SENDER`] to [`CONTRACT`].
pub fn message(json: &str) -> Message {
    let mut args: CallArgs = serde_json::from_str(json).expect("a call object");
    args.from.get_or_insert(SENDER);
    args.to.get_or_insert(CONTRACT);
    args.into_message(&Defaults { gas_cap: 50_000_000, base_fee: Some(7), chain_id: 1, spec: SpecId::OSAKA })
        .expect("a message")
}
