//! Blocks, receipts and payloads against answers that geth recorded (execution-apis, `tests/`).

use std::path::Path;

use alloy_primitives::{Address, B256, Bytes, hex};
use alloy_rlp::Decodable;
use query::encode::block::{self, Transactions};
use query::encode::receipt::{self, Before, ReceiptPlace};
use query::payload::{self, Beside, PayloadError};
use query::records::{Body, Items, Receipts};
use serde_json::Value;
use stf::Header;

const BLOCKS: [&str; 4] = ["frontier_1", "prague_3", "prague_20", "osaka_54"];

struct Recorded {
    header: Header,
    header_rlp: Vec<u8>,
    body_rlp: Vec<u8>,
    block: Vec<u8>,
    answer: Value,
}

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    std::fs::read_to_string(path).unwrap()
}

fn recorded(name: &str) -> Recorded {
    let block = hex::decode(read(&format!("{name}.block")).trim()).unwrap();
    let mut items = Items::of(&block).unwrap();
    let header_rlp = items.expect().unwrap().whole.to_vec();
    let body: Vec<u8> = items.flat_map(|item| item.unwrap().whole.to_vec()).collect();
    let mut body_rlp = Vec::new();
    alloy_rlp::Header { list: true, payload_length: body.len() }.encode(&mut body_rlp);
    body_rlp.extend_from_slice(&body);
    let header = Header::decode(&mut &header_rlp[..]).unwrap();
    let answer = serde_json::from_str(&read(&format!("{name}.json"))).unwrap();
    Recorded { header, header_rlp, body_rlp, block, answer }
}

impl Recorded {
    fn hashes(&self) -> Vec<B256> {
        let body = Body::read(&self.body_rlp).unwrap();
        body.transactions().map(|transaction| transaction.unwrap().hash()).collect()
    }

    fn senders(&self) -> Vec<Address> {
        let transactions = self.answer["transactions"].as_array().unwrap();
        transactions.iter().map(|transaction| transaction["from"].as_str().unwrap().parse().unwrap()).collect()
    }

    fn has_timestamps(&self) -> bool {
        self.answer["transactions"][0].get("blockTimestamp").is_some()
    }

    fn write(&self, transactions: Transactions<'_>) -> Value {
        let hash = self.header.hash_slow();
        let body = Body::read(&self.body_rlp).unwrap();
        let mut out = Vec::new();
        let length = self.header_rlp.len();
        block::block(&mut out, &self.header, length, Some(&hash), &body, transactions, self.has_timestamps()).unwrap();
        serde_json::from_slice(&out).unwrap()
    }
}

#[test]
fn full_blocks_equal_the_recorded_ones() {
    for name in BLOCKS {
        let recorded = recorded(name);

        let (hashes, senders) = (recorded.hashes(), recorded.senders());
        let written = recorded.write(Transactions::Full { hashes: &hashes, senders: &senders });

        assert_eq!(written, recorded.answer, "{name}");
    }
}

#[test]
fn blocks_with_hashes_differ_in_their_transactions_only() {
    for name in BLOCKS {
        let recorded = recorded(name);
        let mut expected = recorded.answer.clone();
        for transaction in expected["transactions"].as_array_mut().unwrap() {
            *transaction = transaction["hash"].take();
        }

        let written = recorded.write(Transactions::Hashes(&recorded.hashes()));

        assert_eq!(written, expected, "{name}");
    }
}

#[test]
fn an_ommer_equals_the_recorded_one() {
    let recorded = recorded("ommer_4");
    let body = Body::read(&recorded.body_rlp).unwrap();
    let record = body.ommer(0).unwrap().unwrap();

    let mut out = Vec::new();
    block::ommer(&mut out, &Header::decode(&mut &record[..]).unwrap(), record);

    assert_eq!(serde_json::from_slice::<Value>(&out).unwrap(), recorded.answer);
    assert_eq!(body.ommer(body.ommers.count()).unwrap(), None);
}

