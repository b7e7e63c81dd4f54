//! What a method may look at: one snapshot of the database, the rules, the settings, and in the writing process what
//! lives in memory only.

use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address, B256, Bytes, U256};
use serde::{Deserialize, Deserializer};
use state::{FlatAccount, Snapshot};
use stf::{ChainSpec, Header};

use crate::origin::Remote;

/// Everything one request is answered from. Made for each request (or batch): `latest` is the same block throughout.
pub struct Context {
    pub snapshot: Snapshot,
    pub spec: Arc<ChainSpec>,
    pub settings: Arc<Settings>,
    /// The writer's memory; `None` in processes that only read.
    pub pending: Option<Arc<dyn Pending>>,
    /// The chain that this one forks.
    pub origin: Option<Arc<Remote>>,
    /// Where the synchronisation stands; `None` when it is done.
    pub syncing: Option<SyncProgress>,
}

impl Context {
    /// A context that reads the database and nothing else.
    pub fn new(snapshot: Snapshot, spec: Arc<ChainSpec>, settings: Arc<Settings>) -> Self {
        Self { snapshot, spec, settings, pending: None, origin: None, syncing: None }
    }
}

/// What the node's owner decides about answers. As JSON an object with some of the members.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// `web3_clientVersion`.
    pub client_version: String,
    /// `net_version`.
    pub network_id: u64,
    /// Gas that a call may use at most (`--rpc.gascap`).
    pub gas_cap: u64,
    /// Time that a call may take at most (`--rpc.evmtimeout`).
    #[serde(rename = "evm_timeout_seconds", deserialize_with = "seconds")]
    pub evm_timeout: Duration,
    /// Blocks that one `eth_getLogs` may span (`--rpc.log-range`); 0 is no limit.
    pub log_range: u64,
    /// Logs that one answer may hold (`--rpc.log-results`); 0 is no limit.
    pub log_results: u64,
    /// Addresses, or topics at one position, of a log filter; 0 is no limit.
    pub log_criteria: usize,
    /// Size of a response that may grow with the chain.
    pub response_bytes: usize,
    /// Blocks below the head whose tries can be asked for (`--history.proofs`).
    pub proof_blocks: u64,
    /// What somebody else answers for: requests that need it are given back.
    pub elsewhere: Elsewhere,
    pub edition: Edition,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            client_version: concat!("ethrex/v", env!("CARGO_PKG_VERSION")).to_owned(),
            network_id: 1,
            gas_cap: 50_000_000,
            evm_timeout: Duration::from_secs(5),
            log_range: 0,
            log_results: 0,
            log_criteria: 1000,
            response_bytes: 256 << 20,
            proof_blocks: 1024,
            elsewhere: Elsewhere::Nothing,
            edition: Edition::Current,
        }
    }
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let seconds = f64::deserialize(deserializer)?;
    Duration::try_from_secs_f64(seconds).map_err(serde::de::Error::custom)
}

/// What lives in memory that is not in [`Context::pending`], and who answers for it is not this crate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Elsewhere {
    /// There is no pool: unknown transactions are unknown, and the pending block is the latest.
    #[default]
    Nothing,
    /// The pool: unknown transactions, and the nonce that comes after the pool's, are given back.
    Pool,
    /// The pool and the pending block: whatever names that block is given back.
    PendingBlock,
}

/// Which edition of the execution API specification answers follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Edition {
    /// Transactions and logs carry `blockTimestamp`; a bad storage key is a parameter error.
    #[default]
    #[serde(rename = "current")]
    Current,
    /// Until early 2025: neither.
    #[serde(rename = "2024")]
    Y2024,
}

/// `eth_syncing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncProgress {
    pub starting_block: u64,
    pub current_block: u64,
    pub highest_block: u64,
}

/// What the writing process holds in memory: the pool and the block it would build next.
pub trait Pending: Send + Sync {
    /// The block on top of the head; `None`: nothing is being built, `latest` stands in.
    fn block(&self) -> Option<Arc<PendingBlock>>;
    /// The account in the state after the pending block; `None` where that block did not touch it.
    fn account(&self, hashed: &B256) -> Option<Option<FlatAccount>>;
    /// The slot in the state after the pending block; `None` where that block did not touch it.
    fn storage(&self, hashed: &B256, slot: &B256) -> Option<U256>;
    /// Code that the pending block creates.
    fn code(&self, hash: &B256) -> Option<Bytes>;
    /// The next nonce of an account that has transactions in the pool.
    fn nonce(&self, address: &Address) -> Option<u64>;
    /// A transaction of the pool: its EIP-2718 bytes (no sidecar) and who sent it.
    fn transaction(&self, hash: &B256) -> Option<(Bytes, Address)>;
}

/// A block that has no hash yet.
#[derive(Clone, Debug)]
pub struct PendingBlock {
    pub header: Header,
    pub body: Bytes,
    pub senders: Vec<Address>,
    pub transaction_hashes: Vec<B256>,
    pub receipts: Bytes,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_from_the_members_that_are_given() {
        let json = r#"{"gas_cap":7,"evm_timeout_seconds":0.5,"elsewhere":"pool","edition":"2024"}"#;

        let settings: Settings = serde_json::from_str(json).unwrap();

        assert_eq!((settings.gas_cap, settings.evm_timeout), (7, Duration::from_millis(500)));
        assert_eq!((settings.elsewhere, settings.edition), (Elsewhere::Pool, Edition::Y2024));
        assert_eq!(settings.proof_blocks, Settings::default().proof_blocks);
    }

    #[test]
    fn unknown_or_impossible_settings_are_refused() {
        for json in [r#"{"gascap":7}"#, r#"{"evm_timeout_seconds":-1}"#, r#"{"edition":"2031"}"#, "7"] {
            assert!(serde_json::from_str::<Settings>(json).is_err(), "{json}");
        }
    }
}
