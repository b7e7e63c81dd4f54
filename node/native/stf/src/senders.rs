//! Who sent the transactions of a block, and whether their signatures are of a kind that its fork takes.

use alloc::vec::Vec;
use alloy_consensus::{Transaction as _, Typed2718};
use alloy_eips::eip2718::EIP4844_TX_TYPE_ID as BLOB_TYPE;
use alloy_primitives::Address;

use crate::{BlockError, ChainSpec, Fork, Header, SenderError, Transaction, rollup::PRIVILEGED_TYPE, signature};

/// What a fork takes for a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignatureRules {
    pub fork: Fork,
    pub chain_id: u64,
    /// Whether legacy transactions may name the chain (EIP-155).
    pub replay_protection: bool,
    /// A rollup takes what L1 has queued, and no blobs.
    pub rollup: bool,
}

impl SignatureRules {
    /// The rules of the block with this header.
    pub fn of(spec: &ChainSpec, header: &Header) -> Self {
        let fork = spec.fork_of(header);
        let replay_protection = spec.is_replay_protected(header.number, fork);
        Self { fork, chain_id: spec.chain_id, replay_protection, rollup: spec.rollup.is_some() }
    }

    /// The sender of a transaction.
    pub fn sender(&self, transaction: &Transaction) -> Result<Address, SenderError> {
        self.check_type(transaction.ty())?;
        self.check_chain(transaction)?;
        let signed = match transaction {
            Transaction::Privileged(item) => return Ok(item.from),
            Transaction::Signed(signed) => signed,
        };
        let (signature, hash) = (signed.signature(), signed.signature_hash());
        if self.fork >= Fork::Homestead && signature.s() > signature::SECP256K1N_HALF {
            return Err(SenderError::SignatureInvalid);
        }
        signature::recover(signature, hash).ok_or(SenderError::SignatureInvalid)
    }

    fn check_type(&self, kind: u8) -> Result<(), SenderError> {
        let since = [Fork::Frontier, Fork::Berlin, Fork::London, Fork::Cancun, Fork::Prague];
        let active = match kind {
            PRIVILEGED_TYPE => self.rollup,
            BLOB_TYPE if self.rollup => false,
            _ => since.get(usize::from(kind)).is_some_and(|since| self.fork >= *since),
        };
        if active { Ok(()) } else { Err(SenderError::TypeInactive { kind }) }
    }

    fn check_chain(&self, transaction: &Transaction) -> Result<(), SenderError> {
        match transaction.chain_id() {
            Some(_) if transaction.is_legacy() && !self.replay_protection => Err(SenderError::ReplayProtectionInactive),
            Some(got) if got != self.chain_id => Err(SenderError::ChainIdMismatch { got, expected: self.chain_id }),
            _ => Ok(()),
        }
    }
}

/// The senders of a block's transactions, in order; on the host by all cores.
pub fn recover_senders(
    spec: &ChainSpec,
    header: &Header,
    transactions: &[Transaction],
) -> Result<Vec<Address>, BlockError> {
    let rules = SignatureRules::of(spec, header);
    let recover = |(index, transaction): (usize, &Transaction)| {
        rules.sender(transaction).map_err(|reason| BlockError::Sender { index, reason })
    };
    #[cfg(feature = "host")]
    {
        use rayon::prelude::*;
        // A recovery takes about 50 µs: pieces of this length keep the cost of handing them out below a percent.
        const PIECE: usize = 8;
        transactions.par_iter().enumerate().with_min_len(PIECE).map(recover).collect()
    }
    #[cfg(not(feature = "host"))]
    transactions.iter().enumerate().map(recover).collect()
}