/// Receipts as they are stored, from their JSON.
fn stored_receipts(answer: &Value) -> Vec<u8> {
    type Log = (Address, Vec<B256>, Bytes);
    fn number(value: &Value) -> u64 {
        u64::from_str_radix(&value.as_str().unwrap()[2..], 16).unwrap()
    }
    fn list(items: &[Vec<u8>]) -> Vec<u8> {
        let mut out = Vec::new();
        alloy_rlp::Header { list: true, payload_length: items.iter().map(Vec::len).sum() }.encode(&mut out);
        out.extend(items.concat());
        out
    }
    let log = |log: &Value| -> Vec<u8> {
        let (address, topics, data): Log =
            serde_json::from_value(serde_json::json!([log["address"], log["topics"], log["data"]])).unwrap();
        let mut encoded = Vec::new();
        alloy_rlp::encode_list::<B256, B256>(&topics, &mut encoded);
        list(&[alloy_rlp::encode(address), encoded, alloy_rlp::encode(data)])
    };
    let receipt = |receipt: &Value| {
        let outcome = match receipt.get("root") {
            Some(root) => alloy_rlp::encode(root.as_str().unwrap().parse::<B256>().unwrap()),
            None => alloy_rlp::encode(number(&receipt["status"])),
        };
        let logs: Vec<_> = receipt["logs"].as_array().unwrap().iter().map(log).collect();
        list(&[
            alloy_rlp::encode(number(&receipt["type"])),
            outcome,
            alloy_rlp::encode(number(&receipt["cumulativeGasUsed"])),
            list(&logs),
        ])
    };
    list(&answer.as_array().unwrap().iter().map(receipt).collect::<Vec<_>>())
}

#[test]
fn receipts_equal_the_recorded_ones() {
    for name in ["frontier_1", "prague_20", "osaka_54"] {
        let recorded = recorded(name);
        let answer: Value = serde_json::from_str(&read(&format!("{name}.receipts.json"))).unwrap();
        let stored = stored_receipts(&answer);
        let hash = recorded.header.hash_slow();
        let place = ReceiptPlace {
            block_hash: &hash,
            block_number: recorded.header.number,
            timestamp: recorded.has_timestamps().then_some(recorded.header.timestamp),
            base_fee: recorded.header.base_fee_per_gas,
            blob_gas_price: 1,
            operator_fee: None,
        };

        let body = Body::read(&recorded.body_rlp).unwrap();
        let known = recorded.hashes().into_iter().zip(recorded.senders());
        let mut before = Before::default();
        let done = Receipts::read(&stored).unwrap().zip(body.transactions()).zip(known);
        let written: Vec<Value> = done
            .map(|((done, transaction), (hash, sender))| {
                let (done, mut out) = (done.unwrap(), Vec::new());
                receipt::receipt(&mut out, &done, &transaction.unwrap(), &hash, &sender, &before, &place).unwrap();
                before.pass(&done);
                serde_json::from_slice(&out).unwrap()
            })
            .collect();

        assert_eq!(Value::from(written), answer, "{name}");
    }
}

#[test]
fn encoded_receipts_hash_to_the_header_s_root() {
    for name in ["frontier_1", "prague_20", "osaka_54"] {
        let answer: Value = serde_json::from_str(&read(&format!("{name}.receipts.json"))).unwrap();
        let stored = stored_receipts(&answer);

        let encode = |receipt: alloy_rlp::Result<query::records::Receipt<'_>>| {
            let mut out = Vec::new();
            receipt.unwrap().encode(&mut out).unwrap();
            out
        };
        let encoded: Vec<Vec<u8>> = Receipts::read(&stored).unwrap().map(encode).collect();

        let root = alloy_trie::root::ordered_trie_root_encoded(&encoded);
        assert_eq!(root, recorded(name).header.receipts_root, "{name}");
    }
}

struct Sent {
    payload: Vec<u8>,
    hashes: Vec<B256>,
    beacon_root: Option<B256>,
}

