//! A transaction as it lies in a block: signed by its sender, or put there by a rollup's L1.

use alloy_consensus::{EthereumTxEnvelope, Sealed, TransactionEnvelope, TxEip4844};
use alloy_primitives::{B256, Signature};

use crate::rollup::Privileged;

/// Ethereum's types (blob transactions without their sidecar), and the one that a rollup adds. Which of them a chain
/// takes is a rule of [`crate::senders`].
#[derive(Clone, Debug, TransactionEnvelope)]
#[envelope(tx_type_name = TransactionType, serde_cfg(any()))]
pub enum Transaction {
    #[envelope(flatten)]
    Signed(SignedTransaction),
    #[envelope(ty = 0x7e)]
    Privileged(Sealed<Privileged>),
}

/// A transaction with its sender's signature.
pub type SignedTransaction = EthereumTxEnvelope<TxEip4844>;

impl Transaction {
    pub fn hash(&self) -> &B256 {
        match self {
            Self::Signed(signed) => signed.tx_hash(),
            Self::Privileged(privileged) => privileged.hash_ref(),
        }
    }

    /// `None` where L1 vouches for the sender.
    pub fn signature(&self) -> Option<&Signature> {
        match self {
            Self::Signed(signed) => Some(signed.signature()),
            Self::Privileged(_) => None,
        }
    }

    pub fn is_blob(&self) -> bool {
        matches!(self, Self::Signed(signed) if signed.is_eip4844())
    }

    pub fn is_privileged(&self) -> bool {
        matches!(self, Self::Privileged(_))
    }
}

impl<T: Into<SignedTransaction>> From<T> for Transaction {
    fn from(signed: T) -> Self {
        Self::Signed(signed.into())
    }
}
