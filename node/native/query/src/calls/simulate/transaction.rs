//! A call in the shape of an unsigned transaction: it has a hash, a place in the transactions' trie, and JSON.
//!
//! The signature is zero. For a legacy transaction that means the bare value 0, which no signed transaction has, so
//! that form is encoded here.

use super::super::args::Message;
use alloy_consensus::{SignableTransaction, Signed, TxEip1559, TxEip4844, TxEip7702, TxType};
use alloy_eips::eip2718::Encodable2718;
use alloy_eips::eip2930::AccessList;
use alloy_eips::eip7702::SignedAuthorization;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, keccak256};
use alloy_rlp::{BufMut, Encodable, Header as ListHeader};
use serde::Serialize;

use super::super::fields::{Quantity64, Quantity256};

/// An unsigned transaction, encoded.
#[derive(Debug)]
pub struct Unsigned {
    pub tx_type: TxType,
    /// The EIP-2718 form, as in the transactions' trie.
    pub encoded: Bytes,
    pub hash: B256,
    pub sender: Address,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Legacy(Legacy),
    Eip1559(TxEip1559),
    Eip4844(TxEip4844),
    Eip7702(TxEip7702),
}

#[derive(Debug)]
struct Legacy {
    nonce: u64,
    gas_price: U256,
    gas: u64,
    to: TxKind,
    value: U256,
    input: Bytes,
}

impl Unsigned {
    /// The message as a transaction of the newest type its fields ask for; a gas price makes it a legacy one.
    pub fn new(message: &Message) -> Self {
        let body = body(message);
        let (tx_type, encoded) = match &body {
            Body::Legacy(legacy) => (TxType::Legacy, legacy.encoded()),
            Body::Eip1559(tx) => (TxType::Eip1559, with_zero_signature(tx.clone())),
            Body::Eip4844(tx) => (TxType::Eip4844, with_zero_signature(tx.clone())),
            Body::Eip7702(tx) => (TxType::Eip7702, with_zero_signature(tx.clone())),
        };
        Self { tx_type, hash: keccak256(&encoded), encoded: encoded.into(), sender: message.from, body }
    }

    /// Bytes that the transaction takes in its block: a typed one is wrapped in a string.
    pub fn length_in_block(&self) -> usize {
        match self.body {
            Body::Legacy(_) => self.encoded.len(),
            _ => self.encoded.as_ref().length(),
        }
    }
}

fn body(message: &Message) -> Body {
    let fee = |value: U256| value.saturating_to::<u128>();
    let access_list = message.access_list.clone().unwrap_or_default();
    let to = message.to.to().copied().unwrap_or_default();
    if message.has_gas_price {
        return Body::Legacy(Legacy {
            nonce: message.nonce,
            gas_price: message.fee_cap,
            gas: message.gas,
            to: message.to,
            value: message.value,
            input: message.data.clone(),
        });
    }
    if let Some(authorization_list) = &message.authorizations {
        return Body::Eip7702(TxEip7702 {
            chain_id: message.chain_id,
            nonce: message.nonce,
            gas_limit: message.gas,
            max_fee_per_gas: fee(message.fee_cap),
            max_priority_fee_per_gas: fee(message.tip_cap),
            to,
            value: message.value,
            access_list,
            authorization_list: authorization_list.clone(),
            input: message.data.clone(),
        });
    }
    if let Some(blob_versioned_hashes) = &message.blob_hashes {
        return Body::Eip4844(TxEip4844 {
            chain_id: message.chain_id,
            nonce: message.nonce,
            gas_limit: message.gas,
            max_fee_per_gas: fee(message.fee_cap),
            max_priority_fee_per_gas: fee(message.tip_cap),
            to,
            value: message.value,
            access_list,
            blob_versioned_hashes: blob_versioned_hashes.clone(),
            max_fee_per_blob_gas: fee(message.blob_fee_cap),
            input: message.data.clone(),
        });
    }
    Body::Eip1559(TxEip1559 {
        chain_id: message.chain_id,
        nonce: message.nonce,
        gas_limit: message.gas,
        max_fee_per_gas: fee(message.fee_cap),
        max_priority_fee_per_gas: fee(message.tip_cap),
        to: message.to,
        value: message.value,
        access_list,
        input: message.data.clone(),
    })
}

fn with_zero_signature<T>(transaction: T) -> Vec<u8>
where
    T: SignableTransaction<Signature>,
    Signed<T>: Encodable2718,
{
    let signature = Signature::new(U256::ZERO, U256::ZERO, false);
    Signed::new_unchecked(transaction, signature, B256::ZERO).encoded_2718()
}

