//! The writer of a data folder: what is executed, what is committed, what is built.
//!
//! Walk with a block: [`Chain::execute`] checks it and executes it over a [`view`] of its parent's state; the result is
//! a [`layer`], a candidate in memory; [`Chain::set_head`] commits the branch of candidates that fork choice wants, in
//! one write, and takes back what it no longer wants ([`past`]). [`import`] does the same for long runs of blocks, with
//! the work spread over the cores, and [`build`] makes a block of the pool's transactions ([`intake`]).
#![forbid(unsafe_code)]

pub mod born;
pub mod build;
mod codes;
pub mod dump;
mod error;
pub mod genesis;
mod import;
pub mod intake;
mod layer;
mod leap;
mod nodes;
mod past;
pub mod patch;
pub mod receipts;
mod roots;
mod stages;
mod stored;
mod view;
mod writer;

pub use error::ChainError;
pub use import::ImportReport;
pub use layer::Layer;
pub use stages::{BlockWork, Stages};
pub use view::View;
pub use writer::{Chain, HeadChange, Published, Tip, refusal};
