//! The call object of `eth_call` and its kin: read it, refuse contradictions, make it a message for the EVM.
//!
//! A message is not a transaction: it has no signature, its nonce is not checked, its sender may be a contract, and
//! when it names no price it pays none. `ToMessage` of geth is the model; `eth_simulateV1` adds checks of its own.

use super::error::{Attempt, CallError, TransactionRefused};
use super::fields::{Data, Quantity64, Quantity256};
use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_eips::eip7702::SignedAuthorization;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use revm::context::TxEnv;
use revm::context_interface::either::Either;
use revm::context_interface::result::InvalidTransaction;
use revm::context_interface::transaction::TransactionType;
use revm::primitives::eip4844::GAS_PER_BLOB;
use revm::primitives::hardfork::SpecId;
use serde::Deserialize;

/// A call object as the request holds it. Unknown fields are ignored, as in geth.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct CallArgs {
    pub from: Option<Address>,
    pub to: Option<Address>,
    pub gas: Option<Quantity64>,
    pub gas_price: Option<Quantity256>,
    pub max_fee_per_gas: Option<Quantity256>,
    pub max_priority_fee_per_gas: Option<Quantity256>,
    pub value: Option<Quantity256>,
    pub nonce: Option<Quantity64>,
    pub data: Option<Data>,
    pub input: Option<Data>,
    pub access_list: Option<Vec<AccessEntry>>,
    pub chain_id: Option<Quantity256>,
    pub max_fee_per_blob_gas: Option<Quantity256>,
    pub blob_versioned_hashes: Option<Vec<B256>>,
    pub authorization_list: Option<Vec<SignedAuthorization>>,
}

/// An entry of an access list; the keys may be left out.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessEntry {
    pub address: Address,
    #[serde(default)]
    pub storage_keys: Option<Vec<B256>>,
}

/// What fills the gaps of a call object.
#[derive(Clone, Copy, Debug)]
pub struct Defaults {
    pub gas_cap: u64,
    /// `None` before London.
    pub base_fee: Option<u64>,
    pub chain_id: u64,
    /// Lists that the fork does not know are left out.
    pub spec: SpecId,
}

/// A call object with every gap filled.
#[derive(Clone, Debug)]
pub struct Message {
    pub from: Address,
    pub to: TxKind,
    pub gas: u64,
    /// Both caps are the gas price where the object named one.
    pub fee_cap: U256,
    pub tip_cap: U256,
    /// The object named the old `gasPrice`.
    pub has_gas_price: bool,
    pub value: U256,
    pub nonce: u64,
    pub data: Bytes,
    pub access_list: Option<AccessList>,
    pub blob_fee_cap: U256,
    pub blob_hashes: Option<Vec<B256>>,
    pub authorizations: Option<Vec<SignedAuthorization>>,
    /// `None` before London.
    pub base_fee: Option<u64>,
    pub chain_id: u64,
}

impl CallArgs {
    pub fn from(&self) -> Address {
        self.from.unwrap_or_default()
    }

    /// Fill the gaps; the gas is capped, and a nonce that is not given is zero.
    pub fn into_message(self, defaults: &Defaults) -> Result<Message, CallError> {
        if self.gas_price.is_some() && (self.max_fee_per_gas.is_some() || self.max_priority_fee_per_gas.is_some()) {
            return Err(CallError::Refused(
                "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified".to_owned(),
            ));
        }
        if let Some(Quantity256(have)) = self.chain_id
            && have != U256::from(defaults.chain_id)
        {
            let want = defaults.chain_id;
            return Err(CallError::Refused(format!("chainId does not match node's (have={have}, want={want})")));
        }
        let (fee_cap, tip_cap) = self.fee_caps(defaults.base_fee);
        Ok(Message {
            from: self.from(),
            to: self.to.map_or(TxKind::Create, TxKind::Call),
            gas: self.gas.map_or(defaults.gas_cap, |gas| gas.0.min(defaults.gas_cap)),
            fee_cap,
            tip_cap,
            has_gas_price: self.gas_price.is_some() || defaults.base_fee.is_none(),
            value: self.value.unwrap_or_default().0,
            nonce: self.nonce.unwrap_or_default().0,
            data: self.input.or(self.data).unwrap_or_default().0,
            access_list: self.access_list.filter(|_| defaults.spec.is_enabled_in(SpecId::BERLIN)).map(access_list),
            blob_fee_cap: self.max_fee_per_blob_gas.unwrap_or_default().0,
            blob_hashes: self.blob_versioned_hashes.filter(|_| defaults.spec.is_enabled_in(SpecId::CANCUN)),
            authorizations: self.authorization_list,
            base_fee: defaults.base_fee,
            chain_id: defaults.chain_id,
        })
    }

