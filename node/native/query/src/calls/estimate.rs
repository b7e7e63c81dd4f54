//! `eth_estimateGas`: the lowest gas limit with which a message runs through, within 1.5 %.
//!
//! The search is geth's: one run with all the gas there is (it fails: the answer is that failure), one with what that
//! run used and the 63/64 rule asks for, then a bisection that leans to the low side.

use super::args::Message;
use super::error::{Attempt, CallError, SourceError};
use super::run::{Environment, halt_text, run};
use alloy_primitives::{TxKind, U256};
use revm::DatabaseRef;
use revm::context_interface::result::{ExecutionResult, HaltReason, InvalidTransaction};
use revm::database_interface::WrapDatabaseRef;
use revm::primitives::eip4844::GAS_PER_BLOB;
use revm::primitives::hardfork::SpecId;

/// A plain transfer.
const TRANSFER_GAS: u64 = 21_000;
/// What a call with value hands to the callee for free.
const CALL_STIPEND: u64 = 2_300;
/// EIP-7825.
const TX_GAS_CAP: u64 = 1 << 24;
/// How far above the true limit the answer may lie: wallets add 20 % anyway.
const ERROR_RATIO: f64 = 0.015;

/// A message whose gas limit is looked for.
pub struct Search<'a, D> {
    pub state: &'a D,
    pub environment: &'a Environment,
    pub message: Message,
    /// The gas of the call object; 0 where it names none.
    pub requested: u64,
    /// The node's limit.
    pub gas_cap: u64,
}

impl<D: DatabaseRef<Error = SourceError>> Search<'_, D> {
    pub fn run(mut self) -> Result<u64, CallError> {
        let highest = self.highest_limit()?;
        if self.is_plain_transfer()? && matches!(self.passes(TRANSFER_GAS), Ok(true)) {
            return Ok(TRANSFER_GAS);
        }
        let first = match self.attempt(highest)? {
            Some(result) if result.is_success() => result,
            Some(result) => return Err(self.failure(result, highest)),
            None => return Err(exceeds_allowance(highest)),
        };
        let mut low = first.tx_gas_used().saturating_sub(1);
        let mut high = highest;
        let peak = first.gas().total_gas_spent().max(first.gas().floor_gas());
        let optimistic = (peak + CALL_STIPEND) * 64 / 63;
        if optimistic < high {
            if self.passes(optimistic)? {
                high = optimistic;
            } else {
                low = optimistic;
            }
        }
        while low + 1 < high && (high - low) as f64 / high as f64 >= ERROR_RATIO {
            let middle = (low + (high - low) / 2).min(low.saturating_mul(2));
            if self.passes(middle)? {
                high = middle;
            } else {
                low = middle;
            }
        }
        Ok(high)
    }

    /// The most gas worth trying: the block's (or the request's) limit, the fork's cap, what the sender can pay.
    fn highest_limit(&self) -> Result<u64, CallError> {
        let mut highest = self.environment.block.gas_limit;
        if self.requested >= TRANSFER_GAS {
            highest = self.requested;
        }
        if self.environment.cfg.spec.is_enabled_in(SpecId::OSAKA) {
            highest = highest.min(TX_GAS_CAP);
        }
        if let Some(affordable) = self.affordable()? {
            highest = highest.min(affordable);
        }
        Ok(highest.min(self.gas_cap))
    }

    /// How much gas the sender's balance pays for; `None` without a price.
    fn affordable(&self) -> Result<Option<u64>, CallError> {
        let message = &self.message;
        if message.fee_cap.is_zero() {
            return Ok(None);
        }
        let balance = self.state.basic_ref(message.from)?.unwrap_or_default().balance;
        if message.value >= balance {
            return Err(CallError::Refused("insufficient funds for transfer".to_owned()));
        }
        let mut available = balance - message.value;
        let blobs = message.blob_hashes.as_ref().map_or(0, Vec::len);
        if blobs > 0 && self.environment.cfg.spec.is_enabled_in(SpecId::CANCUN) {
            let blob_fee = message.blob_fee_cap.saturating_mul(U256::from(blobs as u64 * GAS_PER_BLOB));
            if blob_fee >= available {
                return Err(CallError::Refused("insufficient funds for gas * price + value".to_owned()));
            }
            available -= blob_fee;
        }
        Ok(u64::try_from(available / message.fee_cap).ok())
    }

    /// No data, and no code at the receiver.
    fn is_plain_transfer(&self) -> Result<bool, CallError> {
        let TxKind::Call(to) = self.message.to else { return Ok(false) };
        if !self.message.data.is_empty() {
            return Ok(false);
        }
        Ok(self.state.basic_ref(to)?.is_none_or(|account| account.is_empty_code_hash()))
    }

    fn passes(&mut self, gas: u64) -> Result<bool, CallError> {
        Ok(self.attempt(gas)?.is_some_and(|result| result.is_success()))
    }

    /// Run with `gas`; `None` where the limit alone is refused.
    fn attempt(&mut self, gas: u64) -> Result<Option<ExecutionResult>, CallError> {
        self.message.gas = gas;
        let environment = self.environment.clone().for_message(&self.message);
        match run(WrapDatabaseRef(self.state), environment, &self.message) {
            Ok(result) => Ok(Some(result)),
            Err(CallError::Transaction(refused)) if is_about_gas_limit(&refused.reason) => Ok(None),
            Err(error) => Err(error.during(Attempt::Estimate)),
        }
    }

    /// Why the message fails with all the gas there is.
    fn failure(&self, result: ExecutionResult, highest: u64) -> CallError {
        match result {
            ExecutionResult::Revert { output, .. } => CallError::Reverted(output),
            ExecutionResult::Halt { reason: HaltReason::OutOfGas(_), .. } | ExecutionResult::Success { .. } => {
                exceeds_allowance(highest)
            }
            ExecutionResult::Halt { reason, .. } => {
                let environment = self.environment.clone().for_message(&self.message);
                CallError::Halted(halt_text(WrapDatabaseRef(self.state), environment, &self.message, &reason))
            }
        }
    }
}

