//! What the program gets, as versioned bytes: made once a batch, given to every prover of it.

use alloc::vec::Vec;

use alloy_primitives::{B256, Bytes};
use alloy_rlp::{Decodable, RlpDecodable, RlpEncodable};
use stf::{ChainSpec, rollup::RollupRules, witness::Witness};

use crate::{Batch, program::ProgramError};

const VERSION: u8 = 1;

/// How everybody comes to a batch's payload, as the chain's [`Mode`](crate::blob::Mode) says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// In blobs with these hashes.
    Blobs(Vec<B256>),
    /// From those who keep it, by this pointer.
    Kept(B256),
}

/// Everything that a batch is proven from.
#[derive(Clone, Debug)]
pub struct Input {
    pub chain_id: u64,
    pub rules: RollupRules,
    pub osaka_time: Option<u64>,
    pub program_version: u32,
    pub previous: Batch,
    /// RLP, each block on the one before.
    pub blocks: Vec<Bytes>,
    /// Of the state before the first block.
    pub witness: Witness,
    /// In whole blobs' worth of bytes where blobs hold it.
    pub payload: Bytes,
    pub published: Published,
}

impl Input {
    pub fn spec(&self) -> ChainSpec {
        self.rules.clone().chain_spec(self.chain_id, self.osaka_time)
    }

    pub fn encode(&self) -> Vec<u8> {
        let rules = &self.rules;
        let (versioned_hashes, pointer) = match &self.published {
            Published::Blobs(hashes) => (hashes.clone(), None),
            Published::Kept(pointer) => (Vec::new(), Some(*pointer)),
        };
        alloy_rlp::encode(Form {
            version: VERSION,
            chain_id: self.chain_id,
            osaka_time: self.osaka_time.unwrap_or(u64::MAX),
            gas_limit: rules.gas_limit,
            fee_recipient: rules.fee_recipient,
            base_fee_vault: rules.base_fee_vault.unwrap_or_default(),
            operator_fee_per_gas: rules.operator_fee_per_gas,
            operator_fee_vault: rules.operator_fee_vault,
            data_fee_vault: rules.data_fee_vault,
            native_token: rules.native_token,
            program_version: self.program_version,
            previous: self.previous.encode().into(),
            blocks: self.blocks.clone(),
            witness: self.witness.encode().into(),
            payload: self.payload.clone(),
            versioned_hashes,
            pointer,
        })
    }

    /// Raises [`ProgramError::Input`] for anything but what [`Input::encode`] gave.
    pub fn decode(bytes: &[u8]) -> Result<Self, ProgramError> {
        let mut rest = bytes;
        let form = Form::decode(&mut rest).map_err(|_| ProgramError::Input("not an input"))?;
        if !rest.is_empty() {
            return Err(ProgramError::Input("bytes after it"));
        }
        if form.version != VERSION {
            return Err(ProgramError::Input("of another version"));
        }
        let published = match form.pointer {
            None => Published::Blobs(form.versioned_hashes),
            Some(pointer) if form.versioned_hashes.is_empty() => Published::Kept(pointer),
            Some(_) => return Err(ProgramError::Input("with blobs and a pointer")),
        };
        let rules = RollupRules {
            gas_limit: form.gas_limit,
            fee_recipient: form.fee_recipient,
            base_fee_vault: (!form.base_fee_vault.is_zero()).then_some(form.base_fee_vault),
            operator_fee_per_gas: form.operator_fee_per_gas,
            operator_fee_vault: form.operator_fee_vault,
            data_fee_vault: form.data_fee_vault,
            native_token: form.native_token,
        };
        Ok(Self {
            chain_id: form.chain_id,
            rules,
            osaka_time: (form.osaka_time != u64::MAX).then_some(form.osaka_time),
            program_version: form.program_version,
            previous: Batch::decode(&form.previous).ok_or(ProgramError::Input("with a malformed previous batch"))?,
            blocks: form.blocks,
            witness: Witness::decode(&form.witness)?,
            payload: form.payload,
            published,
        })
    }
}

#[derive(RlpEncodable, RlpDecodable)]
#[rlp(trailing(canonical))]
struct Form {
    version: u8,
    chain_id: u64,
    osaka_time: u64,
    gas_limit: u64,
    fee_recipient: alloy_primitives::Address,
    base_fee_vault: alloy_primitives::Address,
    operator_fee_per_gas: u64,
    operator_fee_vault: alloy_primitives::Address,
    data_fee_vault: alloy_primitives::Address,
    native_token: alloy_primitives::Address,
    program_version: u32,
    previous: Bytes,
    blocks: Vec<Bytes>,
    witness: Bytes,
    payload: Bytes,
    versioned_hashes: Vec<B256>,
    pointer: Option<B256>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloy_rlp::{Encodable, Header};

    fn input(published: Published) -> Input {
        Input {
            chain_id: 7,
            rules: RollupRules::default(),
            osaka_time: None,
            program_version: 1,
            previous: Batch::default(),
            blocks: vec![],
            witness: Witness::default(),
            payload: vec![3; 9].into(),
            published,
        }
    }

    /// The input's list with one more item.
    fn with(bytes: &[u8], item: &[u8]) -> Vec<u8> {
        let mut rest = bytes;
        let list = Header::decode(&mut rest).unwrap();
        let mut out = Vec::new();
        Header { list: true, payload_length: list.payload_length + item.len() }.encode(&mut out);
        [&out, rest, item].concat()
    }

    #[test]
    fn blobs_and_a_pointer_exclude_each_other() {
        let blobs = input(Published::Blobs(vec![B256::repeat_byte(1)])).encode();
        let kept = input(Published::Kept(B256::repeat_byte(4))).encode();
        let mut pointer = Vec::new();
        B256::repeat_byte(4).encode(&mut pointer);

        assert_eq!(with(&input(Published::Blobs(vec![])).encode(), &pointer), kept);
        assert_eq!(Input::decode(&kept).unwrap().published, Published::Kept(B256::repeat_byte(4)));
        assert!(Input::decode(&with(&blobs, &pointer)).unwrap_err().to_string().contains("blobs and a pointer"));
        assert!(Input::decode(&with(&blobs, &[0x80])).is_err(), "there is one form of having none");
    }
}
