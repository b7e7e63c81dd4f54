//! From headers and transactions to what the interpreter wants to know about them.

use alloc::vec::Vec;
use alloy_consensus::{Transaction as _, Typed2718};
use alloy_primitives::{Address, U256};
use revm::{
    context::{BlockEnv, CfgEnv, TxEnv},
    context_interface::{block::BlobExcessGasAndPrice, either::Either},
};

use crate::{ChainSpec, Fork, Header, Transaction, constantinople, signature};

/// Blobs of one transaction at most, from Osaka (EIP-7594).
pub const MAX_BLOBS_PER_TRANSACTION: u64 = 6;

/// The rules of the block with this header.
pub fn cfg_env(spec: &ChainSpec, header: &Header) -> CfgEnv {
    let fork = spec.fork_of(header);
    let mut cfg = CfgEnv::new_with_spec(fork.spec_id()).with_chain_id(spec.chain_id);
    if fork == Fork::Constantinople {
        cfg.set_gas_params(constantinople::gas_params());
    }
    if let Some(blobs) = spec.blob_params(header.timestamp).filter(|_| fork >= Fork::Cancun) {
        let per_transaction = if fork >= Fork::Osaka { MAX_BLOBS_PER_TRANSACTION } else { blobs.max };
        cfg.max_blobs_per_tx = Some(per_transaction.min(blobs.max));
        cfg.blob_base_fee_update_fraction = Some(blobs.base_fee_update_fraction);
    }
    cfg
}

/// The block that transactions see. A field that the header lacks is zero.
pub fn block_env(spec: &ChainSpec, header: &Header) -> BlockEnv {
    let fork = spec.fork_of(header);
    BlockEnv {
        number: U256::from(header.number),
        beneficiary: header.beneficiary,
        timestamp: U256::from(header.timestamp),
        gas_limit: header.gas_limit,
        basefee: header.base_fee_per_gas.unwrap_or_default(),
        difficulty: header.difficulty,
        prevrandao: (fork >= Fork::Paris).then_some(header.mix_hash),
        blob_excess_gas_and_price: blob_price(spec, header).filter(|_| fork >= Fork::Cancun),
        slot_num: 0,
    }
}

fn blob_price(spec: &ChainSpec, header: &Header) -> Option<BlobExcessGasAndPrice> {
    let fraction = spec.blob_params(header.timestamp)?.base_fee_update_fraction;
    Some(BlobExcessGasAndPrice::new(header.excess_blob_gas.unwrap_or_default(), fraction))
}

/// A transaction as the interpreter takes it. Recovers the authorities of a set-code transaction (EIP-7702).
pub fn tx_env(transaction: &Transaction, sender: Address) -> TxEnv {
    let authorizations = transaction.authorization_list().unwrap_or_default();
    let recovered = authorizations.iter().map(|signed| Either::Right(signature::recover_authorization(signed)));
    TxEnv {
        tx_type: transaction.ty(),
        caller: sender,
        gas_limit: transaction.gas_limit(),
        gas_price: transaction.max_fee_per_gas(),
        kind: transaction.kind(),
        value: transaction.value(),
        data: transaction.input().clone(),
        nonce: transaction.nonce(),
        chain_id: transaction.chain_id(),
        access_list: transaction.access_list().cloned().unwrap_or_default(),
        gas_priority_fee: transaction.max_priority_fee_per_gas(),
        blob_hashes: transaction.blob_versioned_hashes().map_or_else(Vec::new, <[_]>::to_vec),
        max_fee_per_blob_gas: transaction.max_fee_per_blob_gas().unwrap_or_default(),
        authorization_list: recovered.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use revm::primitives::hardfork::SpecId;

    fn spec() -> ChainSpec {
        ChainSpec {
            chain_id: 7,
            london_block: Some(0),
            terminal_total_difficulty: Some(U256::from(100)),
            shanghai_time: Some(10),
            cancun_time: Some(20),
            osaka_time: Some(30),
            ..Default::default()
        }
    }

    fn header(timestamp: u64) -> Header {
        let excess_blob_gas = (timestamp >= 20).then_some(10 << 20);
        Header { timestamp, excess_blob_gas, base_fee_per_gas: Some(9), mix_hash: [5; 32].into(), ..Default::default() }
    }

    #[test]
    fn the_mix_hash_is_the_random_value_only_after_the_merge() {
        let mined = Header { difficulty: U256::from(3), ..header(5) };

        assert_eq!(block_env(&spec(), &mined).prevrandao, None);
        assert_eq!(block_env(&spec(), &header(5)).prevrandao, Some([5; 32].into()));
    }

    #[test]
    fn blobs_have_a_price_from_cancun_and_a_cap_a_transaction_from_osaka() {
        let scheduled = ChainSpec {
            blob_schedule: [(
                "osaka".to_string(),
                crate::BlobParams { target: 6, max: 9, base_fee_update_fraction: 5_007_716 },
            )]
            .into(),
            ..spec()
        };

        assert_eq!(block_env(&spec(), &header(10)).blob_excess_gas_and_price, None);
        assert!(block_env(&spec(), &header(20)).blob_excess_gas_and_price.unwrap().blob_gasprice > 1);
        assert_eq!(cfg_env(&spec(), &header(20)).max_blobs_per_tx, Some(6));
        assert_eq!(cfg_env(&scheduled, &header(30)).max_blobs_per_tx, Some(6));
        assert_eq!(cfg_env(&scheduled, &header(30)).blob_base_fee_update_fraction, Some(5_007_716));
        assert_eq!(cfg_env(&spec(), &header(10)).spec, SpecId::SHANGHAI);
    }
}
