//! What can go wrong in the writer, named by what the caller may do.

use alloy_primitives::{Address, B256};
use stf::BlockError;

/// An error of the writer.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// Never: the block breaks a rule. Remember it as bad, with the reason.
    #[error("block {number} ({hash}) is invalid: {reason}")]
    Invalid { number: u64, hash: B256, reason: Box<BlockError> },
    /// Never: the bytes are not a block.
    #[error("not a block: {0}")]
    Undecodable(BlockError),
    /// Come again when the parent is known.
    #[error("parent {parent} of block {number} ({hash}) is not known")]
    UnknownParent { number: u64, hash: B256, parent: B256 },
    /// The caller names a block that this node does not hold.
    #[error("block {0} is not known")]
    UnknownBlock(B256),
    /// The genesis file cannot be read.
    #[error("genesis: {0}")]
    Genesis(String),
    /// The data folder belongs to another chain.
    #[error("this data folder holds the chain with genesis {stored}, the genesis given has {given}")]
    OtherGenesis { stored: B256, given: B256 },
    /// The data folder's chain is not one that begins with this block, or goes through it.
    #[error(
        "this data folder's chain has {} as block {number}, it shall begin with {given}: take an empty folder",
        .stored.map_or_else(|| "nothing".to_owned(), |hash| hash.to_string())
    )]
    OtherStart { number: u64, stored: Option<B256>, given: B256 },
    /// The state that a chain shall begin with is not the one that its block names.
    #[error("the state to begin with has root {got}, block {number} has {expected}")]
    WrongState { number: u64, got: B256, expected: B256 },
    /// The outcome of blocks that are not here does not go on from the head.
    #[error("block {number} cannot follow the head, block {head}: {what}")]
    NoLeap { number: u64, head: u64, what: &'static str },
    /// What is asked lies deeper than the history that is kept.
    #[error("block {0} is older than the history that is kept")]
    TooOld(u64),
    /// The chain does not remember the slots that it wrote, or not all of them.
    #[error("the storage of {0} has a slot whose number is not known: this chain did not write it as a dev chain")]
    UnknownSlot(Address),
    /// No block can be built with these attributes.
    #[error("cannot build: {0}")]
    Unbuildable(&'static str),
    /// The interpreter broke: nothing is known about the block.
    #[error("interpreter: {0}")]
    Interpreter(String),
    /// The disk, the database, or a broken invariant in them.
    #[error(transparent)]
    Storage(#[from] state::StateError),
    /// A trie node is missing or broken: the database is damaged.
    #[error("state trie: {0}")]
    Trie(#[from] stf::trie::TrieError),
}