    fn fee_caps(&self, base_fee: Option<u64>) -> (U256, U256) {
        match self.gas_price {
            Some(Quantity256(price)) => (price, price),
            None if base_fee.is_none() => (U256::ZERO, U256::ZERO),
            None => (self.max_fee_per_gas.unwrap_or_default().0, self.max_priority_fee_per_gas.unwrap_or_default().0),
        }
    }
}

fn access_list(entries: Vec<AccessEntry>) -> AccessList {
    let item = |entry: AccessEntry| AccessListItem {
        address: entry.address,
        storage_keys: entry.storage_keys.unwrap_or_default(),
    };
    AccessList(entries.into_iter().map(item).collect())
}

impl Message {
    /// No price is offered: the base fee is not asked for and nothing is paid.
    pub fn is_free(&self) -> bool {
        self.fee_cap.is_zero() && self.tip_cap.is_zero()
    }

    /// What the sender must own: all gas at the highest price, the value, the blobs. `None` above 256 bits.
    pub fn highest_cost(&self) -> Option<U256> {
        let blobs = self.blob_hashes.as_ref().map_or(0, Vec::len) as u64;
        let blob_cost = self.blob_fee_cap.checked_mul(U256::from(blobs * GAS_PER_BLOB))?;
        let gas_cost = self.fee_cap.checked_mul(U256::from(self.gas))?;
        gas_cost.checked_add(self.value)?.checked_add(blob_cost)
    }

    pub fn refused(&self, reason: InvalidTransaction) -> Box<TransactionRefused> {
        Box::new(TransactionRefused {
            attempt: Attempt::default(),
            reason,
            from: self.from,
            gas: self.gas,
            fee_cap: self.fee_cap,
            tip_cap: self.tip_cap,
            base_fee: self.base_fee.unwrap_or_default(),
        })
    }

    /// The message as revm takes it.
    ///
    /// # Errors
    /// A price above 128 bits: no balance pays it. A creation that carries blobs or authorizations.
    pub fn to_tx_env(&self) -> Result<TxEnv, Box<TransactionRefused>> {
        let price = |value: U256| {
            u128::try_from(value).map_err(|_| self.refused(InvalidTransaction::OverflowPaymentInTransaction))
        };
        let tx_type = self.transaction_type()?;
        Ok(TxEnv {
            tx_type: tx_type as u8,
            caller: self.from,
            gas_limit: self.gas,
            gas_price: price(self.fee_cap)?,
            gas_priority_fee: match tx_type {
                TransactionType::Legacy | TransactionType::Eip2930 => None,
                _ => Some(price(self.tip_cap)?),
            },
            kind: self.to,
            value: self.value,
            data: self.data.clone(),
            nonce: self.nonce,
            chain_id: Some(self.chain_id),
            access_list: self.access_list.clone().unwrap_or_default(),
            blob_hashes: self.blob_hashes.clone().unwrap_or_default(),
            max_fee_per_blob_gas: price(self.blob_fee_cap)?,
            authorization_list: self.authorizations.iter().flatten().cloned().map(Either::Left).collect(),
        })
    }

