//! The options of a trace: which tracer, what it records, how long it may take.

use super::prestate::PrestateOptions;
use super::struct_log::StructLogOptions;
use crate::calls::error::CallError;
use crate::calls::fields::{Object, Quantity64};
use crate::calls::overrides::{BlockOverrides, StateOverrides};
use alloy_rpc_types_trace::geth::{
    GethDebugBuiltInTracerType, GethDebugTracerConfig, GethDebugTracerType, GethDebugTracingOptions,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// The third argument of `debug_traceCall`, and the second of the other methods, which read no overrides.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TraceOptions {
    #[serde(flatten)]
    pub struct_log: StructLogOptions,
    pub tracer: Option<String>,
    pub tracer_config: Option<Value>,
    pub timeout: Option<String>,
    pub state_overrides: Option<StateOverrides>,
    pub block_overrides: Option<Object<BlockOverrides>>,
    /// Trace after so many transactions of the block, not after the whole of it.
    pub tx_index: Option<Quantity64>,
}

/// Which tracer runs.
#[derive(Clone, Debug)]
pub enum Selected {
    StructLog(StructLogOptions),
    Prestate(PrestateOptions),
    /// Several at once, each under its name.
    Mux(Vec<(String, Selected)>),
    /// One of the inspectors' library.
    BuiltIn(GethDebugTracingOptions),
}

const BUILT_IN: [GethDebugBuiltInTracerType; 5] = [
    GethDebugBuiltInTracerType::CallTracer,
    GethDebugBuiltInTracerType::FourByteTracer,
    GethDebugBuiltInTracerType::NoopTracer,
    GethDebugBuiltInTracerType::FlatCallTracer,
    GethDebugBuiltInTracerType::Erc7562Tracer,
];

impl Selected {
    /// The tracer that geth knows under `name`.
    pub fn named(name: &str, config: Option<Value>) -> Result<Self, CallError> {
        let config = config.unwrap_or(Value::Null);
        Ok(match name {
            "prestateTracer" => Self::Prestate(read(name, config)?),
            "muxTracer" => {
                let parts: BTreeMap<String, Value> = read(name, config)?;
                let named = |(name, config): (String, Value)| Ok((name.clone(), Self::named(&name, Some(config))?));
                Self::Mux(parts.into_iter().map(named).collect::<Result<_, CallError>>()?)
            }
            _ => Self::built_in(name, config)?,
        })
    }

    fn built_in(name: &str, config: Value) -> Result<Self, CallError> {
        let kind = BUILT_IN
            .into_iter()
            .find(|kind| name_of(kind) == name)
            .ok_or_else(|| CallError::Refused(format!("tracer {name:?} is not known here: {}", known_names())))?;
        Ok(Self::BuiltIn(GethDebugTracingOptions {
            tracer: Some(GethDebugTracerType::BuiltInTracer(kind)),
            tracer_config: GethDebugTracerConfig(config),
            ..GethDebugTracingOptions::default()
        }))
    }
}

fn read<T: DeserializeOwned + Default>(name: &str, config: Value) -> Result<T, CallError> {
    if config.is_null() {
        return Ok(T::default());
    }
    serde_json::from_value(config).map_err(|error| CallError::Refused(format!("tracerConfig of {name}: {error}")))
}

impl TraceOptions {
    pub fn selected(&self) -> Result<Selected, CallError> {
        match self.tracer.as_deref().filter(|name| !name.is_empty()) {
            Some(name) => Selected::named(name, self.tracer_config.clone()),
            None => Ok(Selected::StructLog(self.struct_log.clone())),
        }
    }

    /// The time limit: the request's own, as Go writes durations, else the node's.
    pub fn time_limit(&self, default: Duration) -> Result<Duration, CallError> {
        match &self.timeout {
            None => Ok(default),
            Some(text) => {
                go_duration(text).ok_or_else(|| CallError::Refused(format!("time: invalid duration {text:?}")))
            }
        }
    }
}

fn name_of(kind: &GethDebugBuiltInTracerType) -> String {
    serde_json::to_value(kind).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

fn known_names() -> String {
    let own = ["muxTracer".to_owned(), "prestateTracer".to_owned()];
    BUILT_IN.iter().map(name_of).chain(own).collect::<Vec<_>>().join(", ")
}

/// A duration such as `1m30s` or `1.5h`.
fn go_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut seconds = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(digits);
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        seconds += number.parse::<f64>().ok()? * unit_seconds(unit)?;
        rest = tail;
    }
    Duration::try_from_secs_f64(seconds).ok()
}

fn unit_seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1e-9,
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_writes_them() {
        assert_eq!(go_duration("5s"), Some(Duration::from_secs(5)));
        assert_eq!(go_duration("1m30s"), Some(Duration::from_secs(90)));
        assert_eq!(go_duration("1.5h"), Some(Duration::from_secs(5400)));
        for bad in ["", "5", "s", "5x", "-5s", "5 s"] {
            assert_eq!(go_duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn tracers_are_found_by_their_name() {
        let options = |json: &str| serde_json::from_str::<TraceOptions>(json).expect("readable").selected();

        assert!(
            matches!(options(r#"{"enableMemory":true,"tracer":""}"#), Ok(Selected::StructLog(o)) if o.enable_memory)
        );
        assert!(matches!(options(r#"{"tracer":"callTracer"}"#), Ok(Selected::BuiltIn(_))));
        let unknown = options(r#"{"tracer":"{step: function() {}}"}"#).expect_err("no JavaScript");
        assert!(unknown.to_string().contains("callTracer, 4byteTracer"));
    }
}
