//! From records to the JSON of the execution API. Names and order of members are geth's.

pub mod block;
pub mod receipt;
pub mod transaction;
