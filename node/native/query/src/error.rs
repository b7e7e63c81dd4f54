//! Why a request was not answered, as JSON-RPC wants to hear it. Codes and words are geth's: clients match on them.

use crate::json;

/// The JSON could not be read.
pub const PARSE: i64 = -32700;
/// The JSON is no request.
pub const INVALID_REQUEST: i64 = -32600;
pub const METHOD_NOT_FOUND: i64 = -32601;
/// The parameters could not be read, or contradict each other.
pub const INVALID_PARAMS: i64 = -32602;
/// The node itself failed: its database, or a record in it.
pub const INTERNAL: i64 = -32603;
/// Everything that has no code of its own.
pub const SERVER: i64 = -32000;
/// The resource exists in principle, not here.
pub const RESOURCE_NOT_FOUND: i64 = -32001;
/// A limit of this node.
pub const LIMIT_EXCEEDED: i64 = -38026;
/// History that this node does not keep.
pub const HISTORY_PRUNED: i64 = 4444;
/// Never sent: the answer depends on what the writer holds in memory (see [`RpcError::ask_writer`]).
const ASK_WRITER: i64 = i64::MIN;
/// Never sent: the chain that this one forks knows (see [`RpcError::ask_origin`]).
const ASK_ORIGIN: i64 = i64::MIN + 1;

/// A JSON-RPC error object. `data` is JSON text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RpcError {
    pub code: i64,
    pub message: String,
    pub data: Option<String>,
}

impl RpcError {
    pub fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    pub fn server(message: impl Into<String>) -> Self {
        Self::new(SERVER, message)
    }

    pub fn invalid_params(message: impl Into<String>) -> Self {
        Self::new(INVALID_PARAMS, message)
    }

    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(INTERNAL, message)
    }

    /// The answer depends on what lives in the writer's memory (pool, pending block), which this process does not
    /// have: `answer` gives the request back instead of an error.
    pub fn ask_writer() -> Self {
        Self::new(ASK_WRITER, "the answer depends on the memory of the writing process")
    }

    /// What is asked for is older than the fork, or not this chain's: `answer` asks the chain that is forked.
    pub fn ask_origin() -> Self {
        Self::new(ASK_ORIGIN, "the forked chain's node is asked")
    }

    pub fn is_for_origin(&self) -> bool {
        self.code == ASK_ORIGIN || self.code == HISTORY_PRUNED
    }

    pub fn is_for_writer(&self) -> bool {
        self.code == ASK_WRITER
    }

    /// `{"code":..,"message":..,"data":..}`
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut object = json::Object::open(out);
        object.integer("code", self.code);
        object.string("message", &self.message);
        if let Some(data) = &self.data {
            object.raw("data", data.as_bytes());
        }
        object.close();
    }
}

impl From<alloy_rlp::Error> for RpcError {
    fn from(error: alloy_rlp::Error) -> Self {
        Self::internal(format!("a record of the database is malformed: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_written_with_its_data_if_it_has_some() {
        let mut plain = Vec::new();
        RpcError::invalid_params("say \"0x\"").write(&mut plain);
        let mut reverted = Vec::new();
        RpcError { data: Some("\"0x08\"".into()), ..RpcError::new(3, "execution reverted") }.write(&mut reverted);

        assert_eq!(plain, br#"{"code":-32602,"message":"say \"0x\""}"#);
        assert_eq!(reverted, br#"{"code":3,"message":"execution reverted","data":"0x08"}"#);
    }
}
