//! `eth_createAccessList`: the accounts and slots that a message touches, found by running it until the list it is
//! given no longer changes what it touches.

use super::args::Message;
use super::error::{Attempt, CallError, SourceError};
use super::faults::Faults;
use super::revert::halt_message;
use super::run::{Environment, inspect};
use alloy_eips::eip2930::AccessList;
use revm::DatabaseRef;
use revm::context_interface::result::ExecutionResult;
use revm::database_interface::WrapDatabaseRef;
use revm::primitives::hardfork::SpecId;
use revm_inspectors::access_list::AccessListInspector;

/// What an authorization costs up front (EIP-7702).
const AUTHORIZATION_GAS: u64 = 25_000;

pub struct Created {
    pub list: AccessList,
    pub gas_used: u64,
    /// Why the message failed, where it did; the list holds what it touched until then.
    pub error: Option<String>,
}

pub fn create<D: DatabaseRef<Error = SourceError>>(
    state: &D,
    environment: &Environment,
    mut message: Message,
) -> Result<Created, CallError> {
    check(&message)?;
    let knows_lists = environment.cfg.spec.is_enabled_in(SpecId::BERLIN);
    let mut known = message.access_list.take();
    loop {
        message.access_list = knows_lists.then(|| known.clone().unwrap_or_default());
        let mut inspector = AccessListInspector::new(known.clone().unwrap_or_default());
        let environment = environment.clone().for_message(&message);
        let mut faults = Faults::default();
        let done = inspect(WrapDatabaseRef(state), environment, &message, (&mut inspector, &mut faults))
            .map_err(|error| error.during(Attempt::AccessList))?;
        let touched = inspector.into_access_list();
        if known.as_ref().is_some_and(|known| *known == touched) || known.is_none() && touched.0.is_empty() {
            let gas_used = done.result.tx_gas_used();
            return Ok(Created { list: touched, gas_used, error: failure(&done.result, &faults) });
        }
        known = Some(touched);
    }
}

fn check(message: &Message) -> Result<(), CallError> {
    let Some(authorizations) = &message.authorizations else { return Ok(()) };
    if message.has_gas_price {
        return Err(CallError::Refused("both gasPrice and authorizationList specified".to_owned()));
    }
    if authorizations.len() as u64 > message.gas / AUTHORIZATION_GAS {
        return Err(CallError::Refused("insufficient gas to process all authorizations".to_owned()));
    }
    Ok(())
}

fn failure(result: &ExecutionResult, faults: &Faults) -> Option<String> {
    match result {
        ExecutionResult::Success { .. } => None,
        ExecutionResult::Revert { .. } => Some("execution reverted".to_owned()),
        ExecutionResult::Halt { reason, .. } => {
            Some(faults.of_message().map_or_else(|| halt_message(reason), str::to_owned))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::testing::{CONTRACT, MemoryState, environment, message};
    use alloy_eips::eip2930::AccessListItem;
    use alloy_primitives::{Address, B256, hex};

    fn create_on(code: &[u8], json: &str) -> Created {
        let state = MemoryState::default().with_code(CONTRACT, code.to_vec());
        create(&state, &environment(SpecId::OSAKA), message(json)).expect("runs")
    }

    #[test]
    fn slots_and_foreign_accounts_are_found() {
        // SLOAD(5), BALANCE(0x44), BALANCE(0x01): a precompile is warm anyway.
        let created = create_on(&hex!("600554604431600131 00"), "{}");

        assert_eq!(
            created.list.0,
            vec![
                AccessListItem { address: Address::with_last_byte(0x44), storage_keys: vec![] },
                AccessListItem { address: CONTRACT, storage_keys: vec![B256::with_last_byte(5)] },
            ]
        );
        assert_eq!(created.error, None);
    }

    #[test]
    fn the_gas_counts_the_list_itself() {
        let created = create_on(&hex!("60055400"), "{}");
        assert_eq!(created.gas_used, 21_000 + 2_400 + 1_900 + 3 + 100);
    }

    #[test]
    fn a_slot_whose_number_depends_on_warmth_is_followed() {
        // SLOAD(SLOAD(0)): slot 0 holds 0, so only one slot.
        let created = create_on(&hex!("5f545400"), "{}");
        assert_eq!(created.list.0[0].storage_keys, [B256::ZERO]);
    }

    #[test]
    fn a_failure_is_told_with_what_was_touched() {
        let created = create_on(&hex!("6042545f5ffd"), r#"{"gas":"0x186a0"}"#);

        assert_eq!(created.error.as_deref(), Some("execution reverted"));
        assert_eq!(created.list.0[0].storage_keys, [B256::with_last_byte(0x42)]);
    }

    #[test]
    fn a_plain_transfer_touches_nothing_of_note() {
        let created = create_on(&[], "{}");
        assert_eq!((created.list.0.len(), created.gas_used), (0, 21_000));
    }

    #[test]
    fn authorizations_that_the_gas_cannot_pay_are_refused() {
        let mut message = message(
            r#"{"gas":"0x61a7","authorizationList":[{"chainId":"0x1","address":"0x0000000000000000000000000000000000000001","nonce":"0x0","yParity":"0x0","r":"0x1","s":"0x1"}]}"#,
        );
        message.gas = 24_999;
        let refused = create(&MemoryState::default(), &environment(SpecId::OSAKA), message);
        assert!(refused.is_err_and(|error| error.to_string().starts_with("insufficient gas")));
    }
}
