//! One transaction in a given block environment on a state that lies in memory: what state tests ask for.

use super::invalid;
use alloy_eips::Decodable2718;
use alloy_primitives::{Address, B256, Bytes, Log, U64, U256, keccak256};
use pyo3::prelude::*;
use serde::Deserialize;
use std::{collections::BTreeMap, error::Error};
use stf::{
    ChainSpec, Executor, Header, StateChanges, Transaction,
    memory::{GenesisAccount, MemoryState},
    senders::SignatureRules,
    trie::TrieError,
};

/// Blocks that BLOCKHASH sees. State tests have no chain: the hash of a block is that of its number in decimal.
const BLOCK_HASHES: u64 = 256;

type Outcome = (Vec<u8>, Vec<u8>, Option<String>);

/// Executes `transaction` (as it lies in a block) on the accounts of `pre` (JSON: address to balance, nonce, code,
/// storage) in the block `header` (JSON). No system calls, no rewards.
///
/// Gives the state root, keccak256 of the logs' RLP and why the transaction was refused, if it was; the root is then
/// that of `pre`. `ValueError` where the inputs themselves cannot be read.
#[pyfunction]
pub fn run_state_test(
    py: Python<'_>,
    config: &[u8],
    pre: &[u8],
    header: &[u8],
    transaction: &[u8],
) -> PyResult<Outcome> {
    py.detach(|| run(config, pre, header, transaction))
}

/// Root of the state with these accounts (JSON as for `pre` above).
#[pyfunction]
pub fn state_root(py: Python<'_>, accounts: &[u8]) -> PyResult<Vec<u8>> {
    py.detach(|| {
        let mut state = memory_state(accounts)?;
        Ok(state.root().to_vec())
    })
}

fn run(config: &[u8], pre: &[u8], header: &[u8], transaction: &[u8]) -> PyResult<Outcome> {
    let spec: ChainSpec = serde_json::from_slice(config).map_err(invalid)?;
    let environment: Environment = serde_json::from_slice(header).map_err(invalid)?;
    let header = environment.header();
    let mut state = memory_state(pre)?;
    for number in header.number.saturating_sub(BLOCK_HASHES)..header.number {
        state.set_block_hash(number, keccak256(number.to_string()));
    }
    let (changes, executed) = execute(&spec, &header, transaction, &mut state).map_err(invalid)?;
    let root = state.apply(&changes).map_err(invalid)?.to_vec();
    match executed {
        Ok(logs) => Ok((root, logs_hash(&logs).to_vec(), None)),
        Err(reason) => Ok((root, logs_hash(&[]).to_vec(), Some(reason))),
    }
}

/// What changed, and the logs or why the transaction was refused. State tests end with a mining reward of zero: before
/// Spurious Dragon it leaves an empty account behind where the beneficiary does not exist, refused or not.
fn execute(
    spec: &ChainSpec,
    header: &Header,
    transaction: &[u8],
    state: &mut MemoryState,
) -> Result<(StateChanges, Result<Vec<Log>, String>), TrieError> {
    let mut executor = Executor::new(spec, header, state);
    let executed = attempt(spec, header, transaction, &mut executor).map_err(|refusal| refusal.to_string());
    executor.credit([(header.beneficiary, U256::ZERO)])?;
    Ok((executor.changes()?, executed))
}

fn attempt(
    spec: &ChainSpec,
    header: &Header,
    transaction: &[u8],
    executor: &mut Executor<'_, MemoryState>,
) -> Result<Vec<Log>, Box<dyn Error>> {
    let transaction = Transaction::decode_2718_exact(transaction)?;
    let sender = SignatureRules::of(spec, header).sender(&transaction)?;
    executor.transaction(&transaction, sender)?;
    Ok(executor.receipts()[0].logs().to_vec())
}

fn logs_hash(logs: &[Log]) -> B256 {
    keccak256(alloy_rlp::encode(logs.to_vec()))
}

/// The block around the transaction: what its fork's header has.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Environment {
    beneficiary: Address,
    gas_limit: u64,
    number: u64,
    timestamp: u64,
    #[serde(default)]
    difficulty: U256,
    #[serde(default)]
    mix_hash: B256,
    base_fee_per_gas: Option<u64>,
    excess_blob_gas: Option<u64>,
}

impl Environment {
    fn header(&self) -> Header {
        Header {
            beneficiary: self.beneficiary,
            gas_limit: self.gas_limit,
            number: self.number,
            timestamp: self.timestamp,
            difficulty: self.difficulty,
            mix_hash: self.mix_hash,
            base_fee_per_gas: self.base_fee_per_gas,
            excess_blob_gas: self.excess_blob_gas,
            ..Default::default()
        }
    }
}

#[derive(Deserialize)]
struct Account {
    balance: U256,
    nonce: U64,
    code: Bytes,
    storage: BTreeMap<U256, U256>,
}

fn memory_state(accounts: &[u8]) -> PyResult<MemoryState> {
    let accounts: BTreeMap<Address, Account> = serde_json::from_slice(accounts).map_err(invalid)?;
    let alloc = accounts.into_iter().map(|(address, Account { balance, nonce, code, storage })| {
        (address, GenesisAccount { nonce: nonce.to(), balance, code, storage: storage.into_iter().collect() })
    });
    MemoryState::from_alloc(alloc).map_err(invalid)
}
