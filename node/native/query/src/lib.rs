//! Answers: JSON-RPC methods that need only a snapshot of the database. JSON in, JSON bytes out.
//!
//! Walk with a request: [`request`] reads it and finds its method in the [`table`]; the method reads its [`params`],
//! looks up what it needs in the [`context`]'s snapshot, and writes the result with [`json`]. Blocks are not decoded for
//! that: [`records`] reads their RLP in place, [`encode`] turns it into JSON. Sockets, batches and limits of the
//! connection are the server's; the pool and the chain's writer are not known here. Methods that run the EVM are in
//! [`calls`].
#![forbid(unsafe_code)]

pub mod block_id;
pub mod blocks;
pub mod calls;
pub mod context;
pub mod debug;
pub mod encode;
pub mod error;
pub mod eth;
pub mod fees;
pub mod filter;
pub mod json;
pub mod origin;
pub mod params;
pub mod payload;
pub mod records;
pub mod request;
pub mod state_at;
pub mod table;
pub mod tries;
pub mod web3;

pub use context::{Context, Edition, Elsewhere, Pending, PendingBlock, Settings, SyncProgress};
pub use encode::transaction::pooled_json;
pub use error::RpcError;
pub use request::{Answer, Request, answer, call};
pub use table::{METHODS, Method, Weight};
