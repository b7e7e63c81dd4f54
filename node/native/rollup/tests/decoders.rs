//! Decoders of what L1's blobs and provers' inputs hold: no bytes make them panic, and what they take has one form only.

#[path = "../../stf/tests/common/mutate.rs"]
mod mutate;

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, U256};
use mutate::malformed;
use rollup::{
    Batch, Diff, Input, Published, blob,
    diff::{AccountDiff, CodeDiff},
    payload::{self, Encoding},
};
use stf::{Header, rollup::RollupRules, witness::Witness};

fn diff() -> Diff {
    let account = |code, slots: u64| AccountDiff {
        balance: Some(U256::from(1_000)),
        nonce_increase: slots,
        code,
        slots: (0..slots).map(|slot| (U256::from(slot), U256::MAX >> slot)).collect(),
    };
    let code = [None, Some(CodeDiff::New(vec![7; 30].into())), Some(CodeDiff::Known(B256::repeat_byte(9)))];
    let accounts: BTreeMap<Address, AccountDiff> = code
        .into_iter()
        .enumerate()
        .map(|(at, code)| (Address::repeat_byte(at as u8 + 1), account(code, at as u64 + 1)))
        .collect();
    let header = Header { number: 5, extra_data: vec![1; 17].into(), ..Default::default() };
    Diff { header, accounts, messages: vec![B256::repeat_byte(3); 2] }
}

#[test]
fn diffs() {
    malformed(&[diff().encode()], |bytes| {
        let Ok(decoded) = Diff::decode(bytes) else { return false };
        assert_eq!(decoded.encode(), bytes);
        true
    });
}

#[test]
fn batches() {
    let batch = Batch { number: 9, new_state_root: B256::repeat_byte(1), ..Default::default() };

    malformed(&[batch.encode()], |bytes| {
        let Some(decoded) = Batch::decode(bytes) else { return false };
        assert_eq!(decoded.encode(), bytes);
        true
    });
}

#[test]
fn inputs() {
    let input = Input {
        chain_id: 7,
        rules: RollupRules { gas_limit: 30_000_000, ..Default::default() },
        osaka_time: Some(1),
        program_version: 1,
        previous: Batch::default(),
        blocks: vec![vec![1; 50].into(), vec![2; 60].into()],
        witness: Witness::default(),
        payload: vec![3; 100].into(),
        published: Published::Blobs(vec![B256::repeat_byte(1)]),
    };
    let kept = Input { published: Published::Kept(B256::repeat_byte(4)), ..input.clone() };

    malformed(&[input.encode(), kept.encode()], |bytes| {
        let Ok(decoded) = Input::decode(bytes) else { return false };
        assert_eq!(decoded.encode(), bytes);
        true
    });
}

#[test]
fn payloads() {
    let body = diff().encode();
    // Changes in the padding are most of all changes: what is before it is what matters.
    let packed = payload::pack(Encoding::StateDiff, &body);

    malformed(core::slice::from_ref(&packed), |bytes| {
        let whole = payload::pad(bytes.to_vec());
        payload::unpad(&whole).and_then(payload::read).is_ok_and(|read| Diff::decode(&read.body).is_ok())
    });
    malformed(&[packed], |bytes| payload::read(bytes).is_ok_and(|read| Diff::decode(&read.body).is_ok()));
}

#[test]
fn blobs() {
    let good = blob::pack(&diff().encode());
    // Every 32nd byte is the top of a field element.
    malformed(&[good[..3 * 32].to_vec()], |bytes| {
        let whole = [bytes, good.get(bytes.len()..).unwrap_or_default()].concat();
        let Some(chunk) = blob::unpack(&whole) else { return false };
        assert_eq!(blob::pack(&chunk), whole);
        true
    });
}
