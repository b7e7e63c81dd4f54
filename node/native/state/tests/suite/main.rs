//! Storage through its public door, with real files and real processes.

mod commits;
mod support;
mod twin;
