//! One transaction in a given block environment on a state that lies in memory: what state tests ask for.

use super::invalid;
use alloy_consensus::TrieAccount;
use alloy_eips::Decodable2718;
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, Log, U64, U256, keccak256, map::HashMap};
use pyo3::prelude::*;
use revm::{Database, bytecode::Bytecode, database_interface::ErasedError, state::AccountInfo};
use serde::Deserialize;
use std::{collections::BTreeMap, error::Error};
use stf::{
    AccountBody, ChainSpec, Executor, Header, StateChanges, StateSource, Transaction, senders::SignatureRules, trie,
};

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
        let state = State { accounts: serde_json::from_slice(accounts).map_err(invalid)? };
        state.root(&StateChanges::default()).map(|root| root.to_vec()).map_err(invalid)
    })
}

fn run(config: &[u8], pre: &[u8], header: &[u8], transaction: &[u8]) -> PyResult<Outcome> {
    let spec: ChainSpec = serde_json::from_slice(config).map_err(invalid)?;
    let environment: Environment = serde_json::from_slice(header).map_err(invalid)?;
    let mut state = State { accounts: serde_json::from_slice(pre).map_err(invalid)? };
    let header = environment.header();
    let (changes, executed) = execute(&spec, &header, transaction, &mut state).map_err(invalid)?;
    let root = state.root(&changes).map_err(invalid)?.to_vec();
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
    state: &mut State,
) -> Result<(StateChanges, Result<Vec<Log>, String>), ErasedError> {
    let mut executor = Executor::new(spec, header, state);
    let executed = attempt(spec, header, transaction, &mut executor).map_err(|refusal| refusal.to_string());
    executor.credit([(header.beneficiary, U256::ZERO)])?;
    Ok((executor.changes()?, executed))
}

fn attempt(
    spec: &ChainSpec,
    header: &Header,
    transaction: &[u8],
    executor: &mut Executor<'_, State>,
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

#[derive(Clone, Deserialize)]
struct Account {
    balance: U256,
    nonce: U64,
    code: Bytes,
    storage: BTreeMap<U256, U256>,
}

impl Account {
    fn code_hash(&self) -> B256 {
        if self.code.is_empty() { KECCAK256_EMPTY } else { keccak256(&self.code) }
    }

    fn body(&self) -> AccountBody {
        AccountBody { nonce: self.nonce.to(), balance: self.balance, code_hash: self.code_hash() }
    }
}

/// The state before the transaction.
struct State {
    accounts: HashMap<Address, Account>,
}

impl State {
    fn root(&self, changes: &StateChanges) -> Result<B256, ErasedError> {
        let mut leaves = Vec::with_capacity(self.accounts.len() + changes.accounts.len());
        for (address, account) in &self.accounts {
            if !changes.accounts.contains_key(address) {
                leaves.push((keccak256(address), Some(leaf(account.body(), &account.storage)?)));
            }
        }
        for (address, change) in &changes.accounts {
            if let Some(body) = change.after {
                let kept = self.accounts.get(address).filter(|_| !change.storage_cleared);
                let mut storage = kept.map(|account| account.storage.clone()).unwrap_or_default();
                storage.extend(change.storage.iter().map(|(slot, value)| (*slot, value.after)));
                leaves.push((keccak256(address), Some(leaf(body, &storage)?)));
            }
        }
        trie::root_of(leaves).map_err(ErasedError::new)
    }
}

fn leaf(body: AccountBody, storage: &BTreeMap<U256, U256>) -> Result<Vec<u8>, ErasedError> {
    let slots = storage.iter().filter(|(_, value)| !value.is_zero());
    let slots = slots.map(|(slot, value)| (keccak256(B256::from(*slot)), Some(alloy_rlp::encode(value))));
    let storage_root = trie::root_of(slots).map_err(ErasedError::new)?;
    let (nonce, balance, code_hash) = (body.nonce, body.balance, body.code_hash);
    Ok(alloy_rlp::encode(TrieAccount { nonce, balance, storage_root, code_hash }))
}

impl Database for State {
    type Error = ErasedError;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, ErasedError> {
        Ok(self.accounts.get(&address).map(|account| account.body().into()))
    }

    fn code_by_hash(&mut self, hash: B256) -> Result<Bytecode, ErasedError> {
        let account = self.accounts.values().find(|account| account.code_hash() == hash);
        Ok(account.map(|account| Bytecode::new_raw(account.code.clone())).unwrap_or_default())
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, ErasedError> {
        Ok(self.accounts.get(&address).and_then(|account| account.storage.get(&slot)).copied().unwrap_or_default())
    }

    /// State tests have no chain: the hash of a block is that of its number in decimal.
    fn block_hash(&mut self, number: u64) -> Result<B256, ErasedError> {
        Ok(keccak256(number.to_string()))
    }
}

impl StateSource for State {
    fn state_root(&mut self, changes: &StateChanges) -> Result<B256, ErasedError> {
        self.root(changes)
    }

    fn has_storage(&mut self, address: Address) -> Result<bool, ErasedError> {
        Ok(self.accounts.get(&address).is_some_and(|account| account.storage.values().any(|value| !value.is_zero())))
    }
}
