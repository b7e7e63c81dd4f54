//! Read a genesis file (geth's JSON) and make block 0 of it: the chain specification, the header, the first state.
//!
//! Python's `config.genesis` checks the file first and words the errors for people; this module is strict as well,
//! since it decides the hash.

use std::collections::BTreeMap;

use alloy_consensus::constants::{EMPTY_OMMER_ROOT_HASH, EMPTY_RECEIPTS, EMPTY_TRANSACTIONS, EMPTY_WITHDRAWALS};
use alloy_consensus::proofs::calculate_withdrawals_root;
use alloy_eips::eip7685::EMPTY_REQUESTS_HASH;
use alloy_primitives::{Address, B64, B256, Bloom, Bytes, U256};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use stf::{ChainSpec, Fork, Header};

use crate::error::ChainError;

/// Base fee of a genesis block that is born with EIP-1559 and names none (geth's rule).
const INITIAL_BASE_FEE: u64 = 1_000_000_000;

/// One account of the genesis allocation.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct GenesisAccount {
    #[serde(default, deserialize_with = "quantity")]
    pub balance: U256,
    #[serde(default, deserialize_with = "small")]
    pub nonce: u64,
    #[serde(default, deserialize_with = "data")]
    pub code: Bytes,
    #[serde(default, deserialize_with = "slots")]
    pub storage: BTreeMap<U256, U256>,
}

/// A genesis file. `config` is kept as text too: it is stored beside the chain and printed by `debug_chainConfig`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Genesis {
    pub config: serde_json::Value,
    #[serde(default, deserialize_with = "small")]
    pub nonce: u64,
    #[serde(default, deserialize_with = "small")]
    pub timestamp: u64,
    #[serde(default, deserialize_with = "data")]
    pub extra_data: Bytes,
    #[serde(deserialize_with = "small")]
    pub gas_limit: u64,
    #[serde(default, deserialize_with = "quantity")]
    pub difficulty: U256,
    #[serde(default)]
    pub mix_hash: B256,
    #[serde(default)]
    pub coinbase: Address,
    #[serde(default, deserialize_with = "optional_small")]
    pub base_fee_per_gas: Option<u64>,
    #[serde(default, deserialize_with = "optional_small")]
    pub excess_blob_gas: Option<u64>,
    #[serde(default, deserialize_with = "optional_small")]
    pub blob_gas_used: Option<u64>,
    #[serde(default, deserialize_with = "small")]
    pub number: u64,
    #[serde(default, deserialize_with = "small")]
    pub gas_used: u64,
    #[serde(default)]
    pub parent_hash: B256,
    #[serde(default)]
    pub parent_beacon_block_root: Option<B256>,
    #[serde(default, deserialize_with = "alloc")]
    pub alloc: BTreeMap<Address, GenesisAccount>,
}

impl Genesis {
    /// Parse a genesis file.
    pub fn from_json(json: &[u8]) -> Result<Self, ChainError> {
        serde_json::from_slice(json).map_err(|error| ChainError::Genesis(error.to_string()))
    }

    /// The fork schedule of the `config` object.
    pub fn spec(&self) -> Result<ChainSpec, ChainError> {
        let spec =
            ChainSpec::deserialize(&self.config).map_err(|error| ChainError::Genesis(format!("config: {error}")))?;
        match &spec.rollup {
            Some(rules) if rules.clone().chain_spec(spec.chain_id, spec.osaka_time) != spec => Err(ChainError::Genesis(
                "config: a rollup has every fork to Prague from its first block on, perhaps osakaTime, and no blobs".into(),
            )),
            Some(rules) if rules.gas_limit != self.gas_limit => Err(ChainError::Genesis(format!(
                "gasLimit {} is not the {} of config.rollup",
                self.gas_limit, rules.gas_limit
            ))),
            _ => Ok(spec),
        }
    }

