//! What a message on a rollup will pay for the data that it publishes, in gas.
//!
//! The executor meters a transaction by its journal; here the message runs once more, alone, and what it changed is
//! weighed by the same rules. That is the most that it can come to: in a block others may have paid for a part of it.

use super::args::Message;
use super::error::{CallError, SourceError, from_evm};
use super::run::{Environment, machine};
use alloy_primitives::{Address, U256};
use revm::database_interface::WrapDatabaseRef;
use revm::state::Account;
use revm::{DatabaseRef, ExecuteEvm};
use stf::rollup::metering::Written;
use stf::rollup::{L1Prices, Published, fees};

/// Prices move until the transaction is in a block: L1's up, the gas price that it is measured in down.
const MARGIN_PERCENT: u64 = 25;

/// Where a message runs whose data is to be paid for.
#[derive(Clone, Copy, Debug)]
pub struct DataPrice {
    pub l1: L1Prices,
    /// Wei per gas that the message's sender pays.
    pub gas_price: u128,
}

/// Gas to add to the limit of a message.
pub fn data_gas<D: DatabaseRef<Error = SourceError>>(
    state: &D,
    environment: Environment,
    message: &Message,
    price: DataPrice,
) -> Result<u64, CallError> {
    let tx = message.to_tx_env()?;
    let done = machine(WrapDatabaseRef(state), environment, ())
        .transact(tx)
        .map_err(|error| from_evm(error, |reason| message.refused(reason)))?;
    let written = done.state.iter().flat_map(|(address, account)| changes(*address, account));
    let bytes = Published::default().weigh(written, done.result.logs()).bytes;
    let gas = fees::data_gas(bytes, price.l1, price.gas_price);
    Ok(gas.saturating_add(gas.saturating_mul(MARGIN_PERCENT) / 100))
}

fn changes(address: Address, account: &Account) -> impl Iterator<Item = Written> {
    let (now, before) = (&account.info, account.original_info());
    let moved = now.balance != before.balance || now.nonce != before.nonce;
    let code = (now.code_hash != before.code_hash)
        .then(|| Written::Code(address, now.code.as_ref().map_or(0, |code| code.len())));
    let slots = account.changed_storage_slots().map(move |(key, _)| Written::Slot(address, U256::from(*key)));
    moved.then_some(Written::Account(address)).into_iter().chain(code).chain(slots)
}
