//! What the program gets, as versioned bytes: made once a batch, given to every prover of it.

use alloc::vec::Vec;

use alloy_primitives::{B256, Bytes};
use alloy_rlp::{Decodable, RlpDecodable, RlpEncodable};
use stf::{ChainSpec, rollup::RollupRules, witness::Witness};

use crate::{Batch, program::ProgramError};

const VERSION: u8 = 1;

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
    /// The payload in whole blobs' worth of bytes, and each blob's hash.
    pub payload: Bytes,
    pub versioned_hashes: Vec<B256>,
}

impl Input {
    pub fn spec(&self) -> ChainSpec {
        self.rules.clone().chain_spec(self.chain_id, self.osaka_time)
    }

    pub fn encode(&self) -> Vec<u8> {
        let rules = &self.rules;
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
            versioned_hashes: self.versioned_hashes.clone(),
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
            versioned_hashes: form.versioned_hashes,
        })
    }
}

#[derive(RlpEncodable, RlpDecodable)]
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
}
