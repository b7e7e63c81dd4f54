//! Objects among the parameters of this folder's methods.

use super::args::CallArgs;
use super::overrides::{BlockOverrides, StateOverrides};
use super::simulate::Request;
use super::trace::TraceOptions;
use crate::params::{Argument, kind, wrong_type};
use serde::de::DeserializeOwned;

/// Read an object; null is one without fields.
fn object<T: DeserializeOwned + Default>(json: &str, go_type: &str) -> Result<T, String> {
    if json == "null" {
        return Ok(T::default());
    }
    if !json.starts_with('{') {
        return Err(wrong_type(kind(json), go_type));
    }
    serde_json::from_str::<T>(json).map_err(|error| error.to_string())
}

macro_rules! object_argument {
    ($($name:ty: $go_type:literal),*) => {
        $(impl Argument for $name {
            fn read(json: &str) -> Result<Self, String> {
                object(json, $go_type)
            }
        })*
    };
}

object_argument!(
    CallArgs: "ethapi.TransactionArgs",
    StateOverrides: "override.StateOverride",
    BlockOverrides: "override.BlockOverrides",
    Request: "ethapi.simOpts",
    TraceOptions: "tracers.TraceConfig"
);
