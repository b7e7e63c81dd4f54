//! What the tests share: a state in a map, chains of one fork, valid children, signed transactions.
#![allow(dead_code)] // each test binary uses its own part

use std::collections::BTreeMap;
use std::fmt;

use alloy_consensus::{SignableTransaction, TxLegacy};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, Signature, TxKind, U256, keccak256};
use alloy_trie::{TrieAccount, root};
use k256::ecdsa::SigningKey;
use revm::{Database, bytecode::Bytecode, database_interface::DBErrorMarker, state::AccountInfo};
use stf::{AccountBody, Block, ChainSpec, Fork, Header, StateChanges, StateSource, Transaction, header};

pub const ETHER: u128 = 1_000_000_000_000_000_000;
pub const MINER: Address = Address::repeat_byte(0xc0);
pub const GAS_LIMIT: u64 = 30_000_000;

/// Accounts with their storage. Reading fails on demand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    pub accounts: BTreeMap<Address, (AccountBody, BTreeMap<U256, U256>)>,
    pub codes: BTreeMap<B256, Bytes>,
    pub broken: bool,
    pub broken_has_storage: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("broken")
    }
}

impl std::error::Error for Broken {}
impl DBErrorMarker for Broken {}

impl Accounts {
    pub fn with_balance(mut self, address: Address, balance: u128) -> Self {
        self.accounts.entry(address).or_default().0.balance = U256::from(balance);
        self
    }

    pub fn with_code(mut self, address: Address, code: impl Into<Bytes>) -> Self {
        let code = code.into();
        let hash = if code.is_empty() { KECCAK256_EMPTY } else { keccak256(&code) };
        self.accounts.entry(address).or_default().0.code_hash = hash;
        self.codes.insert(hash, code);
        self
    }

    pub fn with_slot(mut self, address: Address, key: u64, value: u64) -> Self {
        self.accounts.entry(address).or_default().1.insert(U256::from(key), U256::from(value));
        self
    }

    pub fn balance(&self, address: Address) -> U256 {
        self.accounts.get(&address).map_or(U256::ZERO, |(body, _)| body.balance)
    }

    pub fn nonce(&self, address: Address) -> u64 {
        self.accounts.get(&address).map_or(0, |(body, _)| body.nonce)
    }

    pub fn slot(&self, address: Address, key: u64) -> U256 {
        self.accounts.get(&address).and_then(|(_, slots)| slots.get(&U256::from(key))).copied().unwrap_or_default()
    }

    /// Take the changes on. Panics where a value before the block is not the one that lies here.
    pub fn apply(&mut self, changes: &StateChanges) {
        for (address, change) in &changes.accounts {
            assert_eq!(self.accounts.get(address).map(|(body, _)| *body), change.before, "{address}");
            let Some(after) = change.after else {
                self.accounts.remove(address);
                continue;
            };
            let (body, slots) = self.accounts.entry(*address).or_default();
            *body = after;
            let old = slots.clone();
            if change.storage_cleared {
                slots.clear();
            }
            for (key, slot) in &change.storage {
                assert_eq!(old.get(key).copied().unwrap_or_default(), slot.before, "{address} {key}");
                slots.insert(*key, slot.after);
            }
            slots.retain(|_, value| !value.is_zero());
        }
        self.codes.extend(changes.codes.iter().map(|(hash, code)| (*hash, code.clone())));
    }

    pub fn root(&self) -> B256 {
        root::state_root_unhashed(self.accounts.iter().map(|(address, (body, slots))| {
            let slots = slots.iter().map(|(key, value)| (B256::from(*key), *value));
            let storage_root = root::storage_root_unhashed(slots);
            let AccountBody { nonce, balance, code_hash } = *body;
            (*address, TrieAccount { nonce, balance, storage_root, code_hash })
        }))
    }

    fn check(&self) -> Result<(), Broken> {
        if self.broken { Err(Broken) } else { Ok(()) }
    }
}

impl Database for Accounts {
    type Error = Broken;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Broken> {
        self.check()?;
        Ok(self.accounts.get(&address).map(|(body, _)| AccountInfo::from(*body)))
    }

    fn code_by_hash(&mut self, hash: B256) -> Result<Bytecode, Broken> {
        Ok(Bytecode::new_raw(self.codes[&hash].clone()))
    }

    fn storage(&mut self, address: Address, key: U256) -> Result<U256, Broken> {
        Ok(self.accounts.get(&address).and_then(|(_, slots)| slots.get(&key)).copied().unwrap_or_default())
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, Broken> {
        Ok(keccak256(number.to_be_bytes()))
    }
}

impl StateSource for Accounts {
    fn state_root(&mut self, changes: &StateChanges) -> Result<B256, Broken> {
        let mut next = self.clone();
        next.apply(changes);
        Ok(next.root())
    }

