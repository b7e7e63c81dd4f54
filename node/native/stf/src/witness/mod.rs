//! Execution without a state: a block, or a run of them, with the trie nodes, codes and headers that it touches, and nothing else.
//!
//! [`record`] makes a [`Witness`] where the state is, [`execute_witness`] checks a block from it where no state is: in
//! a prover, a second client, a test. Both run the block by the same code ([`run`]) over a [`WitnessSource`], so that
//! what the one read is what the other asks for: while executing and while the changed tries collapse.
//!
//! A witness cannot show a chain's total difficulty, which the merge's rule needs: that rule is taken as kept. Blocks
//! with ommers are refused, since whether ommers are kin is not in a witness.

mod encoding;
mod error;
mod execute;
mod index;
#[cfg(feature = "std")]
mod record;
mod state;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;

use alloy_primitives::{B256, Bytes};

pub use error::WitnessError;
pub use execute::{Outcome, execute_blocks, execute_witness, run};
#[cfg(feature = "std")]
pub use record::record;
pub use state::TrieState;

use crate::{trie::Found, tries::StateNodes};

/// What it takes to execute a block. Each list is sorted by its bytes (headers: by number) and holds nothing twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Witness {
    /// RLP of trie nodes, of the accounts' trie and of storage tries.
    pub state: Vec<Bytes>,
    /// Codes that were run or copied.
    pub codes: Vec<Bytes>,
    /// Addresses (20 bytes) and slots (32 bytes) that were read. May be left out as a whole.
    pub keys: Vec<Bytes>,
    /// RLP of the parent's header, and of as many before it as BLOCKHASH reached for.
    pub headers: Vec<Bytes>,
}

/// Where a witness comes from: the state before a block, its codes, and the headers before it.
pub trait WitnessSource: StateNodes {
    /// The code with this hash.
    fn code(&self, hash: &B256) -> Found<Bytes>;

    /// The RLP of the header with this hash.
    fn header(&self, hash: &B256) -> Found<Bytes>;
}
