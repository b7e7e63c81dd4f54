//! The state transition function: from a parent state and a block to the next state.
//!
//! Pure and `no_std` with `alloc`: it knows no disk, no clock and no JSON, so that the node and a zkVM guest compile
//! the same rules. Whoever holds state implements [`source::StateSource`]. Walk with a block: [`block`] decodes it and
//! checks header and body, [`senders`] recovers who signed, [`execute`] runs it and hands back [`changes`].
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod block;
pub mod changes;
pub mod constantinople;
pub mod dao;
mod difficulty;
pub mod environment;
pub mod error;
pub mod execute;
pub mod header;
pub mod intrinsic;
pub mod journal;
pub mod memory;
pub mod ommers;
pub mod overlay;
pub mod receipt;
pub mod requests;
pub mod rewards;
pub mod rollup;
pub mod senders;
pub mod signature;
pub mod source;
pub mod spec;
pub mod transaction;
pub mod trie;
pub mod tries;
pub mod witness;

/// A block header.
pub type Header = alloy_consensus::Header;
/// A block with its body.
pub type Block = alloy_consensus::Block<Transaction>;

pub use block::{Ancestor, decode_block, recover_senders, validate_body, validate_header, validate_ommers};
pub use changes::{AccountBody, AccountChange, SlotChange, StateChanges};
pub use error::{BlockError, ExecuteError, SenderError, TransactionError};
pub use execute::{Executed, Executor, TransactionResult, execute_block, verify_executed};
pub use intrinsic::intrinsic_gas;
pub use receipt::Receipt;
pub use source::StateSource;
pub use spec::{BlobParams, ChainSpec, Fork};
pub use transaction::{SignedTransaction, Transaction};
