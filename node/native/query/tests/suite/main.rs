//! Tests through the crate's public door, on a small chain in a real database.

mod answers;
mod calls;
mod encoding;
mod malformed;
mod pending;
mod recorded;
mod support;
