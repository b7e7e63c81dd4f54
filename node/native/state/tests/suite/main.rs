//! Storage through its public door, with real files and real processes.

mod commits;
mod folders;
mod forks;
mod leaps;
mod logs;
mod power;
mod processes;
mod support;
mod tries;
mod twin;
mod upkeep;
