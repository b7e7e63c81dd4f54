//! Why a block or a transaction is refused.
//!
//! ```text
//! BlockError                 the block breaks a rule, whatever the state holds: it is bad for ever
//! + Sender, Transaction      one of its transactions may not be there
//! SenderError                a signature that this fork does not take
//! TransactionError           a transaction that this block cannot take
//! ExecuteError               either of the above, or the state could not be read (the block may still be good)
//! ```

use alloc::{boxed::Box, string::String};
use alloy_primitives::{Address, B256, U256};
use revm::context_interface::result::InvalidTransaction;

/// A rule that a block breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    // Encoding
    #[error("malformed block: {0}")]
    Malformed(alloy_rlp::Error),
    #[error("{0} bytes follow the block")]
    TrailingBytes(usize),
    #[error("block of {size} bytes, the limit is {limit}")]
    BlockTooLarge { size: usize, limit: usize },

    // Header
    #[error("parent hash {got}, expected {expected}")]
    ParentHashMismatch { got: B256, expected: B256 },
    #[error("block number {got}, expected {expected}")]
    NumberMismatch { got: u64, expected: u64 },
    #[error("timestamp {got} is not after the parent's {parent}")]
    TimestampNotAfterParent { got: u64, parent: u64 },
    #[error("gas limit {got} moves too far from the parent's {parent}")]
    GasLimitJump { got: u64, parent: u64 },
    #[error("gas limit {got} is outside 5000..=2^63-1")]
    GasLimitOutOfRange { got: u64 },
    #[error("gas used {used} exceeds the gas limit {limit}")]
    GasUsedAboveLimit { used: u64, limit: u64 },
    #[error("extra data of {0} bytes, at most 32")]
    ExtraDataTooLong(usize),
    #[error("extra data does not name the DAO fork's side")]
    DaoExtraData,
    #[error("header has no {0}, this fork requires it")]
    FieldMissing(&'static str),
    #[error("header has {0}, this fork does not know it")]
    FieldUnexpected(&'static str),
    #[error("base fee {got}, expected {expected}")]
    BaseFeeMismatch { got: u64, expected: u64 },
    #[error("difficulty {got}, expected {expected}")]
    DifficultyMismatch { got: U256, expected: U256 },
    #[error("proof-of-work block after total difficulty {total} reached the terminal {terminal}")]
    MergeMissed { total: U256, terminal: U256 },
    #[error("proof-of-stake block at total difficulty {total}, the terminal one is {terminal}")]
    MergeTooEarly { total: U256, terminal: U256 },
    #[error("nonce of a proof-of-stake block is not zero")]
    NonceNotZero,
    #[error("blob gas used {used} exceeds the limit {limit}")]
    BlobGasUsedAboveLimit { used: u64, limit: u64 },
    #[error("blob gas used {0} is no multiple of a blob's gas")]
    BlobGasUsedNotMultiple(u64),
    #[error("excess blob gas {got}, expected {expected}")]
    ExcessBlobGasMismatch { got: u64, expected: u64 },

    // Header of a rollup
    #[error("{0} is not what the rollup's rules fix")]
    RollupField(&'static str),
    #[error("more than 10 blocks with timestamp {0}")]
    SecondFull(u64),

    // Body
    #[error("transactions root {got}, the body's is {expected}")]
    TransactionsRootMismatch { got: B256, expected: B256 },
    #[error("ommers hash {got}, the body's is {expected}")]
    OmmersHashMismatch { got: B256, expected: B256 },
    #[error("withdrawals root {got}, the body's is {expected}")]
    WithdrawalsRootMismatch { got: B256, expected: B256 },
    #[error("the body has no withdrawals, this fork requires them")]
    WithdrawalsMissing,
    #[error("the body has withdrawals, this fork does not know them")]
    WithdrawalsUnexpected,
    #[error("blob gas used {got}, the transactions use {expected}")]
    BlobGasUsedMismatch { got: u64, expected: u64 },

    // Ommers
    #[error("{0} ommers, at most 2")]
    TooManyOmmers(usize),
    #[error("ommer {0} stands twice in the block")]
    OmmerDuplicate(B256),
    #[error("ommer {0} was already included by an ancestor")]
    OmmerAlreadyIncluded(B256),
    #[error("ommer {0} is an ancestor")]
    OmmerIsAncestor(B256),
    #[error("ommer {0} has no parent among the last six ancestors, or is the block's sibling by its parent")]
    OmmerNotKin(B256),
    #[error("ommer {hash} is invalid: {reason}")]
    OmmerInvalid { hash: B256, reason: Box<BlockError> },

    // Senders
    #[error("transaction {index}: {reason}")]
    Sender { index: usize, reason: SenderError },

    // Execution
    #[error("transaction {index}: {reason}")]
    Transaction { index: usize, reason: TransactionError },
    #[error("system contract {0} has no code")]
    SystemContractMissing(Address),
    #[error("call of system contract {address} failed: {reason}")]
    SystemCallFailed { address: Address, reason: String },
    #[error("log {log} of transaction {transaction} is no deposit event as EIP-6110 lays it out")]
    DepositMalformed { transaction: usize, log: usize },
    #[error("gas used {got}, execution used {expected}")]
    GasUsedMismatch { got: u64, expected: u64 },
    #[error("logs bloom differs from the one of execution")]
    LogsBloomMismatch,
    #[error("receipts root {got}, execution gave {expected}")]
    ReceiptsRootMismatch { got: B256, expected: B256 },
    #[error("requests hash {got}, execution gave {expected}")]
    RequestsHashMismatch { got: B256, expected: B256 },
    #[error("state root {got}, execution gave {expected}")]
    StateRootMismatch { got: B256, expected: B256 },
}

impl BlockError {
    /// The rule's name: stable, for logs, metrics and callers that choose by reason. Where a transaction broke the rule,
    /// the name of the transaction's reason.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "Malformed",
            Self::TrailingBytes(_) => "TrailingBytes",
            Self::BlockTooLarge { .. } => "BlockTooLarge",
            Self::ParentHashMismatch { .. } => "ParentHashMismatch",
            Self::NumberMismatch { .. } => "NumberMismatch",
            Self::TimestampNotAfterParent { .. } => "TimestampNotAfterParent",
            Self::GasLimitJump { .. } => "GasLimitJump",
            Self::GasLimitOutOfRange { .. } => "GasLimitOutOfRange",
            Self::GasUsedAboveLimit { .. } => "GasUsedAboveLimit",
            Self::ExtraDataTooLong(_) => "ExtraDataTooLong",
            Self::DaoExtraData => "DaoExtraData",
            Self::FieldMissing(_) => "FieldMissing",
            Self::FieldUnexpected(_) => "FieldUnexpected",
            Self::BaseFeeMismatch { .. } => "BaseFeeMismatch",
            Self::DifficultyMismatch { .. } => "DifficultyMismatch",
            Self::MergeMissed { .. } => "MergeMissed",
            Self::MergeTooEarly { .. } => "MergeTooEarly",
            Self::NonceNotZero => "NonceNotZero",
            Self::BlobGasUsedAboveLimit { .. } => "BlobGasUsedAboveLimit",
            Self::BlobGasUsedNotMultiple(_) => "BlobGasUsedNotMultiple",
            Self::ExcessBlobGasMismatch { .. } => "ExcessBlobGasMismatch",
            Self::RollupField(_) => "RollupField",
            Self::SecondFull(_) => "SecondFull",
            Self::TransactionsRootMismatch { .. } => "TransactionsRootMismatch",
            Self::OmmersHashMismatch { .. } => "OmmersHashMismatch",
            Self::WithdrawalsRootMismatch { .. } => "WithdrawalsRootMismatch",
            Self::WithdrawalsMissing => "WithdrawalsMissing",
            Self::WithdrawalsUnexpected => "WithdrawalsUnexpected",
            Self::BlobGasUsedMismatch { .. } => "BlobGasUsedMismatch",
            Self::TooManyOmmers(_) => "TooManyOmmers",
            Self::OmmerDuplicate(_) => "OmmerDuplicate",
            Self::OmmerAlreadyIncluded(_) => "OmmerAlreadyIncluded",
            Self::OmmerIsAncestor(_) => "OmmerIsAncestor",
            Self::OmmerNotKin(_) => "OmmerNotKin",
            Self::OmmerInvalid { .. } => "OmmerInvalid",
            Self::Sender { reason, .. } => reason.kind(),
            Self::Transaction { reason, .. } => reason.kind(),
            Self::SystemContractMissing(_) => "SystemContractMissing",
            Self::SystemCallFailed { .. } => "SystemCallFailed",
            Self::DepositMalformed { .. } => "DepositMalformed",
            Self::GasUsedMismatch { .. } => "GasUsedMismatch",
            Self::LogsBloomMismatch => "LogsBloomMismatch",
            Self::ReceiptsRootMismatch { .. } => "ReceiptsRootMismatch",
            Self::RequestsHashMismatch { .. } => "RequestsHashMismatch",
            Self::StateRootMismatch { .. } => "StateRootMismatch",
        }
    }
}

