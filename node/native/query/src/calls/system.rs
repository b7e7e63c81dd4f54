//! What a block does besides its transactions: system calls before them, requests after them (EIP-4788, EIP-2935,
//! EIP-7685).

use super::error::{CallError, SourceError};
use super::layer::Layer;
use super::run::{Environment, machine};
use alloy_eips::eip2935::HISTORY_STORAGE_ADDRESS;
use alloy_eips::eip4788::BEACON_ROOTS_ADDRESS;
use alloy_primitives::{Address, B256, Bytes};
use revm::context_interface::result::{EVMError, ExecutionResult};
use revm::handler::SystemCallEvm;
use revm::primitives::hardfork::SpecId;
use revm::{DatabaseCommit, DatabaseRef};
use stf::requests::{self, Requests};
use stf::{ChainSpec, Receipt};

/// System calls before the first transaction.
pub fn begin<D: DatabaseRef<Error = SourceError>>(
    layer: &mut Layer<D>,
    environment: &Environment,
    beacon_root: Option<B256>,
    parent_hash: B256,
) -> Result<(), CallError> {
    if let Some(root) = beacon_root {
        call(layer, environment, BEACON_ROOTS_ADDRESS, root.into())?;
    }
    if environment.cfg.spec.is_enabled_in(SpecId::PRAGUE) {
        call(layer, environment, HISTORY_STORAGE_ADDRESS, parent_hash.into())?;
    }
    Ok(())
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
    let contract = spec.deposit_contract_address.unwrap_or(requests::MAINNET_DEPOSIT_CONTRACT);
    let deposits = requests::deposits(receipts, contract).map_err(|error| CallError::Refused(error.to_string()))?;
    let mut collected = Requests::default();
    collected.push_request_with_type(requests::DEPOSIT_REQUEST_TYPE, deposits);
    for (kind, queue) in [
        (requests::WITHDRAWAL_REQUEST_TYPE, requests::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS),
        (requests::CONSOLIDATION_REQUEST_TYPE, requests::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS),
    ] {
        collected.push_request_with_type(kind, call(layer, environment, queue, Bytes::new())?);
    }
    Ok(Some(collected))
}

fn call<D: DatabaseRef<Error = SourceError>>(
    layer: &mut Layer<D>,
    environment: &Environment,
    contract: Address,
    data: Bytes,
) -> Result<Bytes, CallError> {
    let mut evm = machine(&mut *layer, environment.clone(), ());
    let done = evm.system_call(contract, data).map_err(|error| match error {
        EVMError::Database(error) => error.into(),
        other => CallError::State(other.to_string()),
    })?;
    drop(evm);
    layer.commit(done.state);
    match done.result {
        ExecutionResult::Success { output, .. } => Ok(output.into_data()),
        _ => Err(CallError::Refused(format!("system call to {contract} failed"))),
    }
}