impl Legacy {
    fn encoded(&self) -> Vec<u8> {
        let mut fields = Vec::new();
        self.nonce.encode(&mut fields);
        self.gas_price.encode(&mut fields);
        self.gas.encode(&mut fields);
        self.to.encode(&mut fields);
        self.value.encode(&mut fields);
        self.input.encode(&mut fields);
        for _ in ["v", "r", "s"] {
            fields.put_u8(alloy_rlp::EMPTY_STRING_CODE);
        }
        let mut encoded = Vec::new();
        ListHeader { list: true, payload_length: fields.len() }.encode(&mut encoded);
        encoded.extend_from_slice(&fields);
        encoded
    }
}

/// A transaction in full, inside its simulated block.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FullTransaction {
    block_hash: B256,
    block_number: Quantity64,
    block_timestamp: Quantity64,
    from: Address,
    gas: Quantity64,
    gas_price: Quantity256,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_fee_per_gas: Option<Quantity256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_priority_fee_per_gas: Option<Quantity256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_fee_per_blob_gas: Option<Quantity256>,
    hash: B256,
    input: Bytes,
    nonce: Quantity64,
    to: Option<Address>,
    transaction_index: Quantity64,
    value: Quantity256,
    #[serde(rename = "type")]
    tx_type: Quantity64,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_list: Option<AccessList>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chain_id: Option<Quantity64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blob_versioned_hashes: Option<Vec<B256>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization_list: Option<Vec<SignedAuthorization>>,
    v: Quantity64,
    r: Quantity64,
    s: Quantity64,
    #[serde(skip_serializing_if = "Option::is_none")]
    y_parity: Option<Quantity64>,
}

/// Where a transaction stands.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub block_hash: B256,
    pub number: u64,
    pub timestamp: u64,
    pub base_fee: Option<u64>,
}

impl Unsigned {
    pub fn full(&self, index: usize, place: Place) -> FullTransaction {
        match &self.body {
            Body::Legacy(legacy) => self.full_legacy(legacy, index, place),
            Body::Eip1559(tx) => self.full_typed(tx, index, place),
            Body::Eip4844(tx) => self.full_typed(tx, index, place),
            Body::Eip7702(tx) => self.full_typed(tx, index, place),
        }
    }

    fn full_legacy(&self, legacy: &Legacy, index: usize, place: Place) -> FullTransaction {
        FullTransaction {
            block_hash: place.block_hash,
            block_number: Quantity64(place.number),
            block_timestamp: Quantity64(place.timestamp),
            from: self.sender,
            gas: Quantity64(legacy.gas),
            gas_price: Quantity256(legacy.gas_price),
            max_fee_per_gas: None,
            max_priority_fee_per_gas: None,
            max_fee_per_blob_gas: None,
            hash: self.hash,
            input: legacy.input.clone(),
            nonce: Quantity64(legacy.nonce),
            to: legacy.to.to().copied(),
            transaction_index: Quantity64(index as u64),
            value: Quantity256(legacy.value),
            tx_type: Quantity64(0),
            access_list: None,
            chain_id: None,
            blob_versioned_hashes: None,
            authorization_list: None,
            v: Quantity64(0),
            r: Quantity64(0),
            s: Quantity64(0),
            y_parity: None,
        }
    }

    fn full_typed(&self, tx: &impl alloy_consensus::Transaction, index: usize, place: Place) -> FullTransaction {
        let wide = |fee: u128| Quantity256(U256::from(fee));
        FullTransaction {
            block_hash: place.block_hash,
            block_number: Quantity64(place.number),
            block_timestamp: Quantity64(place.timestamp),
            from: self.sender,
            gas: Quantity64(tx.gas_limit()),
            gas_price: wide(tx.effective_gas_price(place.base_fee)),
            max_fee_per_gas: Some(wide(tx.max_fee_per_gas())),
            max_priority_fee_per_gas: tx.max_priority_fee_per_gas().map(wide),
            max_fee_per_blob_gas: tx.max_fee_per_blob_gas().map(wide),
            hash: self.hash,
            input: tx.input().clone(),
            nonce: Quantity64(tx.nonce()),
            to: tx.to(),
            transaction_index: Quantity64(index as u64),
            value: Quantity256(tx.value()),
            tx_type: Quantity64(u64::from(tx.ty())),
            access_list: tx.access_list().cloned(),
            chain_id: tx.chain_id().map(Quantity64),
            blob_versioned_hashes: tx.blob_versioned_hashes().map(<[B256]>::to_vec),
            authorization_list: tx.authorization_list().map(<[SignedAuthorization]>::to_vec),
            v: Quantity64(0),
            r: Quantity64(0),
            s: Quantity64(0),
            y_parity: Some(Quantity64(0)),
        }
    }
}
