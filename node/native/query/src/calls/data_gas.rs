//! What a message on a rollup will pay for the data that it publishes, in gas.
//!
//! The message runs once more, alone, and its data is metered at no price. That is the most that it can come to: in a
//! block others may have paid for a part of it.

use super::args::Message;
use super::error::{CallError, SourceError, from_evm};
use super::run::{Environment, RollupFees, machine};
use revm::DatabaseRef;
use revm::database_interface::WrapDatabaseRef;
use stf::rollup::{L1Prices, Published, RollupRules, fees};

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
    rules: &RollupRules,
    mut environment: Environment,
    message: &Message,
    price: DataPrice,
) -> Result<u64, CallError> {
    let (tx, mut published) = (message.to_tx_env()?, Published::default());
    environment.rollup = Some(RollupFees { rules: rules.clone(), prices: L1Prices::default() });
    machine(WrapDatabaseRef(state), environment, ())
        .run(tx, &mut published)
        .map_err(|error| from_evm(error, |reason| message.refused(reason)))?;
    let gas = fees::data_gas(published.bytes(), price.l1, price.gas_price);
    Ok(gas.saturating_add(gas.saturating_mul(MARGIN_PERCENT) / 100))
}