/// A recorded block as the consensus client would send it.
fn sent(recorded: &Recorded) -> Sent {
    let blobs = recorded.answer["transactions"].as_array().unwrap().iter();
    let blobs = blobs.filter_map(|transaction| transaction["blobVersionedHashes"].as_array()).flatten();
    Sent {
        payload: payload::block_to_payload(&recorded.block, 3).unwrap(),
        hashes: blobs.map(|hash| hash.as_str().unwrap().parse().unwrap()).collect(),
        beacon_root: recorded.header.parent_beacon_block_root,
    }
}

fn to_block(sent: &Sent, requests: &[Bytes]) -> Result<(B256, Vec<u8>), PayloadError> {
    let beside = Beside {
        versioned_hashes: Some(&sent.hashes),
        parent_beacon_block_root: sent.beacon_root,
        requests: Some(requests),
    };
    payload::payload_to_block(4, &sent.payload, &beside)
}

#[test]
fn a_block_survives_the_way_through_a_payload() {
    for name in ["prague_20", "osaka_54"] {
        let recorded = recorded(name);

        let (hash, block) = to_block(&sent(&recorded), &[]).unwrap();

        assert_eq!((hash, block), (recorded.header.hash_slow(), recorded.block), "{name}");
    }
}

#[test]
fn a_payload_that_is_not_the_block_it_claims_to_be_is_refused() {
    let recorded = recorded("prague_20");
    let good = sent(&recorded);

    let other = String::from_utf8(good.payload.clone()).unwrap().replacen("\"gasUsed\":\"0x2", "\"gasUsed\":\"0x3", 1);
    let wrong_hash = to_block(&Sent { payload: other.into_bytes(), ..sent(&recorded) }, &[]);
    let wrong_blobs = to_block(&Sent { hashes: vec![B256::ZERO], ..sent(&recorded) }, &[]);
    let more_blobs = to_block(&Sent { hashes: [good.hashes.clone(), vec![B256::ZERO]].concat(), ..good }, &[]);

    assert_eq!(wrong_hash.unwrap_err().kind(), "block_hash");
    assert_eq!(wrong_blobs.unwrap_err().kind(), "versioned_hashes");
    assert_eq!(more_blobs.unwrap_err().kind(), "versioned_hashes");
}

#[test]
fn members_against_the_version_are_a_wrong_request() {
    let recorded = recorded("prague_20");
    let good = sent(&recorded);
    let requests =
        |requests: &[&'static [u8]]| requests.iter().map(|bytes| Bytes::from_static(bytes)).collect::<Vec<_>>();

    for error in [
        payload::payload_to_block(3, b"{}", &Beside::default()).unwrap_err(),
        payload::payload_to_block(2, &good.payload, &Beside::default()).unwrap_err(),
        payload::payload_to_block(4, b"[", &Beside::default()).unwrap_err(),
        to_block(&good, &requests(&[b"\x01"])).unwrap_err(),
        to_block(&good, &requests(&[b"\x01a", b"\x01b"])).unwrap_err(),
        to_block(&Sent { payload: b"{\"transactions\":7}".to_vec(), ..sent(&recorded) }, &[]).unwrap_err(),
    ] {
        assert_eq!(error.kind(), "params", "{error}");
    }
}

#[test]
fn a_payload_body_has_null_for_withdrawals_before_shanghai() {
    let merged: Value =
        serde_json::from_slice(&payload::block_to_payload_body(&recorded("osaka_54").body_rlp).unwrap()).unwrap();
    let early: Value =
        serde_json::from_slice(&payload::block_to_payload_body(&recorded("frontier_1").body_rlp).unwrap()).unwrap();

    assert_eq!(merged["withdrawals"], serde_json::json!([]));
    assert_eq!(early["withdrawals"], Value::Null);
    assert_eq!(early["transactions"].as_array().unwrap().len(), 4);
}
