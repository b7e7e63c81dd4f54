//! Whatever a request holds, the answer is one JSON object with a result or a proper error.

use crate::support::{CONTRACT, Chain, SENDER};
use alloy_primitives::B256;
use serde_json::{Value, json};

const CASES: usize = 20_000;

/// A small generator of numbers: the cases are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

/// JSON texts that are right somewhere and wrong elsewhere.
fn fragments(chain: &Chain) -> Vec<String> {
    let hash = chain.hash(1);
    let mut fragments: Vec<String> = [
        "null",
        "true",
        "0",
        "-1",
        "1e400",
        "1.5",
        "18446744073709551616",
        "\"\"",
        "\"0x\"",
        "\"0x0\"",
        "\"0x1\"",
        "\"0x01\"",
        "\"0X2\"",
        "\"1\"",
        "\"0x8000000000000000\"",
        "\"0xffffffffffffffffff\"",
        "\"latest\"",
        "\"pending\"",
        "\"safe\"",
        "\"finalized\"",
        "\"earliest\"",
        "\"\\u0030x1\"",
        "\"\\ud800\"",
        "\"é漢\"",
        "[]",
        "[[]]",
        "[null]",
        "{}",
        "[1,2,3]",
        "[50,10]",
        "[0.5,99.9]",
        "[-1]",
        "[\"0x0\"]",
        "{\"fromBlock\":\"0x1\"}",
        "{\"topics\":[null,[]]}",
        "{\"topics\":[[[]]]}",
        "{\"address\":[\"0x\"]}",
        "{\"blockHash\":7}",
        "{\"blockNumber\":\"0x1\"}",
        "{\"fromBlock\":\"0x0\",\"toBlock\":\"0xffffffff\"}",
        "{\"0x\":[]}",
        "{\"a\":1,\"a\":2}",
    ]
    .map(str::to_owned)
    .to_vec();
    fragments.extend([json!(hash), json!(SENDER), json!(CONTRACT), json!(B256::ZERO)].map(|value| value.to_string()));
    fragments.push(json!({"blockHash": hash, "requireCanonical": 1}).to_string());
    fragments.push(json!({"blockHash": hash, "topics": [B256::ZERO]}).to_string());
    fragments.push(format!("{{\"{CONTRACT}\":[\"{hash}\",\"0x1\"]}}"));
    fragments.push("[".repeat(100) + &"]".repeat(100));
    fragments
}

#[test]
fn every_answer_is_a_result_or_a_proper_error() {
    let chain = Chain::new(4);
    let (fragments, context) = (fragments(&chain), chain.context());
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut results, mut errors) = (0, 0);
    for _ in 0..CASES {
        let method = random.pick(query::METHODS).name;
        let count = random.below(5);
        let params: Vec<&str> = (0..count).map(|_| random.pick(&fragments).as_str()).collect();
        let request = format!(r#"{{"jsonrpc":"2.0","id":7,"method":"{method}","params":[{}]}}"#, params.join(","));

        // A lone surrogate or a number out of range makes it no JSON: then it is given back.
        let Some(answer) = query::answer(&context, request.as_bytes()) else { continue };

        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{error}: {request}"));
        assert_eq!((body["jsonrpc"].as_str(), body["id"].as_u64()), (Some("2.0"), Some(7)), "{request}");
        let error = &body["error"];
        assert_eq!(answer.failed, body.get("error").is_some(), "{request}");
        if answer.failed {
            assert!(error["code"].is_i64() && error["message"].is_string(), "{request}: {error}");
            assert_ne!(error["code"].as_i64(), Some(query::error::INTERNAL), "{request}: {error}");
            errors += 1;
        } else {
            results += 1;
        }
    }
    assert!(results > CASES / 50 && errors > CASES / 4, "{results} results, {errors} errors");
}

#[test]
fn requests_cut_short_or_damaged_are_answered_or_given_back() {
    let chain = Chain::new(1);
    let context = chain.context();
    let request =
        json!({"jsonrpc": "2.0", "id": 1, "method": "eth_getBalance", "params": [SENDER, "latest"]}).to_string();
    let mut random = Random(42);
    for _ in 0..CASES {
        let mut bytes = request.clone().into_bytes();
        bytes.truncate(random.below(bytes.len() + 1));
        for _ in 0..random.below(4) {
            let at = random.below(bytes.len().max(1));
            if let Some(byte) = bytes.get_mut(at) {
                *byte = random.below(256) as u8;
            }
        }
        if let Some(answer) = query::answer(&context, &bytes) {
            serde_json::from_slice::<Value>(&answer.body).unwrap();
        }
    }
}
