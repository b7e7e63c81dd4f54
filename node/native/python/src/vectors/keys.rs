//! Hashing and signing with a key at hand.

use super::{fixed, invalid};
use alloy_primitives::keccak256;
use pyo3::prelude::*;
use secp256k1::{Message, SecretKey, ecdsa::RecoverableSignature};

/// keccak256 of `data`.
#[pyfunction(name = "keccak256")]
pub fn keccak(data: &[u8]) -> Vec<u8> {
    keccak256(data).to_vec()
}

/// Signs a 32-byte hash; gives r, s (low) and one byte of parity. `ValueError` where `secret` is no key.
#[pyfunction]
pub fn sign_hash(secret: &[u8], hash: &[u8]) -> PyResult<Vec<u8>> {
    let key = SecretKey::from_secret_bytes(fixed("secret", secret)?).map_err(invalid)?;
    let signature = RecoverableSignature::sign_ecdsa_recoverable(Message::from_digest(fixed("hash", hash)?), &key);
    let (id, compact) = signature.serialize_compact();
    let mut out = compact.to_vec();
    out.push(id.to_u8());
    Ok(out)
}
