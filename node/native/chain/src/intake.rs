//! From raw bytes to transactions that the pool may weigh: decoded, senders recovered on all cores, blobs checked.
//!
//! Policy (fees, nonces, limits) is not known here: see `ethrex_node.pool` in Python.

use std::sync::Arc;

use alloy_consensus::{EthereumTxEnvelope, Transaction as _, TxEip4844WithSidecar, Typed2718};
use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_eips::eip7594::BlobTransactionSidecarVariant;
use alloy_primitives::{Address, B256, Bytes, U256};
use rayon::prelude::*;
use stf::{SignedTransaction, Transaction, signature};

/// A transaction as it travels: blobs of either proof form come with it.
type Envelope = EthereumTxEnvelope<TxEip4844WithSidecar<BlobTransactionSidecarVariant>>;

/// Tables that c-kzg may make beforehand: none. They cost seconds and a hundred megabytes, and only make cell proofs
/// faster, which a node never computes for others. The first call in a process decides for all.
const PRECOMPUTE: u64 = 0;

/// Below this many a worker thread is not worth waking (recovery takes about 50 µs).
const MIN_PER_THREAD: usize = 4;

/// A transaction as the pool holds it: what blocks take, who sent it, and its blobs apart.
#[derive(Debug)]
pub struct PoolTransaction {
    /// Without the sidecar, as a block holds it.
    pub transaction: Transaction,
    pub sender: Address,
    pub hash: B256,
    /// The bytes as they travel between nodes (with the sidecar).
    pub raw: Bytes,
    pub sidecar: Option<BlobTransactionSidecarVariant>,
    /// Bytes of the block form.
    pub size: usize,
    /// Signers of EIP-7702 authorizations, those with broken signatures left out.
    pub authorities: Vec<Address>,
    /// `sender` was set by hand: a dev chain's impersonated account, perhaps a contract.
    pub impersonated: bool,
}

/// Why bytes are not a transaction that a pool can hold.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    #[error("{0}")]
    Undecodable(String),
    #[error("invalid sender: the signature is of no key")]
    Signature,
    #[error("blob transaction without its blobs")]
    NoSidecar,
    #[error("invalid blobs: {0}")]
    Blobs(String),
}

/// Decode and recover many transactions, on all cores. The answers stand in the order of `raw`.
pub fn admit(raw: &[Vec<u8>]) -> Vec<Result<Arc<PoolTransaction>, IntakeError>> {
    raw.par_iter().with_min_len(MIN_PER_THREAD).map(|bytes| admit_one(bytes).map(Arc::new)).collect()
}

fn admit_one(bytes: &[u8]) -> Result<PoolTransaction, IntakeError> {
    let mut rest = bytes;
    let envelope = Envelope::decode_2718(&mut rest).map_err(|error| undecodable(bytes, &error))?;
    if !rest.is_empty() {
        return Err(IntakeError::Undecodable(format!("{} bytes after the transaction", rest.len())));
    }
    let hash = *envelope.tx_hash();
    let (transaction, sidecar) = part(envelope);
    if let Some(sidecar) = &sidecar {
        check_blobs(&transaction, sidecar)?;
    }
    let sender = sender(&transaction)?;
    let transaction = Transaction::Signed(transaction);
    let authorities = transaction
        .authorization_list()
        .map(|list| list.iter().filter_map(|signed| signature::recover_authorization(signed).authority()).collect())
        .unwrap_or_default();
    let size = transaction.encode_2718_len();
    let raw = Bytes::copy_from_slice(bytes);
    Ok(PoolTransaction { transaction, sender, hash, raw, sidecar, size, authorities, impersonated: false })
}

/// Pools live after Homestead: a high `s` is refused (EIP-2).
fn sender(transaction: &SignedTransaction) -> Result<Address, IntakeError> {
    let signed = transaction.signature();
    if signed.s() > signature::SECP256K1N_HALF {
        return Err(IntakeError::Signature);
    }
    signature::recover(signed, transaction.signature_hash()).ok_or(IntakeError::Signature)
}

/// A type-3 transaction in its block form is well-formed RLP, only not what a pool takes: say so.
fn undecodable(bytes: &[u8], error: &dyn std::fmt::Display) -> IntakeError {
    let mut rest = bytes;
    match Transaction::decode_2718(&mut rest) {
        Ok(transaction) if transaction.is_blob() => IntakeError::NoSidecar,
        _ => IntakeError::Undecodable(error.to_string()),
    }
}

