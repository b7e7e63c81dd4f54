//! The `eth` namespace. In each method the same beats: parse, check, look up, answer.

pub mod blocks;
pub mod chain;
pub mod config;
pub mod fees;
pub mod logs;
pub mod proof;
pub mod receipts;
pub mod state;
pub mod transactions;