    fn has_storage(&mut self, address: Address) -> Result<bool, Broken> {
        if self.broken_has_storage {
            return Err(Broken);
        }
        Ok(self.accounts.get(&address).is_some_and(|(_, slots)| !slots.is_empty()))
    }
}

/// A chain on which `fork` and all before it are active from the start.
pub fn spec(fork: Fork) -> ChainSpec {
    let from = |first: Fork| (fork >= first).then_some(0);
    ChainSpec {
        chain_id: 1,
        homestead_block: from(Fork::Homestead),
        eip150_block: from(Fork::TangerineWhistle),
        eip155_block: from(Fork::SpuriousDragon),
        eip158_block: from(Fork::SpuriousDragon),
        byzantium_block: from(Fork::Byzantium),
        constantinople_block: from(Fork::Constantinople),
        petersburg_block: if fork == Fork::Constantinople { Some(u64::MAX) } else { from(Fork::Petersburg) },
        istanbul_block: from(Fork::Istanbul),
        muir_glacier_block: from(Fork::MuirGlacier),
        berlin_block: from(Fork::Berlin),
        london_block: from(Fork::London),
        arrow_glacier_block: from(Fork::ArrowGlacier),
        gray_glacier_block: from(Fork::GrayGlacier),
        terminal_total_difficulty: from(Fork::Paris).map(U256::from),
        shanghai_time: from(Fork::Shanghai),
        cancun_time: from(Fork::Cancun),
        prague_time: from(Fork::Prague),
        osaka_time: from(Fork::Osaka),
        ..Default::default()
    }
}

pub fn genesis(spec: &ChainSpec) -> Header {
    let fork = spec.genesis_fork(0);
    Header {
        gas_limit: GAS_LIMIT,
        timestamp: 1_000,
        difficulty: if spec.terminal_total_difficulty == Some(U256::ZERO) { U256::ZERO } else { U256::from(131_072) },
        base_fee_per_gas: (fork >= Fork::London).then_some(1_000_000_000),
        withdrawals_root: (fork >= Fork::Shanghai).then_some(alloy_consensus::EMPTY_ROOT_HASH),
        blob_gas_used: (fork >= Fork::Cancun).then_some(0),
        excess_blob_gas: (fork >= Fork::Cancun).then_some(0),
        parent_beacon_block_root: (fork >= Fork::Cancun).then_some(B256::ZERO),
        requests_hash: (fork >= Fork::Prague).then_some(alloy_eips::eip7685::EMPTY_REQUESTS_HASH),
        ..Default::default()
    }
}

/// The header of an empty, valid child.
pub fn child(spec: &ChainSpec, parent: &Header) -> Header {
    let (number, timestamp) = (parent.number + 1, parent.timestamp + 12);
    let merged = spec.terminal_total_difficulty == Some(U256::ZERO);
    let fork = spec.fork(number, timestamp, merged);
    Header {
        parent_hash: parent.hash_slow(),
        number,
        timestamp,
        beneficiary: MINER,
        gas_limit: header::parent_gas_limit(fork, parent),
        difficulty: if merged { U256::ZERO } else { header::proof_of_work_difficulty(fork, number, timestamp, parent) },
        base_fee_per_gas: header::base_fee(fork, parent),
        withdrawals_root: (fork >= Fork::Shanghai).then_some(alloy_consensus::EMPTY_ROOT_HASH),
        blob_gas_used: (fork >= Fork::Cancun).then_some(0),
        excess_blob_gas: header::excess_blob_gas(spec, fork, timestamp, parent),
        parent_beacon_block_root: (fork >= Fork::Cancun).then_some(B256::repeat_byte(0xbe)),
        requests_hash: (fork >= Fork::Prague).then_some(alloy_eips::eip7685::EMPTY_REQUESTS_HASH),
        ..Default::default()
    }
}

/// A block with an empty body under `header`.
pub fn block(header: Header) -> Block {
    let withdrawals = header.withdrawals_root.map(|_| Default::default());
    Block { header, body: alloy_consensus::BlockBody { withdrawals, ..Default::default() } }
}

pub fn key(seed: u8) -> SigningKey {
    SigningKey::from_slice(&[seed; 32]).unwrap()
}

pub fn address(key: &SigningKey) -> Address {
    Address::from_public_key(key.verifying_key())
}

pub fn sign<T: SignableTransaction<Signature>>(transaction: T, key: &SigningKey) -> Transaction
where
    Transaction: From<alloy_consensus::Signed<T>>,
{
    let (signature, id) = key.sign_prehash_recoverable(transaction.signature_hash().as_slice()).unwrap();
    transaction.into_signed(Signature::from_signature_and_parity(signature, id.is_y_odd())).into()
}

/// A legacy transaction of enough gas for anything here.
pub fn call(nonce: u64, to: impl Into<TxKind>, value: u128, input: impl Into<Bytes>) -> TxLegacy {
    TxLegacy {
        chain_id: None,
        nonce,
        gas_price: 2_000_000_000,
        gas_limit: 1_000_000,
        to: to.into(),
        value: U256::from(value),
        input: input.into(),
    }
}