/// Take the blobs off: blocks hold the rest.
fn part(envelope: Envelope) -> (SignedTransaction, Option<BlobTransactionSidecarVariant>) {
    match envelope {
        Envelope::Legacy(signed) => (SignedTransaction::Legacy(signed), None),
        Envelope::Eip2930(signed) => (SignedTransaction::Eip2930(signed), None),
        Envelope::Eip1559(signed) => (SignedTransaction::Eip1559(signed), None),
        Envelope::Eip7702(signed) => (SignedTransaction::Eip7702(signed), None),
        Envelope::Eip4844(signed) => {
            let (with_sidecar, signature, hash) = signed.into_parts();
            let TxEip4844WithSidecar { tx, sidecar } = with_sidecar;
            (SignedTransaction::Eip4844(alloy_consensus::Signed::new_unchecked(tx, signature, hash)), Some(sidecar))
        }
    }
}

/// Versioned hashes against commitments, proofs against blobs (EIP-4844 or EIP-7594 cell proofs).
fn check_blobs(transaction: &SignedTransaction, sidecar: &BlobTransactionSidecarVariant) -> Result<(), IntakeError> {
    let hashes = transaction.blob_versioned_hashes().unwrap_or_default();
    sidecar
        .validate(hashes, c_kzg::ethereum_kzg_settings(PRECOMPUTE))
        .map_err(|error| IntakeError::Blobs(error.to_string()))
}

impl PoolTransaction {
    /// The transaction as it stands in a block: type byte and payload, without blobs.
    pub fn block_form(&self) -> Bytes {
        self.transaction.encoded_2718().into()
    }

    /// The most it can take from its sender, in wei; None: more than 256 bits.
    pub fn cost(&self) -> Option<U256> {
        let transaction = &self.transaction;
        let gas = U256::from(transaction.gas_limit()).checked_mul(U256::from(transaction.max_fee_per_gas()))?;
        let blob_gas = U256::from(transaction.blob_gas_used().unwrap_or_default());
        let blobs = blob_gas.checked_mul(U256::from(transaction.max_fee_per_blob_gas().unwrap_or_default()))?;
        gas.checked_add(blobs)?.checked_add(transaction.value())
    }

    /// The same with proofs of the cells (EIP-7594) where it came with proofs of whole blobs (EIP-4844), as many wallets
    /// still make them. Takes a tenth of a second a blob.
    pub fn with_cell_proofs(&self) -> Result<Self, IntakeError> {
        let (Some(sidecar), Transaction::Signed(SignedTransaction::Eip4844(signed))) =
            (self.sidecar.clone(), &self.transaction)
        else {
            return Err(IntakeError::NoSidecar);
        };
        let sidecar = match sidecar {
            BlobTransactionSidecarVariant::Eip4844(whole) => whole
                .try_into_7594(c_kzg::ethereum_kzg_settings(PRECOMPUTE))
                .map_err(|error| IntakeError::Blobs(error.to_string()))?
                .into(),
            cells => cells,
        };
        let tx = TxEip4844WithSidecar { tx: signed.tx().clone(), sidecar: sidecar.clone() };
        let raw = Envelope::Eip4844(alloy_consensus::Signed::new_unchecked(tx, *signed.signature(), self.hash));
        Ok(Self {
            transaction: self.transaction.clone(),
            sender: self.sender,
            hash: self.hash,
            raw: raw.encoded_2718().into(),
            sidecar: Some(sidecar),
            size: self.size,
            authorities: Vec::new(),
            impersonated: self.impersonated,
        })
    }

    /// EIP-2718 type.
    pub fn kind(&self) -> u8 {
        self.transaction.ty()
    }
}

/// One blob with its commitment and its proofs (one, or one a cell).
type BlobParts<'a> = (&'a [u8], &'a [u8], Vec<&'a [u8]>);

/// The blobs of a transaction, with what proves them.
pub fn blob_parts(transaction: &PoolTransaction) -> Vec<BlobParts<'_>> {
    let Some(sidecar) = &transaction.sidecar else { return Vec::new() };
    let blobs = sidecar.blobs();
    let proofs: Vec<&[u8]> = match sidecar {
        BlobTransactionSidecarVariant::Eip4844(sidecar) => sidecar.proofs.iter().map(|p| p.as_slice()).collect(),
        BlobTransactionSidecarVariant::Eip7594(sidecar) => sidecar.cell_proofs.iter().map(|p| p.as_slice()).collect(),
    };
    let each = proofs.len() / blobs.len().max(1);
    blobs
        .iter()
        .zip(sidecar.commitments())
        .enumerate()
        .map(|(i, (blob, commitment))| {
            (blob.as_slice(), commitment.as_slice(), proofs[i * each..(i + 1) * each].to_vec())
        })
        .collect()
}
