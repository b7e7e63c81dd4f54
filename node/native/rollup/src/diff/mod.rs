//! What a batch changed, as it is published: enough to rebuild the state at its end, and the claims of its messages.
//!
//! [`merge`] makes one diff of the changes of many blocks, [`encoding`] is its one form as bytes, [`apply`] takes it onto
//! a state. Only what is different after the batch is in it.

mod apply;
mod bytes;
mod encoding;
mod merge;

use alloc::{collections::BTreeMap, vec::Vec};

use alloy_primitives::{Address, B256, Bytes, U256};
use stf::Header;

pub use apply::{ApplyError, apply};
pub use encoding::DiffError;
pub use merge::{Merged, UnpublishableError};

/// The published form of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// Of the batch's last block.
    pub header: Header,
    pub accounts: BTreeMap<Address, AccountDiff>,
    /// Leaves of the messages to L1, in the order in which they were sent.
    pub messages: Vec<B256>,
}

/// One account that is different after the batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountDiff {
    /// The new one, where it changed.
    pub balance: Option<U256>,
    pub nonce_increase: u64,
    pub code: Option<CodeDiff>,
    /// New values; zero is a slot that is gone.
    pub slots: BTreeMap<U256, U256>,
}

/// The code that an account has now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodeDiff {
    /// Also where it has none any more.
    New(Bytes),
    /// One that the state, or an account before this one, has already.
    Known(B256),
}
