//! The transaction that L1 makes: type 0x7e.

use alloy_consensus::{Sealable, Sealed, Transaction, Typed2718};
use alloy_eips::{
    eip2718::{Decodable2718, Eip2718Error, Eip2718Result, Encodable2718, IsTyped2718},
    eip2930::AccessList,
    eip7702::SignedAuthorization,
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use alloy_rlp::{BufMut, Decodable, Encodable, Header};

/// EIP-2718 type of a privileged transaction.
pub const PRIVILEGED_TYPE: u8 = 0x7e;

/// A call that L1 has queued for the rollup: nobody signs it, nobody pays for it on L2.
///
/// Encoded as type ‖ RLP[chain_id, nonce, max_priority_fee, max_fee, gas_limit, to, value, data, access_list, from],
/// the two fees zero and the access list empty: an item of the queue has one encoding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Privileged {
    pub chain_id: u64,
    /// The item's place in the queue of L1. It is no nonce of the sender's account.
    pub nonce: u64,
    pub gas_limit: u64,
    pub to: Address,
    pub value: U256,
    pub data: Bytes,
    pub from: Address,
}

impl Privileged {
    fn fields_length(&self) -> usize {
        self.chain_id.length()
            + self.nonce.length()
            + 0u8.length() * 2
            + self.gas_limit.length()
            + self.to.length()
            + self.value.length()
            + self.data.length()
            + AccessList::default().length()
            + self.from.length()
    }

    fn header(&self) -> Header {
        Header { list: true, payload_length: self.fields_length() }
    }

    fn decode_fields(buf: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let mut fields = Header::decode_bytes(buf, true)?;
        let (chain_id, nonce) = (u64::decode(&mut fields)?, u64::decode(&mut fields)?);
        for _ in 0..2 {
            if u128::decode(&mut fields)? != 0 {
                return Err(alloy_rlp::Error::Custom("a privileged transaction pays no fee"));
            }
        }
        let (gas_limit, to) = (u64::decode(&mut fields)?, Address::decode(&mut fields)?);
        let (value, data) = (U256::decode(&mut fields)?, Bytes::decode(&mut fields)?);
        if !AccessList::decode(&mut fields)?.is_empty() {
            return Err(alloy_rlp::Error::Custom("a privileged transaction has no access list"));
        }
        let from = Address::decode(&mut fields)?;
        if !fields.is_empty() {
            return Err(alloy_rlp::Error::ListLengthMismatch { expected: 10, got: 11 });
        }
        Ok(Self { chain_id, nonce, gas_limit, to, value, data, from })
    }
}

impl Sealable for Privileged {
    fn hash_slow(&self) -> B256 {
        keccak256(self.encoded_2718())
    }
}

impl Typed2718 for Privileged {
    fn ty(&self) -> u8 {
        PRIVILEGED_TYPE
    }
}

impl IsTyped2718 for Privileged {
    fn is_type(kind: u8) -> bool {
        kind == PRIVILEGED_TYPE
    }
}

impl Encodable2718 for Privileged {
    fn encode_2718_len(&self) -> usize {
        1 + self.header().length_with_payload()
    }

    fn encode_2718(&self, out: &mut dyn BufMut) {
        out.put_u8(PRIVILEGED_TYPE);
        self.header().encode(out);
        self.chain_id.encode(out);
        self.nonce.encode(out);
        0u8.encode(out);
        0u8.encode(out);
        self.gas_limit.encode(out);
        self.to.encode(out);
        self.value.encode(out);
        self.data.encode(out);
        AccessList::default().encode(out);
        self.from.encode(out);
    }
}

impl Decodable2718 for Privileged {
    fn typed_decode(kind: u8, buf: &mut &[u8]) -> Eip2718Result<Self> {
        if kind != PRIVILEGED_TYPE {
            return Err(Eip2718Error::UnexpectedType(kind));
        }
        Ok(Self::decode_fields(buf)?)
    }

    fn fallback_decode(_: &mut &[u8]) -> Eip2718Result<Self> {
        Err(Eip2718Error::UnexpectedType(0))
    }
}

impl Transaction for Privileged {
    fn chain_id(&self) -> Option<u64> {
        Some(self.chain_id)
    }

    fn nonce(&self) -> u64 {
        self.nonce
    }

    fn gas_limit(&self) -> u64 {
        self.gas_limit
    }

    fn gas_price(&self) -> Option<u128> {
        None
    }

    fn max_fee_per_gas(&self) -> u128 {
        0
    }

    fn max_priority_fee_per_gas(&self) -> Option<u128> {
        Some(0)
    }

    fn max_fee_per_blob_gas(&self) -> Option<u128> {
        None
    }

    fn priority_fee_or_price(&self) -> u128 {
        0
    }

    fn effective_gas_price(&self, _: Option<u64>) -> u128 {
        0
    }

    fn is_dynamic_fee(&self) -> bool {
        true
    }

    fn kind(&self) -> TxKind {
        TxKind::Call(self.to)
    }

    fn is_create(&self) -> bool {
        false
    }

    fn value(&self) -> U256 {
        self.value
    }

    fn input(&self) -> &Bytes {
        &self.data
    }

    fn access_list(&self) -> Option<&AccessList> {
        None
    }

    fn blob_versioned_hashes(&self) -> Option<&[B256]> {
        None
    }

    fn authorization_list(&self) -> Option<&[SignedAuthorization]> {
        None
    }
}

impl From<Privileged> for crate::Transaction {
    fn from(privileged: Privileged) -> Self {
        Self::Privileged(Sealed::new(privileged))
    }
}
