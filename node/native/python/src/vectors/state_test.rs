//! One transaction in a given block environment on a state that lies in memory: what state tests ask for.

use super::invalid;
use alloy_eips::Decodable2718;
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, Log, U64, U256, keccak256, map::HashMap};
use pyo3::prelude::*;
use revm::{Database, bytecode::Bytecode, state::AccountInfo};
use serde::Deserialize;
use std::{collections::BTreeMap, convert::Infallible};
use stf::{
    AccountBody, AccountChange, ChainSpec, ExecuteError, Executor, Fork, Header, StateChanges, StateSource,
    Transaction, senders::SignatureRules,
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

fn run(config: &[u8], pre: &[u8], header: &[u8], transaction: &[u8]) -> PyResult<Outcome> {
    let spec: ChainSpec = serde_json::from_slice(config).map_err(invalid)?;
    let environment: Environment = serde_json::from_slice(header).map_err(invalid)?;
    let mut state = State { accounts: serde_json::from_slice(pre).map_err(invalid)? };
    let header = environment.header();
    match execute(&spec, &header, transaction, &mut state) {
        Ok((changes, logs)) => Ok((state.root(&changes).to_vec(), logs_hash(&logs).to_vec(), None)),
        Err(reason) => Ok((state.root(&StateChanges::default()).to_vec(), logs_hash(&[]).to_vec(), Some(reason))),
    }
}

fn execute(
    spec: &ChainSpec,
    header: &Header,
    transaction: &[u8],
    state: &mut State,
) -> Result<(StateChanges, Vec<Log>), String> {
    let transaction = Transaction::decode_2718_exact(transaction).map_err(|error| error.to_string())?;
    let sender = SignatureRules::of(spec, header).sender(&transaction).map_err(|error| error.to_string())?;
    let mut executor = Executor::new(spec, header, state);
    executor.transaction(&transaction, sender).map_err(|error: ExecuteError<Infallible>| error.to_string())?;
    let logs = executor.receipts()[0].logs().to_vec();
    let mut changes = executor.changes().map_err(|error| error.to_string())?;
    touch_beneficiary(spec.fork_of(header), header.beneficiary, state, &mut changes);
    Ok((changes, logs))
}

/// State tests end with a mining reward of zero, which before Spurious Dragon leaves an empty account behind even
/// where the transaction destroyed the beneficiary.
fn touch_beneficiary(fork: Fork, beneficiary: Address, state: &State, changes: &mut StateChanges) {
    if fork >= Fork::SpuriousDragon {
        return;
    }
    let change = changes.accounts.entry(beneficiary).or_insert_with(|| {
        let body = state.accounts.get(&beneficiary).map(Account::body);
        AccountChange { before: body, after: body, ..Default::default() }
    });
    change.after.get_or_insert_default();
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
    fn root(&self, changes: &StateChanges) -> B256 {
        let mut accounts: BTreeMap<Address, (AccountBody, BTreeMap<U256, U256>)> =
            self.accounts.iter().map(|(a, x)| (*a, (x.body(), x.storage.clone()))).collect();
        for (address, change) in &changes.accounts {
            let Some(after) = change.after else {
                accounts.remove(address);
                continue;
            };
            let entry = accounts.entry(*address).or_default();
            entry.0 = after;
            if change.storage_cleared {
                entry.1.clear();
            }
            entry.1.extend(change.storage.iter().map(|(slot, value)| (*slot, value.after)));
        }
        alloy_trie::root::state_root_unhashed(accounts.into_iter().map(|(address, (body, storage))| {
            let slots = storage.into_iter().filter(|(_, v)| !v.is_zero()).map(|(k, v)| (B256::from(k), v));
            (
                address,
                alloy_trie::TrieAccount {
                    nonce: body.nonce,
                    balance: body.balance,
                    code_hash: body.code_hash,
                    storage_root: alloy_trie::root::storage_root_unhashed(slots),
                },
            )
        }))
    }
}

impl Database for State {
    type Error = Infallible;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Infallible> {
        Ok(self.accounts.get(&address).map(|account| account.body().into()))
    }

    fn code_by_hash(&mut self, hash: B256) -> Result<Bytecode, Infallible> {
        let account = self.accounts.values().find(|account| account.code_hash() == hash);
        Ok(account.map(|account| Bytecode::new_raw(account.code.clone())).unwrap_or_default())
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, Infallible> {
        Ok(self.accounts.get(&address).and_then(|account| account.storage.get(&slot)).copied().unwrap_or_default())
    }

    /// State tests have no chain: the hash of a block is that of its number in decimal.
    fn block_hash(&mut self, number: u64) -> Result<B256, Infallible> {
        Ok(keccak256(number.to_string()))
    }
}

impl StateSource for State {
    fn state_root(&mut self, changes: &StateChanges) -> Result<B256, Infallible> {
        Ok(self.root(changes))
    }

    fn has_storage(&mut self, address: Address) -> Result<bool, Infallible> {
        Ok(self.accounts.get(&address).is_some_and(|account| account.storage.values().any(|value| !value.is_zero())))
    }
}