/// A transaction that a block cannot take. Nothing of it stays in the state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransactionError {
    /// The block is full for this transaction; another one may fit.
    #[error("gas limit {limit} exceeds the {left} gas that are left in the block")]
    BlockGasExceeded { limit: u64, left: u64 },
    /// The block is full of blobs; a transaction with fewer may fit.
    #[error("{blobs} blobs, {left} are left in the block")]
    BlockBlobsExceeded { blobs: u64, left: u64 },
    /// A transaction of L1 on a chain that has none above it.
    #[error("privileged transactions belong to rollups")]
    PrivilegedOutsideRollup,
    /// The block publishes as much as it may; a transaction that writes less may fit.
    #[error("more data than the block may publish: {limit} bytes")]
    BlockDataExceeded { limit: u64 },
    #[error("tip of {tip} wei per gas, the operator fee is {operator_fee}")]
    TipBelowOperatorFee { tip: u128, operator_fee: u64 },
    /// Against the rules of the fork or the state (nonce, balance, fees, intrinsic gas ...).
    #[error("{0}")]
    Invalid(#[from] InvalidTransaction),
}

impl TransactionError {
    /// The rule's name: stable, as [`BlockError::kind`].
    pub fn kind(&self) -> &'static str {
        use InvalidTransaction as Invalid;
        match self {
            Self::BlockGasExceeded { .. } => "BlockGasExceeded",
            Self::BlockBlobsExceeded { .. } => "BlockBlobsExceeded",
            Self::PrivilegedOutsideRollup => "TypeInactive",
            Self::BlockDataExceeded { .. } => "BlockDataExceeded",
            Self::TipBelowOperatorFee { .. } => "TipBelowOperatorFee",
            Self::Invalid(reason) => match reason {
                Invalid::PriorityFeeGreaterThanMaxFee => "PriorityFeeAboveMaxFee",
                Invalid::GasPriceLessThanBasefee => "FeeBelowBaseFee",
                Invalid::CallerGasLimitMoreThanBlock => "BlockGasExceeded",
                Invalid::CallGasCostMoreThanGasLimit { .. } => "IntrinsicGasTooLow",
                Invalid::GasFloorMoreThanGasLimit { .. } => "FloorGasTooLow",
                Invalid::RejectCallerWithCode => "SenderHasCode",
                Invalid::LackOfFundForMaxFee { .. } => "InsufficientFunds",
                Invalid::OverflowPaymentInTransaction => "PaymentOverflow",
                Invalid::NonceOverflowInTransaction => "NonceOverflow",
                Invalid::NonceTooHigh { .. } => "NonceTooHigh",
                Invalid::NonceTooLow { .. } => "NonceTooLow",
                Invalid::CreateInitCodeSizeLimit => "InitCodeTooLarge",
                Invalid::InvalidChainId | Invalid::MissingChainId => "ChainIdMismatch",
                Invalid::TxGasLimitGreaterThanCap { .. } => "GasLimitAboveCap",
                Invalid::BlobGasPriceGreaterThanMax { .. } => "BlobFeeTooLow",
                Invalid::EmptyBlobs => "BlobsMissing",
                Invalid::BlobCreateTransaction => "BlobCreate",
                Invalid::TooManyBlobs { .. } => "TooManyBlobs",
                Invalid::BlobVersionNotSupported => "BlobVersion",
                Invalid::EmptyAuthorizationList => "AuthorizationsMissing",
                _ => "TypeInactive",
            },
        }
    }
}

/// A signature, or the envelope around it, that a fork does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SenderError {
    #[error("type {kind} is not active at this fork")]
    TypeInactive { kind: u8 },
    #[error("signed for chain {got}, this is {expected}")]
    ChainIdMismatch { got: u64, expected: u64 },
    #[error("replay protection is not active at this fork")]
    ReplayProtectionInactive,
    #[error("invalid signature")]
    SignatureInvalid,
}

impl SenderError {
    /// The rule's name: stable, as [`BlockError::kind`].
    pub fn kind(&self) -> &'static str {
        match self {
            Self::TypeInactive { .. } => "TypeInactive",
            Self::ChainIdMismatch { .. } => "ChainIdMismatch",
            Self::ReplayProtectionInactive => "ReplayProtectionInactive",
            Self::SignatureInvalid => "SignatureInvalid",
        }
    }
}

/// Why a block did not execute.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError<E: core::error::Error + 'static> {
    /// The block is bad.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// The state could not be read: nothing is known about the block.
    #[error("reading state: {0}")]
    Source(E),
    /// The interpreter gave up for a reason that is no rule (a precompile's provider failed).
    #[error("interpreter: {0}")]
    Interpreter(String),
}
