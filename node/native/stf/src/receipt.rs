//! What a transaction did, as its block remembers it.

use alloc::vec::Vec;

use alloy_consensus::{Eip658Value, ReceiptWithBloom, Typed2718};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Bloom, Log};
use alloy_rlp::{BufMut, Encodable};

/// A receipt of any type. Its EIP-2718 form, which the receipts root is made of, holds all fields but `data_gas`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The transaction's type.
    pub kind: u8,
    /// On rollups: the part of the gas that pays for the transaction's data on L1.
    pub data_gas: u64,
    inner: ReceiptWithBloom<alloy_consensus::Receipt>,
}

impl Receipt {
    pub fn new(kind: u8, status: Eip658Value, cumulative_gas_used: u64, logs: Vec<Log>) -> Self {
        let inner = alloy_consensus::Receipt { status, cumulative_gas_used, logs }.with_bloom();
        Self { kind, data_gas: 0, inner }
    }

    /// Whether it went well; before Byzantium the state's root.
    pub fn outcome(&self) -> Eip658Value {
        self.inner.receipt.status
    }

    /// Whether it went well, as far as a receipt tells: one with a state root does not.
    pub fn is_success(&self) -> bool {
        self.inner.receipt.status.coerce_status()
    }

    /// Gas of this transaction and of those before it in the block.
    pub fn cumulative_gas_used(&self) -> u64 {
        self.inner.receipt.cumulative_gas_used
    }

    pub fn logs(&self) -> &[Log] {
        &self.inner.receipt.logs
    }

    pub fn logs_bloom(&self) -> &Bloom {
        &self.inner.logs_bloom
    }
}

impl Typed2718 for Receipt {
    fn ty(&self) -> u8 {
        self.kind
    }
}

impl Encodable2718 for Receipt {
    fn encode_2718_len(&self) -> usize {
        usize::from(self.kind != 0) + self.inner.length()
    }

    fn encode_2718(&self, out: &mut dyn BufMut) {
        if self.kind != 0 {
            out.put_u8(self.kind);
        }
        self.inner.encode(out);
    }
}
