//! Storage through its public door, with real files and real processes.

mod commits;
mod folders;
mod logs;
mod support;
mod twin;
