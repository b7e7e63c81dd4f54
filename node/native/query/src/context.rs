//! What a method may look at: one snapshot of the database, the rules, the settings, and in the writing process what
//! lives in memory only.

use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address, B256, Bytes, U256};
use state::{FlatAccount, Snapshot};
use stf::{ChainSpec, Header};

/// Everything one request is answered from. Made for each request (or batch): `latest` is the same block throughout.
pub struct Context {
    pub snapshot: Snapshot,
    pub spec: Arc<ChainSpec>,
    pub settings: Arc<Settings>,
    /// The writer's memory; `None` in processes that only read.
    pub pending: Option<Arc<dyn Pending>>,
    /// Where the synchronisation stands; `None` when it is done.
    pub syncing: Option<SyncProgress>,
}

impl Context {
    /// A context that reads the database and nothing else.
    pub fn new(snapshot: Snapshot, spec: Arc<ChainSpec>, settings: Arc<Settings>) -> Self {
        Self { snapshot, spec, settings, pending: None, syncing: None }
    }
}

/// What the node's owner decides about answers.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `web3_clientVersion`.
    pub client_version: String,
    /// `net_version`.
    pub network_id: u64,
    /// Gas that a call may use at most (`--rpc.gascap`).
    pub gas_cap: u64,
    /// Time that a call may take at most (`--rpc.evmtimeout`).
    pub evm_timeout: Duration,
    /// Blocks that one `eth_getLogs` may span (`--rpc.rangelimit`); 0 is no limit.
    pub log_range: u64,
    /// Addresses, or topics at one position, of a log filter (`--rpc.logquerylimit`); 0 is no limit.
    pub log_criteria: usize,
    /// Size of a response that may grow with the chain.
    pub response_bytes: usize,
    /// Blocks below the head whose tries can be asked for (`--history.proofs`).
    pub proof_blocks: u64,
    /// What a request without the writer's memory gets where the answer depends on it: the writer is asked
    /// (a worker), or the pool counts as empty and the pending block as the latest (a process on its own).
    pub ask_writer: bool,
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
            log_criteria: 1000,
            response_bytes: 256 << 20,
            proof_blocks: 1024,
            ask_writer: false,
            edition: Edition::Current,
        }
    }
}

/// Which edition of the execution API specification answers follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Edition {
    /// Transactions and logs carry `blockTimestamp`; a bad storage key is a parameter error.
    #[default]
    Current,
    /// Until early 2025: neither.
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
