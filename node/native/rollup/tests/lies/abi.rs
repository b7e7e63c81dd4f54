//! Calls of contracts as bytes, by the names in their artifacts, and the names of what they revert with.

use std::{collections::HashMap, env, fs, path::PathBuf};

use alloy_primitives::{Address, B256, U256, keccak256};
use serde_json::Value as Json;

/// What a call carries.
#[derive(Clone, Debug)]
pub enum Value {
    Word(B256),
    Bytes(Vec<u8>),
    Tuple(Vec<Value>),
    Array(Vec<Value>),
}

impl From<B256> for Value {
    fn from(word: B256) -> Self {
        Self::Word(word)
    }
}

impl From<U256> for Value {
    fn from(number: U256) -> Self {
        Self::Word(number.into())
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        U256::from(number).into()
    }
}

impl From<Address> for Value {
    fn from(address: Address) -> Self {
        Self::Word(address.into_word())
    }
}

impl Value {
    fn is_dynamic(&self) -> bool {
        match self {
            Self::Word(_) => false,
            Self::Bytes(_) | Self::Array(_) => true,
            Self::Tuple(items) => items.iter().any(Self::is_dynamic),
        }
    }

    fn body(&self) -> Vec<u8> {
        match self {
            Self::Word(word) => word.to_vec(),
            Self::Bytes(bytes) => {
                let mut out = length(bytes.len());
                out.extend_from_slice(bytes);
                out.resize(out.len().next_multiple_of(32), 0);
                out
            }
            Self::Tuple(items) => encode(items),
            Self::Array(items) => [length(items.len()), encode(items)].concat(),
        }
    }
}

fn length(count: usize) -> Vec<u8> {
    U256::from(count).to_be_bytes::<32>().to_vec()
}

/// abi.encode of some values.
pub fn encode(values: &[Value]) -> Vec<u8> {
    let bodies: Vec<(bool, Vec<u8>)> = values.iter().map(|value| (value.is_dynamic(), value.body())).collect();
    let heads: usize = bodies.iter().map(|(dynamic, body)| if *dynamic { 32 } else { body.len() }).sum();
    let (mut head, mut tail) = (Vec::new(), Vec::new());
    for (dynamic, body) in bodies {
        if dynamic {
            head.extend(length(heads + tail.len()));
            tail.extend(body);
        } else {
            head.extend(body);
        }
    }
    [head, tail].concat()
}

/// A built contract of the node's.
pub struct Artifact {
    pub creation: Vec<u8>,
    abi: Vec<Json>,
}

impl Artifact {
    /// `LIES_ARTIFACTS` names another folder of them: contracts with a check less (`scripts/mutations.py`).
    pub fn load(name: &str) -> Self {
        let own = concat!(env!("CARGO_MANIFEST_DIR"), "/../../src/ethrex_node/rollup/artifacts");
        let folder = PathBuf::from(env::var("LIES_ARTIFACTS").unwrap_or_else(|_| own.into()));
        let text = fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        let json: Json = serde_json::from_str(&text).unwrap();
        let creation = alloy_primitives::hex::decode(json["bytecode"].as_str().unwrap()).unwrap();
        Self { creation, abi: json["abi"].as_array().unwrap().clone() }
    }

    /// The data of a call.
    pub fn call(&self, function: &str, values: &[Value]) -> Vec<u8> {
        let entry = self.entries("function").find(|entry| entry["name"] == function);
        let entry = entry.unwrap_or_else(|| panic!("no function {function}"));
        [selector(entry).to_vec(), encode(values)].concat()
    }

    pub fn topic(&self, event: &str) -> B256 {
        let entry = self.entries("event").find(|entry| entry["name"] == event).unwrap();
        keccak256(signature(entry))
    }

    fn entries<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Json> {
        self.abi.iter().filter(move |entry| entry["type"] == kind)
    }
}

fn signature(entry: &Json) -> String {
    let inputs = entry["inputs"].as_array().unwrap();
    format!("{}({})", entry["name"].as_str().unwrap(), types(inputs))
}

fn types(inputs: &[Json]) -> String {
    let one = |input: &Json| {
        let kind = input["type"].as_str().unwrap();
        match kind.strip_prefix("tuple") {
            Some(array) => format!("({}){array}", types(input["components"].as_array().unwrap())),
            None => kind.to_string(),
        }
    };
    inputs.iter().map(one).collect::<Vec<_>>().join(",")
}

fn selector(entry: &Json) -> [u8; 4] {
    keccak256(signature(entry))[..4].try_into().unwrap()
}

/// Errors by their selector; of some the first argument is a part of the name.
pub struct Errors(HashMap<[u8; 4], (String, bool)>);

impl Errors {
    pub fn of<'a>(artifacts: impl IntoIterator<Item = &'a Artifact>) -> Self {
        let errors = artifacts.into_iter().flat_map(|artifact| artifact.entries("error"));
        let named = errors.map(|entry| {
            let inputs = entry["inputs"].as_array().unwrap();
            let says_which = inputs.first().is_some_and(|input| input["name"] == "field" || input["name"] == "which");
            (selector(entry), (entry["name"].as_str().unwrap().to_string(), says_which))
        });
        Self(named.collect())
    }

    /// The name of what a call reverted with.
    pub fn name(&self, output: &[u8]) -> String {
        let found = output.first_chunk::<4>().and_then(|selector| self.0.get(selector));
        match found {
            Some((name, true)) => {
                let word = &output[4..36];
                format!("{name}({})", String::from_utf8_lossy(word).trim_end_matches('\0'))
            }
            Some((name, false)) => name.clone(),
            None => format!("no name: 0x{}", alloy_primitives::hex::encode(output)),
        }
    }
}
