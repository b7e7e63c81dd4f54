//! Methods that run the EVM on a state and keep nothing: calls, estimates, simulations, traces.
//!
//! Walk with `eth_call`: [`args`] reads the call object and makes it a message, `place` finds the state and the block,
//! `overrides` change both, `run` builds the machine over `source` (or a `layer` on it) and runs the message, `revert`
//! and `error` say what went wrong in geth's words. Traces of mined transactions walk through [`trace`], whole
//! simulated blocks through [`simulate`].

mod access_list;
mod args;
mod arguments;
mod codes;
mod data_gas;
pub mod debug;
mod error;
mod estimate;
pub mod eth;
mod faults;
mod fields;
mod layer;
pub mod ots;
mod overrides;
pub mod parity;
mod past_nodes;
mod place;
mod precompiles;
mod revert;
mod roots;
mod run;
mod simulate;
mod source;
mod system;
#[cfg(test)]
mod testing;
mod trace;
pub mod witness;
