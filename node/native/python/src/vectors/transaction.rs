//! One transaction by the rules of a fork, without a block around it.

use super::invalid;
use alloy_consensus::Transaction as _;
use alloy_eips::Decodable2718;
use alloy_primitives::{Address, B256, U256};
use pyo3::prelude::*;
use revm::{
    Context, Database, MainBuilder, MainContext,
    bytecode::Bytecode,
    context_interface::result::EVMError,
    handler::{EthFrame, Handler, MainnetHandler},
    state::AccountInfo,
};
use std::convert::Infallible;
use stf::{Fork, Header, Transaction, environment, senders::SignatureRules};

/// Facts of a transaction that a block of the fork could hold: hash, sender, gas before execution.
#[derive(IntoPyObject)]
pub struct Checked {
    hash: Vec<u8>,
    sender: Vec<u8>,
    intrinsic_gas: u64,
}

/// Decodes `raw` and checks it by every rule that asks neither the sender's account nor the block's base fee. `config` is
/// a genesis config; its forks at block 0 and time 0 are the fork. `ValueError` says what is wrong.
#[pyfunction]
pub fn check_transaction(py: Python<'_>, config: &[u8], raw: &[u8]) -> PyResult<Checked> {
    py.detach(|| check(config, raw))
}

fn check(config: &[u8], raw: &[u8]) -> PyResult<Checked> {
    let spec: stf::ChainSpec = serde_json::from_slice(config).map_err(invalid)?;
    let transaction = Transaction::decode_2718_exact(raw).map_err(invalid)?;
    let header = Header { gas_limit: u64::MAX, ..Default::default() };
    let rules = SignatureRules::of(&spec, &header);
    let sender = rules.sender(&transaction).map_err(invalid)?;
    let payer = Payer { nonce: transaction.nonce() };
    let mut evm = Context::mainnet()
        .with_db(payer)
        .with_cfg(environment::cfg_env(&spec, &header))
        .with_block(environment::block_env(&spec, &header))
        .with_tx(environment::tx_env(&transaction, sender))
        .build_mainnet();
    let gas = MainnetHandler::<_, EVMError<Infallible>, EthFrame>::default().validate(&mut evm).map_err(invalid)?;
    let floor = if rules.fork >= Fork::Prague { gas.floor_gas() } else { 0 };
    let intrinsic_gas = gas.initial_total_gas().max(floor);
    Ok(Checked { hash: transaction.hash().to_vec(), sender: sender.to_vec(), intrinsic_gas })
}

/// A state in which the sender has all ether and the nonce that the transaction asks for.
struct Payer {
    nonce: u64,
}

impl Database for Payer {
    type Error = Infallible;

    fn basic(&mut self, _: Address) -> Result<Option<AccountInfo>, Infallible> {
        Ok(Some(AccountInfo { balance: U256::MAX, nonce: self.nonce, ..Default::default() }))
    }

    fn code_by_hash(&mut self, _: B256) -> Result<Bytecode, Infallible> {
        Ok(Bytecode::default())
    }

    fn storage(&mut self, _: Address, _: U256) -> Result<U256, Infallible> {
        Ok(U256::ZERO)
    }

    fn block_hash(&mut self, _: u64) -> Result<B256, Infallible> {
        Ok(B256::ZERO)
    }
}
