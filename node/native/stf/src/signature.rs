//! Who signed: public-key recovery on secp256k1, in C on the host and in Rust elsewhere.

use alloy_eips::eip7702::{RecoveredAuthority, RecoveredAuthorization, SignedAuthorization};
use alloy_primitives::{Address, B256, Signature, U256, uint};

/// Half of the curve's order: from Homestead on `s` must not exceed it (EIP-2).
pub const SECP256K1N_HALF: U256 = uint!(0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0_U256);

/// The address whose key signed `hash`; `None` if no key could have. Says nothing about a high `s`.
#[cfg(feature = "host")]
pub fn recover(signature: &Signature, hash: B256) -> Option<Address> {
    use alloy_primitives::keccak256;
    use secp256k1::{
        Message,
        ecdsa::{RecoverableSignature, RecoveryId},
    };

    let mut compact = [0; 64];
    compact[..32].copy_from_slice(&signature.r().to_be_bytes::<32>());
    compact[32..].copy_from_slice(&signature.s().to_be_bytes::<32>());
    let id = if signature.v() { RecoveryId::One } else { RecoveryId::Zero };
    let recoverable = RecoverableSignature::from_compact(&compact, id).ok()?;
    let key = recoverable.recover_ecdsa(Message::from_digest(hash.0)).ok()?;
    Some(Address::from_slice(&keccak256(&key.serialize_uncompressed()[1..])[12..]))
}

/// The address whose key signed `hash`; `None` if no key could have. Says nothing about a high `s`.
#[cfg(not(feature = "host"))]
pub fn recover(signature: &Signature, hash: B256) -> Option<Address> {
    alloy_consensus::crypto::secp256k1::recover_signer_unchecked(signature, hash).ok()
}

/// An EIP-7702 authorization with its authority, or marked invalid where the signature gives none.
pub fn recover_authorization(authorization: &SignedAuthorization) -> RecoveredAuthorization {
    let signature = authorization.signature().ok().filter(|signature| signature.s() <= SECP256K1N_HALF);
    let authority = signature.and_then(|signature| recover(&signature, authorization.signature_hash()));
    let authority = authority.map_or(RecoveredAuthority::Invalid, RecoveredAuthority::Valid);
    RecoveredAuthorization::new_unchecked(authorization.inner().clone(), authority)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_eips::eip7702::Authorization;
    use alloy_primitives::{address, b256};

    const HASH: B256 = b256!("0xc82cd5d3ee6cdd5e79ad6c6b4c0c3dce8cd40d3a1d4d7ce9e2b4a7fbc5a1f6c3");

    fn signature() -> Signature {
        let key = k256_key();
        let (signature, id) = key.sign_prehash_recoverable(HASH.as_slice()).unwrap();
        Signature::from_signature_and_parity(signature, id.is_y_odd())
    }

    fn k256_key() -> k256::ecdsa::SigningKey {
        k256::ecdsa::SigningKey::from_slice(&[0x46; 32]).unwrap()
    }

    #[test]
    fn recovers_the_address_of_the_key() {
        assert_eq!(recover(&signature(), HASH), Some(address!("0x9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f")));
    }

    #[test]
    fn gives_nothing_where_no_key_fits() {
        for (r, s) in [(U256::ZERO, U256::ONE), (U256::ONE, U256::ZERO), (U256::MAX, U256::ONE), (U256::ONE, U256::MAX)]
        {
            assert_eq!(recover(&Signature::new(r, s, false), HASH), None, "{r} {s}");
        }
    }

    #[test]
    fn an_authorization_with_high_s_or_odd_parity_byte_has_no_authority() {
        let inner = Authorization { chain_id: U256::ONE, address: Address::ZERO, nonce: 0 };
        let key = k256_key();
        let (good, id) = key.sign_prehash_recoverable(inner.signature_hash().as_slice()).unwrap();
        let good = Signature::from_signature_and_parity(good, id.is_y_odd());
        let signed = |parity, s| SignedAuthorization::new_unchecked(inner.clone(), parity, good.r(), s);

        assert!(recover_authorization(&signed(good.v() as u8, good.s())).authority().is_some());
        let order = SECP256K1N_HALF + SECP256K1N_HALF + U256::ONE;
        assert!(recover_authorization(&signed(!good.v() as u8, order - good.s())).authority().is_none());
        assert!(recover_authorization(&signed(27, good.s())).authority().is_none());
    }
}
