//! What a block does besides its transactions: system calls before them, requests after them (EIP-4788, EIP-2935,
//! EIP-7685).

use super::error::{CallError, SourceError};
use super::layer::Layer;
use super::run::{Environment, machine};
use alloy_eips::eip2935::HISTORY_STORAGE_ADDRESS;
use alloy_eips::eip4788::BEACON_ROOTS_ADDRESS;
use alloy_primitives::{Address, Bytes, U256};
use revm::context_interface::result::{EVMError, ExecutionResult};
use revm::primitives::hardfork::SpecId;
use revm::{DatabaseCommit, DatabaseRef};
use stf::requests::{self, Requests};
use stf::{ChainSpec, Header, Receipt, dao};

/// What comes before the first transaction of the block with this header: the DAO fork's change, then the system calls.
/// Calls that fail are passed over, as in the execution of blocks. A rollup has no beacon chain.
pub fn begin<D: DatabaseRef<Error = SourceError>>(
    layer: &mut Layer<D>,
    environment: &Environment,
    spec: &ChainSpec,
    header: &Header,
) -> Result<(), CallError> {
    if spec.dao_fork_support && spec.dao_fork_block == Some(header.number) {
        drain_dao(layer)?;
    }
    if let Some(root) = header.parent_beacon_block_root
        && environment.cfg.spec.is_enabled_in(SpecId::CANCUN)
        && spec.rollup.is_none()
    {
        call(layer, environment, BEACON_ROOTS_ADDRESS, root.into())?;
    }
    if environment.cfg.spec.is_enabled_in(SpecId::PRAGUE) {
        call(layer, environment, HISTORY_STORAGE_ADDRESS, header.parent_hash.into())?;
    }
    Ok(())
}

fn drain_dao<D: DatabaseRef<Error = SourceError>>(layer: &mut Layer<D>) -> Result<(), CallError> {
    let mut drained = U256::ZERO;
    for address in dao::DRAINED_ACCOUNTS {
        let account = layer.account_mut(address)?.info.get_or_insert_default();
        drained += std::mem::take(&mut account.balance);
    }
    Ok(layer.add_balance(dao::REFUND_CONTRACT, drained)?)
}

/// The requests of the block, from Prague: deposits out of its logs, then the two queues.
pub fn requests<D: DatabaseRef<Error = SourceError>>(
    layer: &mut Layer<D>,
    environment: &Environment,
    spec: &ChainSpec,
    receipts: &[Receipt],
) -> Result<Option<Requests>, CallError> {
    if !environment.cfg.spec.is_enabled_in(SpecId::PRAGUE) {
        return Ok(None);
    }
    if spec.rollup.is_some() {
        return Ok(Some(Requests::default()));
    }
    let contract = spec.deposit_contract_address.unwrap_or(requests::MAINNET_DEPOSIT_CONTRACT);
    let deposits = requests::deposits(receipts, contract).map_err(|error| CallError::Refused(error.to_string()))?;
    let mut collected = Requests::default();
    collected.push_request_with_type(requests::DEPOSIT_REQUEST_TYPE, deposits);
    for (kind, queue) in [
        (requests::WITHDRAWAL_REQUEST_TYPE, requests::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS),
        (requests::CONSOLIDATION_REQUEST_TYPE, requests::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS),
    ] {
        let output = call(layer, environment, queue, Bytes::new())?
            .ok_or_else(|| CallError::Refused(format!("system call to {queue} failed")))?;
        collected.push_request_with_type(kind, output);
    }
    Ok(Some(collected))
}

fn call<D: DatabaseRef<Error = SourceError>>(
    layer: &mut Layer<D>,
    environment: &Environment,
    contract: Address,
    data: Bytes,
) -> Result<Option<Bytes>, CallError> {
    let done = machine(&mut *layer, environment.clone(), ()).system_call(contract, data);
    let done = done.map_err(|error| match error {
        EVMError::Database(error) => error.into(),
        other => CallError::State(other.to_string()),
    })?;
    layer.commit(done.state);
    Ok(match done.result {
        ExecutionResult::Success { output, .. } => Some(output.into_data()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::testing::{MemoryState, environment};
    use alloy_primitives::{B256, hex};

    #[test]
    fn the_dao_s_balances_move_in_the_fork_s_block_alone() {
        let state = MemoryState::default().with_balance(dao::DRAINED_ACCOUNTS[3], 5);
        let spec = ChainSpec { dao_fork_support: true, dao_fork_block: Some(10), ..ChainSpec::default() };
        for (number, moved) in [(9, 0), (10, 5)] {
            let mut layer = Layer::new(&state, SpecId::HOMESTEAD);
            let header = Header { number, ..Header::default() };
            begin(&mut layer, &environment(SpecId::HOMESTEAD), &spec, &header).expect("runs");
            let refund = layer.basic_ref(dao::REFUND_CONTRACT).expect("reads").unwrap_or_default();
            assert_eq!(refund.balance, U256::from(moved), "{number}");
        }
    }

    #[test]
    fn system_calls_write_what_later_calls_read_and_failures_are_passed_over() {
        // Stores its data at slot 0; the history contract reverts.
        let state = MemoryState::default()
            .with_code(BEACON_ROOTS_ADDRESS, hex!("5f355f5500"))
            .with_code(HISTORY_STORAGE_ADDRESS, hex!("5f5ffd"));
        let mut layer = Layer::new(&state, SpecId::PRAGUE);
        let root = B256::repeat_byte(7);
        let header = Header { parent_beacon_block_root: Some(root), ..Header::default() };

        begin(&mut layer, &environment(SpecId::PRAGUE), &ChainSpec::default(), &header).expect("runs");

        assert_eq!(layer.storage_ref(BEACON_ROOTS_ADDRESS, U256::ZERO).expect("reads"), U256::from_be_bytes(root.0));
    }
}
