//! The node's storage: one LMDB environment that holds state, chain data and indexes, and changes them together.
//!
//! A [`Commit`] is one write transaction: the blocks, the flat state, its history, the trie nodes, the indexes and the
//! head pointer become visible at once, or not at all. A [`Snapshot`] is one read transaction: it sees one commit,
//! whatever the writer does meanwhile, in this process or another. Nothing here knows the EVM, JSON or fork rules.
//!
//! Walk with a block: the writer hands a [`StoredBlock`] to [`Database::commit`] (`commit` orders the work, `changes`
//! merges the state of many blocks, `chain_data` and `logs` file the rest); `unwind` takes it back; [`Snapshot`]
//! reads it, at the head or at any block whose history is kept.

mod chain_data;
mod changes;
mod commit;
mod database;
mod environment;
mod error;
mod flat;
mod folder;
mod keys;
mod logs;
mod meta;
mod nodes;
mod origin;
mod pages;
mod readers;
mod records;
mod shared_reads;
mod snapshot;
mod tables;
mod unwind;
mod upkeep;

pub use commit::{Amendment, Commit, StorageNodes, StoredBlock};
pub use database::{DEFAULT_MAP_SIZE, Database, Options};
pub use error::StateError;
pub use flat::{ChangedKeys, StateDifference};
pub use logs::{LogBlocks, LogFilter, log_key};
pub use nodes::{AccountNodes, StorageNodesAt};
pub use origin::{Origin, OriginAccount};
pub use readers::Reader;
pub use records::{BadBlock, BlockRef, FlatAccount};
pub use shared_reads::SharedReads;
pub use snapshot::Snapshot;
pub use upkeep::{Prune, Stats, TableStats};