    fn transaction_type(&self) -> Result<TransactionType, Box<TransactionRefused>> {
        if self.authorizations.is_some() {
            if self.to.is_create() {
                return Err(self.refused(InvalidTransaction::AuthorizationListInvalidFields));
            }
            return Ok(TransactionType::Eip7702);
        }
        if self.blob_hashes.is_some() {
            if self.to.is_create() {
                return Err(self.refused(InvalidTransaction::BlobCreateTransaction));
            }
            return Ok(TransactionType::Eip4844);
        }
        Ok(match (self.base_fee, &self.access_list) {
            (Some(_), _) => TransactionType::Eip1559,
            (None, Some(_)) => TransactionType::Eip2930,
            (None, None) => TransactionType::Legacy,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AFTER_LONDON: Defaults = Defaults { gas_cap: 1_000, base_fee: Some(7), chain_id: 5, spec: SpecId::OSAKA };
    const BEFORE_LONDON: Defaults = Defaults { base_fee: None, spec: SpecId::ISTANBUL, ..AFTER_LONDON };

    fn message(json: &str, defaults: &Defaults) -> Result<Message, CallError> {
        serde_json::from_str::<CallArgs>(json).expect("readable").into_message(defaults)
    }

    #[test]
    fn gaps_are_filled() {
        let message = message("{}", &AFTER_LONDON).expect("accepted");

        assert_eq!(message.to, TxKind::Create);
        assert_eq!(message.gas, 1_000);
        assert!(message.is_free());
        assert_eq!(message.to_tx_env().expect("fits").tx_type, 2);
    }

    #[test]
    fn gas_is_capped() {
        assert_eq!(message(r#"{"gas":"0x10"}"#, &AFTER_LONDON).expect("accepted").gas, 16);
        assert_eq!(message(r#"{"gas":"0xfffff"}"#, &AFTER_LONDON).expect("accepted").gas, 1_000);
    }

    #[test]
    fn input_wins_over_data() {
        let both = message(r#"{"data":"0x01","input":"0x02"}"#, &AFTER_LONDON).expect("accepted");
        let old = message(r#"{"data":"0x01","input":null}"#, &AFTER_LONDON).expect("accepted");

        assert_eq!(both.data.as_ref(), [2]);
        assert_eq!(old.data.as_ref(), [1]);
    }

    #[test]
    fn both_fee_styles_are_refused() {
        let error = message(r#"{"gasPrice":"0x1","maxFeePerGas":"0x1"}"#, &AFTER_LONDON).expect_err("contradiction");
        assert_eq!(error.code(), -32000);
        assert!(error.to_string().starts_with("both gasPrice"));
    }

    #[test]
    fn another_chain_is_refused() {
        let error = message(r#"{"chainId":"0x1"}"#, &AFTER_LONDON).expect_err("other chain");
        assert_eq!(error.to_string(), "chainId does not match node's (have=1, want=5)");
    }

    #[test]
    fn a_gas_price_sets_both_caps() {
        let tx = message(r#"{"gasPrice":"0x9"}"#, &AFTER_LONDON).expect("accepted").to_tx_env().expect("fits");
        assert_eq!((tx.gas_price, tx.gas_priority_fee), (9, Some(9)));

        let old = message(r#"{"gasPrice":"0x9"}"#, &BEFORE_LONDON).expect("accepted").to_tx_env().expect("fits");
        assert_eq!((old.tx_type, old.gas_price, old.gas_priority_fee), (0, 9, None));
    }

    #[test]
    fn blobs_and_authorizations_need_a_receiver() {
        let hash = format!("0x01{}", "00".repeat(31));
        for list in [format!(r#"{{"blobVersionedHashes":["{hash}"]}}"#), r#"{"authorizationList":[]}"#.to_owned()] {
            assert!(message(&list, &AFTER_LONDON).expect("accepted").to_tx_env().is_err(), "{list}");
        }
    }

    #[test]
    fn unknown_fields_are_ignored_and_broken_ones_are_not() {
        assert!(serde_json::from_str::<CallArgs>(r#"{"type":"0x2","gas":null,"whatever":[1]}"#).is_ok());
        for bad in [r#"{"gas":"0x01"}"#, r#"{"gas":5}"#, r#"{"to":"0x12"}"#, r#"{"data":"0x1"}"#, "7"] {
            assert!(serde_json::from_str::<CallArgs>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn lists_that_the_fork_does_not_know_are_left_out() {
        let hash = format!("0x01{}", "00".repeat(31));
        let json = format!(r#"{{"accessList":[],"blobVersionedHashes":["{hash}"]}}"#);

        let old = message(&json, &BEFORE_LONDON).expect("accepted");
        let new = message(&json, &AFTER_LONDON).expect("accepted");

        assert_eq!((old.access_list.is_some(), old.blob_hashes.is_some()), (false, false));
        assert_eq!((new.access_list.is_some(), new.blob_hashes.is_some()), (true, true));
    }

    #[test]
    fn keys_of_an_access_list_may_be_left_out() {
        let json = r#"{"accessList":[{"address":"0x0000000000000000000000000000000000000001"}]}"#;
        let message = message(json, &AFTER_LONDON).expect("accepted");
        assert_eq!(message.access_list.expect("given").0[0].storage_keys.len(), 0);
    }
}
