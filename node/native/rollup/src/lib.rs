//! A batch of a rollup: what L1 must know of a run of blocks, and the program that proves it.
//!
//! Walk with a batch: [`program`] executes its blocks from their witness, folds the [`queue`] of L1, takes the
//! [`messages`] to L1 out of the receipts, writes what changed as a [`diff`] into a [`payload`], opens the [`blob`]s that
//! hold it, and hands back the [`batch`], whose hash is the one public value of every proof. [`assemble`] is the same on
//! the sequencer's side, where the blobs are made. Byte layouts: `docs/protocol.md`.
//!
//! `no_std` like `stf`, and compiled into zkVM guests with it; only the feature `host` knows threads and C.
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

#[cfg(feature = "host")]
pub mod assemble;
pub mod batch;
pub mod blob;
pub mod diff;
pub mod input;
#[cfg(feature = "host")]
pub mod kzg;
pub mod messages;
pub mod payload;
pub mod program;
pub mod queue;
pub mod rebuild;
mod words;

pub use batch::Batch;
pub use diff::Diff;
pub use input::{Input, Published};
pub use program::{ProgramError, execute};
