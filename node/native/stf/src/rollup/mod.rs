//! What a rollup's blocks do differently from Ethereum's: rules that `config.rollup` of the genesis file switches on.
//!
//! [`rules`] are the parameters and their hash, which L1 knows; [`header`] fixes what a sequencer must not choose;
//! [`privileged`] is the transaction that L1 makes; [`fees`] charges for the data that L1 publishes and pays who ran
//! the chain; [`metering`] counts that data.

pub mod fees;
pub mod header;
pub mod metering;
pub mod precompiles;
pub mod privileged;
pub mod rules;

pub use header::L1Prices;
pub use metering::Published;
pub use privileged::{PRIVILEGED_TYPE, Privileged};
pub use rules::RollupRules;

use alloy_primitives::{Address, address};

/// The bridge on L2. Value that L1 sends from it is minted.
pub const BRIDGE: Address = address!("0x000000000000000000000000000000000000ffff");

/// Where messages to L1 are written as logs.
pub const MESSENGER: Address = address!("0x000000000000000000000000000000000000fffe");
