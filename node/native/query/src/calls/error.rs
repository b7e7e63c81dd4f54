//! Why a call was not answered, with the JSON-RPC code each reason has in geth.
//!
//! ```text
//! CallError
//! + InvalidParams   the request cannot be read                                   -32602
//! + Refused         fields that contradict each other or the chain               -32000
//! + Transaction     the EVM refuses the message before it runs                   -32000, own codes in eth_simulateV1
//! + Reverted        REVERT, with its data                                        3
//! + Halted          any other halt                                               -32000
//! + Timeout         the time limit passed                                        -32000
//! + Coded           a rule of eth_simulateV1 with a code of its own              -380xx
//! + State           the database failed                                          -32603
//! ```

use super::revert::revert_message;
use crate::error::{INTERNAL, INVALID_PARAMS, RpcError, SERVER};
use alloy_primitives::{Address, Bytes, U256};
use revm::context_interface::result::{EVMError, InvalidTransaction};
use std::time::Duration;

pub const REVERTED: i64 = 3;
/// A call of `eth_simulateV1` that halted.
pub const VM_ERROR: i64 = -32015;

#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("{0}")]
    InvalidParams(String),
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Transaction(#[from] Box<TransactionRefused>),
    #[error("{}", revert_message(.0))]
    Reverted(Bytes),
    #[error("{0}")]
    Halted(String),
    #[error("execution aborted (timeout = {0:?})")]
    Timeout(Duration),
    #[error("{message}")]
    Coded { code: i64, message: String },
    #[error("{0}")]
    State(String),
}

impl CallError {
    pub fn code(&self) -> i64 {
        match self {
            Self::InvalidParams(_) => INVALID_PARAMS,
            Self::Refused(_) | Self::Transaction(_) | Self::Halted(_) | Self::Timeout(_) => SERVER,
            Self::Reverted(_) => REVERTED,
            Self::Coded { code, .. } => *code,
            Self::State(_) => INTERNAL,
        }
    }
}

impl CallError {
    /// Say what was tried, where the message was refused.
    pub fn during(mut self, attempt: Attempt) -> Self {
        if let Self::Transaction(refused) = &mut self {
            refused.attempt = attempt;
        }
        self
    }
}

impl From<CallError> for RpcError {
    fn from(error: CallError) -> Self {
        let data = match &error {
            CallError::Reverted(output) => Some(format!("\"{output}\"")),
            _ => None,
        };
        Self { code: error.code(), message: error.to_string(), data }
    }
}

/// What a database under the EVM may fail with.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("{0}")]
    Storage(String),
    #[error("execution aborted (timeout = {0:?})")]
    Timeout(Duration),
}

impl revm::database_interface::DBErrorMarker for SourceError {}

impl From<SourceError> for CallError {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Storage(message) => Self::State(message),
            SourceError::Timeout(limit) => Self::Timeout(limit),
        }
    }
}

/// What was tried with a message that did not run. Clients match on the words around the reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Attempt {
    #[default]
    Call,
    Estimate,
    AccessList,
    Trace,
}

/// A message that did not run: the EVM's reason and the facts that the message names.
#[derive(Debug, Clone)]
pub struct TransactionRefused {
    pub attempt: Attempt,
    pub reason: InvalidTransaction,
    pub from: Address,
    pub gas: u64,
    pub fee_cap: U256,
    pub tip_cap: U256,
    pub base_fee: u64,
}

impl std::error::Error for TransactionRefused {}

impl std::fmt::Display for TransactionRefused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (reason, gas) = (self.reason_text(), self.gas);
        match self.attempt {
            Attempt::Call => write!(f, "err: {reason} (supplied gas {gas})"),
            Attempt::Estimate => write!(f, "failed with {gas} gas: {reason}"),
            Attempt::AccessList => write!(f, "failed to apply transaction: err: {reason}"),
            Attempt::Trace => write!(f, "tracing failed: {reason}"),
        }
    }
}

