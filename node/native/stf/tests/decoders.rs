//! Decoders of what strangers send: no bytes make them panic, and what they take is the one form of what it says.

mod common;
#[path = "common/mutate.rs"]
mod mutate;

use alloy_consensus::{TxEip1559, TxEip2930, TxEip4844, TxEip7702};
use alloy_eips::{
    Decodable2718, Encodable2718,
    eip2930::{AccessList, AccessListItem},
    eip4895::{Withdrawal, Withdrawals},
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Address, B256, U256};
use common::{block, call, child, genesis, key, sign, spec};
use mutate::malformed;
use stf::{Fork, Transaction, decode_block, witness::Witness};

fn transactions() -> Vec<Transaction> {
    let storage_keys = vec![B256::ZERO; 2];
    let access_list = AccessList(vec![AccessListItem { address: Address::ZERO, storage_keys }]);
    let authorization = Authorization { chain_id: U256::from(1), address: Address::ZERO, nonce: 3 };
    let authorization_list = vec![SignedAuthorization::new_unchecked(authorization, 1, U256::from(7), U256::from(9))];
    let hashes = vec![B256::with_last_byte(1); 2];
    vec![
        sign(call(0, Address::ZERO, 1, vec![1, 2, 3]), &key(1)),
        sign(TxEip2930 { chain_id: 1, access_list: access_list.clone(), ..Default::default() }, &key(1)),
        sign(TxEip1559 { chain_id: 1, nonce: 1 << 40, access_list, ..Default::default() }, &key(1)),
        sign(TxEip4844 { chain_id: 1, blob_versioned_hashes: hashes, ..Default::default() }, &key(1)),
        sign(TxEip7702 { chain_id: 1, authorization_list, ..Default::default() }, &key(1)),
    ]
}

#[test]
fn blocks() {
    let spec = spec(Fork::Prague);
    let mut whole = block(child(&spec, &genesis(&spec)));
    whole.body.transactions = transactions();
    whole.body.ommers = vec![genesis(&spec)];
    whole.body.withdrawals = Some(Withdrawals::new(vec![Withdrawal { index: 1, amount: 7, ..Default::default() }; 2]));

    malformed(&[alloy_rlp::encode(&whole)], |bytes| {
        let Ok(decoded) = decode_block(bytes) else { return false };
        assert_eq!(alloy_rlp::encode(&decoded), bytes);
        true
    });
}

#[test]
fn raw_transactions() {
    let raw: Vec<Vec<u8>> = transactions().iter().map(Encodable2718::encoded_2718).collect();

    malformed(&raw, |bytes| {
        let mut rest = bytes;
        let Ok(decoded) = Transaction::decode_2718(&mut rest) else { return false };
        assert_eq!(decoded.encoded_2718(), bytes[..bytes.len() - rest.len()]);
        rest.is_empty()
    });
}

#[test]
fn witnesses() {
    let piece = |byte: u8| vec![byte; 40].into();
    let witness = Witness {
        state: vec![piece(1), piece(2)],
        codes: vec![piece(3)],
        headers: vec![piece(4)],
        ..Default::default()
    };

    malformed(&[witness.encode()], |bytes| {
        let Ok(decoded) = Witness::decode(bytes) else { return false };
        assert_eq!(decoded.encode(), bytes);
        true
    });
}
