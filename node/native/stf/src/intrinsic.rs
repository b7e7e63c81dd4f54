//! Gas that a transaction pays before it does anything, and the least it pays whatever it does.

use alloy_consensus::Transaction as _;
use revm::{context_interface::cfg::gas_params::GasParams, primitives::TxKind};

use crate::{Fork, Transaction};

/// (intrinsic gas, floor of EIP-7623: zero before Prague) of a transaction under the rules of a fork.
pub fn intrinsic_gas(transaction: &Transaction, fork: Fork) -> (u64, u64) {
    let (accounts, slots) = transaction
        .access_list()
        .map_or((0, 0), |list| (list.len() as u64, list.iter().map(|item| item.storage_keys.len() as u64).sum()));
    let authorizations = transaction.authorization_list().map_or(0, |list| list.len() as u64);
    let creates = matches!(transaction.kind(), TxKind::Create);
    let gas = GasParams::new_spec(fork.spec_id()).initial_tx_gas(
        transaction.input(),
        creates,
        accounts,
        slots,
        authorizations,
        None,
    );
    (gas.initial_total_gas(), gas.floor_gas)
}