    /// The header of block 0 over `state_root`: the optional fields follow the forks that are active in it.
    pub fn header(&self, spec: &ChainSpec, state_root: B256) -> Header {
        let fork = spec.fork(self.number, self.timestamp, self.difficulty.is_zero());
        let timed = |time: Option<u64>| time.is_some_and(|time| time <= self.timestamp);
        let london = spec.london_block.is_some_and(|block| block <= self.number);
        let (shanghai, cancun, prague) = (timed(spec.shanghai_time), timed(spec.cancun_time), timed(spec.prague_time));
        debug_assert!(fork >= Fork::Frontier);
        Header {
            parent_hash: self.parent_hash,
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            beneficiary: self.coinbase,
            state_root,
            transactions_root: EMPTY_TRANSACTIONS,
            receipts_root: EMPTY_RECEIPTS,
            logs_bloom: Bloom::ZERO,
            difficulty: self.difficulty,
            number: self.number,
            gas_limit: self.gas_limit,
            gas_used: self.gas_used,
            timestamp: self.timestamp,
            extra_data: self.extra_data.clone(),
            mix_hash: self.mix_hash,
            nonce: B64::from(self.nonce.to_be_bytes()),
            base_fee_per_gas: london.then(|| self.base_fee_per_gas.unwrap_or(INITIAL_BASE_FEE)),
            withdrawals_root: shanghai.then_some(EMPTY_WITHDRAWALS),
            blob_gas_used: cancun.then(|| self.blob_gas_used.unwrap_or_default()),
            excess_blob_gas: cancun.then(|| self.excess_blob_gas.unwrap_or_default()),
            parent_beacon_block_root: cancun.then(|| self.parent_beacon_block_root.unwrap_or_default()),
            requests_hash: prague.then_some(EMPTY_REQUESTS_HASH),
            ..Default::default()
        }
    }

    /// Whether block 0 carries an (empty) list of withdrawals.
    pub fn has_withdrawals(&self, spec: &ChainSpec) -> bool {
        debug_assert_eq!(calculate_withdrawals_root(&[]), EMPTY_WITHDRAWALS);
        spec.shanghai_time.is_some_and(|time| time <= self.timestamp)
    }
}

/// A number as genesis files write it: a JSON number, decimal text, or hex text.
fn parse_quantity(value: &serde_json::Value) -> Result<U256, String> {
    match value {
        serde_json::Value::Number(number) => {
            number.as_u64().map(U256::from).ok_or_else(|| format!("{number} is not a whole number of 64 bits"))
        }
        serde_json::Value::String(text) => {
            let parsed = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
                Some("") => return Ok(U256::ZERO),
                Some(hex) => U256::from_str_radix(hex, 16),
                None if text.is_empty() => return Ok(U256::ZERO),
                None => U256::from_str_radix(text, 10),
            };
            parsed.map_err(|error| format!("{text:?} is not a number: {error}"))
        }
        other => Err(format!("{other} is not a number")),
    }
}

fn quantity<'de, D: Deserializer<'de>>(deserializer: D) -> Result<U256, D::Error> {
    parse_quantity(&serde_json::Value::deserialize(deserializer)?).map_err(D::Error::custom)
}

fn small<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let value = quantity(deserializer)?;
    u64::try_from(value).map_err(|_| D::Error::custom(format!("{value} does not fit 64 bits")))
}

fn optional_small<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    if value.is_null() {
        return Ok(None);
    }
    let parsed = parse_quantity(&value).map_err(D::Error::custom)?;
    u64::try_from(parsed).map(Some).map_err(|_| D::Error::custom(format!("{parsed} does not fit 64 bits")))
}

fn data<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_hex(&text).map_err(D::Error::custom)
}

fn parse_hex(text: &str) -> Result<Bytes, String> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    alloy_primitives::hex::decode(digits).map(Bytes::from).map_err(|error| format!("{text:?} is not hex data: {error}"))
}

fn slots<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<U256, U256>, D::Error> {
    let raw = BTreeMap::<String, String>::deserialize(deserializer)?;
    let word = |text: &str| {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        if digits.is_empty() { Ok(U256::ZERO) } else { U256::from_str_radix(digits, 16) }
            .map_err(|error| D::Error::custom(format!("{text:?} is not a storage word: {error}")))
    };
    raw.iter().map(|(slot, value)| Ok((word(slot)?, word(value)?))).collect()
}

fn alloc<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<Address, GenesisAccount>, D::Error> {
    let raw = BTreeMap::<String, GenesisAccount>::deserialize(deserializer)?;
    raw.into_iter()
        .map(|(key, account)| {
            let bytes = parse_hex(&key).map_err(D::Error::custom)?;
            let address = Address::try_from(bytes.as_ref())
                .map_err(|_| D::Error::custom(format!("{key:?} is not an address of 20 bytes")))?;
            Ok((address, account))
        })
        .collect()
}