/// Another limit may pass.
fn is_about_gas_limit(reason: &InvalidTransaction) -> bool {
    matches!(
        reason,
        InvalidTransaction::CallGasCostMoreThanGasLimit { .. } | InvalidTransaction::TxGasLimitGreaterThanCap { .. }
    )
}

fn exceeds_allowance(highest: u64) -> CallError {
    CallError::Refused(format!("gas required exceeds allowance ({highest})"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::testing::{CONTRACT, MemoryState, SENDER, environment, message};
    use alloy_primitives::{Address, hex};

    fn estimate(state: &MemoryState, json: &str) -> Result<u64, CallError> {
        let message = message(json);
        let requested = if json.contains("\"gas\"") { message.gas } else { 0 };
        let environment = environment(SpecId::OSAKA);
        Search { state, environment: &environment, message, requested, gas_cap: 50_000_000 }.run()
    }

    #[test]
    fn a_plain_transfer_takes_21000() {
        let state = MemoryState::default().with_balance(SENDER, 10);
        assert_eq!(estimate(&state, r#"{"value":"0x1"}"#).expect("passes"), 21_000);
    }

    #[test]
    fn a_transfer_with_an_access_list_takes_more() {
        let json = r#"{"accessList":[{"address":"0x0000000000000000000000000000000000000001","storageKeys":[]}]}"#;
        let gas = estimate(&MemoryState::default(), json).expect("passes");
        assert!((23_400..23_800).contains(&gas), "{gas}");
    }

    #[test]
    fn the_answer_is_enough_and_at_most_a_few_percent_more() {
        // SSTORE(1, 1), then SSTORE(1, 0): the refund makes the gas used less than the gas needed.
        let state = MemoryState::default().with_code(CONTRACT, hex!("600160015560006001 5500"));
        let needed = 21_000 + 4 * 3 + 22_100 + 100;

        let gas = estimate(&state, "{}").expect("passes");

        assert!(gas >= needed && gas <= needed + needed / 10, "{gas} for {needed}");
    }

    #[test]
    fn a_call_that_always_reverts_gives_its_data() {
        let state = MemoryState::default().with_code(CONTRACT, hex!("60ab5f5360015ffd"));
        let error = estimate(&state, "{}").expect_err("reverts");
        assert!(matches!(error, CallError::Reverted(data) if data.as_ref() == [0xab]));
    }

    #[test]
    fn a_call_that_never_has_enough_exceeds_the_allowance() {
        // JUMPDEST PUSH0 JUMP
        let state = MemoryState::default().with_code(CONTRACT, hex!("5b5f56"));
        let error = estimate(&state, r#"{"gas":"0x186a0"}"#).expect_err("endless");
        assert_eq!(error.to_string(), "gas required exceeds allowance (100000)");
    }

    #[test]
    fn an_invalid_opcode_is_named() {
        let state = MemoryState::default().with_code(CONTRACT, hex!("fe"));
        assert_eq!(estimate(&state, "{}").expect_err("halts").to_string(), "invalid opcode: INVALID");
    }

    #[test]
    fn what_the_sender_can_pay_bounds_the_search() {
        let state = MemoryState::default().with_code(CONTRACT, hex!("5b5f56")).with_balance(SENDER, 400_000);
        let error = estimate(&state, r#"{"gasPrice":"0xa","value":"0x1"}"#).expect_err("endless");
        assert_eq!(error.to_string(), "gas required exceeds allowance (39999)");

        let poor = estimate(&MemoryState::default(), r#"{"gasPrice":"0xa","value":"0x1"}"#).expect_err("no funds");
        assert_eq!(poor.to_string(), "insufficient funds for transfer");
    }

    #[test]
    fn the_gas_cap_of_osaka_bounds_the_search() {
        let state = MemoryState::default().with_code(CONTRACT, hex!("5b5f56"));
        let error = estimate(&state, r#"{"gas":"0x2faf080"}"#).expect_err("endless");
        assert_eq!(error.to_string(), "gas required exceeds allowance (16777216)");
    }

    #[test]
    fn a_creation_pays_for_its_code() {
        let mut message = message(r#"{"data":"0x60015ff3"}"#);
        message.to = TxKind::Create;
        message.from = Address::ZERO;
        let (state, environment) = (MemoryState::default(), environment(SpecId::OSAKA));

        let gas = Search { state: &state, environment: &environment, message, requested: 0, gas_cap: 50_000_000 }.run();

        assert!(gas.expect("passes") > 53_000);
    }
}
