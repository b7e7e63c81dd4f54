//! The parameters of a rollup that every block obeys.

use alloc::vec::Vec;

use alloy_primitives::{Address, B256, U256, keccak256};
use serde::{Deserialize, Serialize};

use crate::{ChainSpec, TransactionError};

/// Says which fields [`RollupRules::hash`] covers, and in which order.
const VERSION: u64 = 1;

/// `config.rollup` of a genesis file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RollupRules {
    /// Of every block.
    pub gas_limit: u64,
    /// Every block's beneficiary: it gets the tips.
    pub fee_recipient: Address,
    /// Where base fees go; they are burned where it is absent.
    #[serde(default)]
    pub base_fee_vault: Option<Address>,
    /// In wei. It comes out of the tip, which must cover it.
    #[serde(default)]
    pub operator_fee_per_gas: u64,
    #[serde(default)]
    pub operator_fee_vault: Address,
    /// Where what users pay for data on L1 goes.
    #[serde(default)]
    pub data_fee_vault: Address,
    /// The ERC-20 of L1 that is this chain's own coin; zero is ether.
    #[serde(default)]
    pub native_token: Address,
}

impl RollupRules {
    /// Wei per gas above the base fee, which has to cover the operator's fee.
    pub fn check_tip(&self, tip: u128) -> Result<(), TransactionError> {
        let operator_fee = self.operator_fee_per_gas;
        if tip < u128::from(operator_fee) {
            return Err(TransactionError::TipBelowOperatorFee { tip, operator_fee });
        }
        Ok(())
    }

    /// What L1 registers as `configHash`: keccak of the ABI encoding of version, chain id, gas limit, fee recipient, base
    /// fee vault, operator fee per gas, its vault, data fee vault, native token, time of Osaka (2^64 - 1: never).
    pub fn hash(&self, spec: &ChainSpec) -> B256 {
        let addresses = |address: Address| U256::from_be_slice(&address[..]);
        let words = [
            U256::from(VERSION),
            U256::from(spec.chain_id),
            U256::from(self.gas_limit),
            addresses(self.fee_recipient),
            addresses(self.base_fee_vault.unwrap_or_default()),
            U256::from(self.operator_fee_per_gas),
            addresses(self.operator_fee_vault),
            addresses(self.data_fee_vault),
            addresses(self.native_token),
            U256::from(spec.osaka_time.unwrap_or(u64::MAX)),
        ];
        keccak256(words.iter().flat_map(|word| word.to_be_bytes::<32>()).collect::<Vec<u8>>())
    }

    /// The whole schedule of a rollup: every fork to Prague from its first block on.
    pub fn chain_spec(self, chain_id: u64, osaka_time: Option<u64>) -> ChainSpec {
        let first = Some(0);
        ChainSpec {
            chain_id,
            homestead_block: first,
            eip150_block: first,
            eip155_block: first,
            eip158_block: first,
            byzantium_block: first,
            constantinople_block: first,
            petersburg_block: first,
            istanbul_block: first,
            berlin_block: first,
            london_block: first,
            terminal_total_difficulty: Some(U256::ZERO),
            shanghai_time: first,
            cancun_time: first,
            prague_time: first,
            osaka_time,
            rollup: Some(self),
            ..ChainSpec::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::address;

    fn rules() -> RollupRules {
        RollupRules {
            gas_limit: 30_000_000,
            fee_recipient: address!("0x00000000000000000000000000000000000000c0"),
            operator_fee_per_gas: 5,
            ..Default::default()
        }
    }

    #[test]
    fn the_hash_binds_every_parameter() {
        let base = rules();
        let hash = |rules: &RollupRules, osaka| rules.hash(&rules.clone().chain_spec(7, osaka));
        let address = Address::repeat_byte(9);
        let others = [
            RollupRules { gas_limit: 1, ..base.clone() },
            RollupRules { fee_recipient: address, ..base.clone() },
            RollupRules { base_fee_vault: Some(address), ..base.clone() },
            RollupRules { operator_fee_per_gas: 6, ..base.clone() },
            RollupRules { operator_fee_vault: address, ..base.clone() },
            RollupRules { data_fee_vault: address, ..base.clone() },
            RollupRules { native_token: address, ..base.clone() },
        ];

        for other in others {
            assert_ne!(hash(&other, None), hash(&base, None), "{other:?}");
        }
        assert_ne!(hash(&base, Some(9)), hash(&base, None));
        assert_ne!(base.hash(&base.clone().chain_spec(8, None)), hash(&base, None));
    }

    #[test]
    fn an_unknown_parameter_is_refused() {
        let known = r#"{"gasLimit":1,"feeRecipient":"0x00000000000000000000000000000000000000c0"}"#;

        assert!(serde_json::from_str::<RollupRules>(known).is_ok());
        assert!(serde_json::from_str::<RollupRules>(&known.replace("{", r#"{"gaslimit":1,"#)).is_err());
    }
}
