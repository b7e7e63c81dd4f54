//! `tests/vectors`, which the contracts write and Python counts again: this side comes to the same bytes.

use std::{fs, str::FromStr};

use alloy_primitives::{B256, Bytes, U256, hex};
use rollup::{
    Batch,
    batch::Deployment,
    blob::{self, Opening},
    messages,
    queue::{Position, item_hash},
};
use serde_json::Value;
use stf::rollup::Privileged;

/// The files that say something of what this crate makes, and those that are of L1 alone.
const OURS: [&str; 6] = ["batches", "committee", "data", "deployments", "messages", "queue"];
const OF_L1: [&str; 2] = ["attestations", "create2"];

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../tests/vectors");

fn cases(name: &str) -> Vec<Value> {
    let text = fs::read_to_string(format!("{FOLDER}/{name}.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert!(!cases.is_empty(), "{name}");
    cases
}

fn parsed<T: FromStr<Err: std::fmt::Debug>>(value: &Value) -> T {
    value.as_str().unwrap().parse().unwrap()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

fn items(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

#[test]
fn every_file_is_read_by_somebody() {
    let mut names: Vec<String> = fs::read_dir(FOLDER)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();

    let mut known: Vec<&str> = OURS.into_iter().chain(OF_L1).collect();
    known.sort_unstable();
    assert_eq!(names, known);
}

#[test]
fn batches() {
    for case in cases("batches") {
        let encoded = hex::decode(case["encoded"].as_str().unwrap()).unwrap();
        let batch = Batch::decode(&encoded).unwrap();

        assert_eq!(batch.encode(), encoded);
        assert_eq!(batch.hash(), parsed::<B256>(&case["hash"]));
    }
}

#[test]
fn deployments() {
    for case in cases("deployments") {
        let deployment = Deployment {
            l1_chain_id: number(&case["l1ChainId"]),
            proposer: parsed(&case["proposer"]),
            salt: parsed(&case["salt"]),
        };

        assert_eq!(deployment.hash(number(&case["chainId"])), parsed::<B256>(&case["previousBatchHash"]));
    }
}

#[test]
fn the_queue() {
    let mut position = Position::default();
    for case in cases("queue") {
        let item = Privileged {
            chain_id: number(&case["chainId"]),
            nonce: number(&case["index"]),
            gas_limit: number(&case["gasLimit"]),
            to: parsed(&case["to"]),
            value: U256::from_be_bytes(parsed::<B256>(&case["value"]).0),
            data: parsed(&case["data"]),
            from: parsed(&case["from"]),
        };
        position = position.take(&item).unwrap();

        assert_eq!(item_hash(&item), parsed::<B256>(&case["itemHash"]));
        assert_eq!(position.hash, parsed::<B256>(&case["queueHash"]));
    }
}

#[test]
fn messages_and_their_proofs() {
    for case in cases("messages") {
        let leaves: Vec<B256> = items(&case["messages"]).iter().map(|message| parsed(&message["leaf"])).collect();
        let proof: Vec<B256> = items(&case["proof"]).iter().map(parsed).collect();
        let root = parsed::<B256>(&case["root"]);

        assert_eq!(messages::root(&leaves), root);
        // The proof is that of the last leaf.
        let last = leaves.len().wrapping_sub(1);
        assert_eq!(messages::proof(&leaves, last).unwrap_or_default(), proof);
        assert!(leaves.is_empty() || messages::verify(root, leaves[last], &proof));
    }
}

#[test]
fn leaves_come_out_of_the_messenger_s_logs() {
    let bridge = stf::rollup::BRIDGE.into_word();
    for case in cases("messages") {
        for message in items(&case["messages"]) {
            let id = B256::from(U256::from(number(&message["messageId"])));
            let topics = vec![messages::L1_MESSAGE, bridge, parsed(&message["data"]), id];
            let log = alloy_primitives::Log {
                address: stf::rollup::MESSENGER,
                data: alloy_primitives::LogData::new_unchecked(topics, Bytes::new()),
            };

            let receipt = stf::Receipt::new(2, true.into(), 0, vec![log]);
            assert_eq!(messages::leaves([&receipt]), [parsed::<B256>(&message["leaf"])]);
        }
    }
}

#[test]
fn published_data() {
    for case in cases("data") {
        let opening = |value: &Value| Opening {
            versioned_hash: parsed(&value["versionedHash"]),
            z: parsed(&value["z"]),
            y: parsed(&value["y"]),
        };
        let openings: Vec<Opening> = items(&case["openings"]).iter().map(opening).collect();

        assert_eq!(blob::data_hash(&openings), parsed::<B256>(&case["dataHash"]));
    }
}

#[test]
fn what_a_committee_keeps() {
    for case in cases("committee") {
        let payload: Bytes = parsed(&case["payload"]);

        assert_eq!(blob::kept_hash(parsed(&case["pointer"]), &payload), parsed::<B256>(&case["dataHash"]));
    }
}