impl TransactionRefused {
    /// The reason in geth's words.
    fn reason_text(&self) -> String {
        let from = self.from;
        match &self.reason {
            InvalidTransaction::PriorityFeeGreaterThanMaxFee => format!(
                "max priority fee per gas higher than max fee per gas: address {from}, maxPriorityFeePerGas: {}, \
                 maxFeePerGas: {}",
                self.tip_cap, self.fee_cap
            ),
            InvalidTransaction::GasPriceLessThanBasefee => format!(
                "max fee per gas less than block base fee: address {from}, maxFeePerGas: {}, baseFee: {}",
                self.fee_cap, self.base_fee
            ),
            InvalidTransaction::CallGasCostMoreThanGasLimit { initial_gas, gas_limit } => {
                format!("intrinsic gas too low: have {gas_limit}, want {initial_gas}")
            }
            InvalidTransaction::GasFloorMoreThanGasLimit { gas_floor, gas_limit } => {
                format!("insufficient gas for floor data gas cost: have {gas_limit}, want {gas_floor}")
            }
            InvalidTransaction::LackOfFundForMaxFee { fee, balance } => {
                format!("insufficient funds for gas * price + value: address {from} have {balance} want {fee}")
            }
            InvalidTransaction::OverflowPaymentInTransaction => {
                format!("insufficient funds for gas * price + value: address {from} required balance exceeds 256 bits")
            }
            InvalidTransaction::NonceTooHigh { tx, state } => {
                format!("nonce too high: address {from}, tx: {tx} state: {state}")
            }
            InvalidTransaction::NonceTooLow { tx, state } => {
                format!("nonce too low: address {from}, tx: {tx} state: {state}")
            }
            InvalidTransaction::NonceOverflowInTransaction => format!("nonce has max value: address {from}"),
            InvalidTransaction::RejectCallerWithCode => format!("sender not an eoa: address {from}"),
            InvalidTransaction::BlobGasPriceGreaterThanMax { block_blob_gas_price, tx_max_fee_per_blob_gas } => {
                format!(
                    "max fee per blob gas less than block blob gas fee: address {from} blobGasFeeCap: \
                 {tx_max_fee_per_blob_gas}, blobBaseFee: {block_blob_gas_price}"
                )
            }
            InvalidTransaction::EmptyAuthorizationList => {
                format!("EIP-7702 transaction with empty auth list (sender {from})")
            }
            InvalidTransaction::AuthorizationListInvalidFields => {
                format!("EIP-7702 transaction cannot be used to create contract (sender {from})")
            }
            InvalidTransaction::CreateInitCodeSizeLimit => "max initcode size exceeded".to_owned(),
            InvalidTransaction::EmptyBlobs => "blob transaction missing blob hashes".to_owned(),
            InvalidTransaction::BlobVersionNotSupported => "a blob has an invalid hash version".to_owned(),
            InvalidTransaction::BlobCreateTransaction => "blob transaction of type create".to_owned(),
            InvalidTransaction::TooManyBlobs { .. } => "blob transaction has too many blobs".to_owned(),
            other => other.to_string(),
        }
    }

    /// The code of the rule in `eth_simulateV1`.
    pub fn simulation_code(&self) -> i64 {
        match &self.reason {
            InvalidTransaction::NonceTooLow { .. } => -38010,
            InvalidTransaction::NonceTooHigh { .. } => -38011,
            InvalidTransaction::GasPriceLessThanBasefee => -38012,
            InvalidTransaction::CallGasCostMoreThanGasLimit { .. } => -38013,
            InvalidTransaction::LackOfFundForMaxFee { .. } | InvalidTransaction::OverflowPaymentInTransaction => -38014,
            InvalidTransaction::RejectCallerWithCode => -38024,
            InvalidTransaction::CreateInitCodeSizeLimit => -38025,
            InvalidTransaction::PriorityFeeGreaterThanMaxFee => INVALID_PARAMS,
            _ => INTERNAL,
        }
    }
}

/// Split the EVM's error: a refused message keeps its facts, everything else is the node's trouble.
pub fn from_evm(
    error: EVMError<SourceError>,
    refused: impl FnOnce(InvalidTransaction) -> Box<TransactionRefused>,
) -> CallError {
    match error {
        EVMError::Transaction(reason) => refused(reason).into(),
        EVMError::Header(reason) => CallError::Refused(reason.to_string()),
        EVMError::Database(error) => error.into(),
        EVMError::Custom(message) => CallError::State(message),
        EVMError::CustomAny(error) => CallError::State(error.to_string()),
    }
}
