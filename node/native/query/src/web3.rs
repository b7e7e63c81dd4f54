//! The `web3` and `net` namespaces: who answers, and a hash.

use alloy_primitives::{Bytes, keccak256};

use crate::context::Context;
use crate::error::RpcError;
use crate::json;
use crate::params::Params;

pub fn client_version(context: &Context, _: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    json::string(out, &context.settings.client_version);
    Ok(())
}

pub fn sha3(_: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let bytes: Bytes = params.required(0)?;

    json::data(out, &keccak256(bytes)[..]);
    Ok(())
}

pub fn net_version(context: &Context, _: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    json::string(out, &context.settings.network_id.to_string());
    Ok(())
}
