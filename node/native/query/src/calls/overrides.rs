//! State and block overrides of a request.
//!
//! State overrides are written into a layer over the state, as if a transaction had made them just before; block
//! overrides change the environment the EVM sees. An override of a precompile's address turns the precompile off
//! there, and `movePrecompileToAddress` lets it answer elsewhere.

use super::error::{CallError, SourceError};
use super::fields::{Data, Object, Quantity64, Quantity256};
use super::layer::Layer;
use super::precompiles::CallPrecompiles;
use alloy_eips::eip4895::Withdrawal;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use revm::DatabaseRef;
use revm::context::BlockEnv;
use revm::context_interface::block::BlobExcessGasAndPrice;
use revm::state::Bytecode;
use serde::Deserialize;
use std::collections::{BTreeMap, HashSet};

/// Overrides by address; in order, so that the same request always fails at the same place.
pub type StateOverrides = BTreeMap<Address, Object<AccountOverride>>;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct AccountOverride {
    pub nonce: Option<Quantity64>,
    pub code: Option<Data>,
    pub balance: Option<Quantity256>,
    pub state: Option<BTreeMap<B256, B256>>,
    pub state_diff: Option<BTreeMap<B256, B256>>,
    pub move_precompile_to_address: Option<Address>,
}

impl AccountOverride {
    fn sets_nothing(&self) -> bool {
        let account = self.nonce.is_none() && self.code.is_none() && self.balance.is_none();
        account && self.state.is_none() && self.state_diff.is_none()
    }
}

/// Header fields that a request sets.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct BlockOverrides {
    pub number: Option<Quantity256>,
    pub difficulty: Option<Quantity256>,
    pub time: Option<Quantity64>,
    pub gas_limit: Option<Quantity64>,
    pub fee_recipient: Option<Address>,
    pub prev_randao: Option<B256>,
    pub base_fee_per_gas: Option<Quantity256>,
    pub blob_base_fee: Option<Quantity256>,
    pub beacon_root: Option<B256>,
    pub withdrawals: Option<Vec<Withdrawal>>,
}

/// Write the overrides into `layer`; `precompiles` lose the overridden addresses and follow moves.
pub fn apply_state<D: DatabaseRef<Error = SourceError>>(
    overrides: StateOverrides,
    layer: &mut Layer<D>,
    precompiles: &mut CallPrecompiles,
) -> Result<(), CallError> {
    let addresses: HashSet<Address> = overrides.keys().copied().collect();
    let mut destinations = HashSet::new();
    for (address, Object(account)) in overrides {
        if destinations.contains(&address) {
            return Err(CallError::Refused(format!("account {address} has already been overridden by a precompile")));
        }
        if let Some(destination) = account.move_precompile_to_address {
            if !precompiles.has(&address) {
                return Err(CallError::Refused(format!("account {address} is not a precompile")));
            }
            if addresses.contains(&destination) {
                return Err(CallError::Refused(format!("account {destination} is already overridden")));
            }
            precompiles.copy(&address, destination);
            destinations.insert(destination);
        }
        precompiles.remove(&address);
        apply_account(address, account, layer)?;
    }
    Ok(())
}

fn apply_account<D: DatabaseRef<Error = SourceError>>(
    address: Address,
    account: AccountOverride,
    layer: &mut Layer<D>,
) -> Result<(), CallError> {
    if account.state.is_some() && account.state_diff.is_some() {
        return Err(CallError::Refused(format!("account {address} has both 'state' and 'stateDiff'")));
    }
    if account.sets_nothing() {
        return Ok(());
    }
    let changed = layer.account_mut(address)?;
    let info = changed.info.get_or_insert_default();
    if let Some(nonce) = account.nonce {
        info.nonce = nonce.0;
    }
    if let Some(code) = account.code {
        info.code_hash = keccak256(&code.0);
        info.code = Some(bytecode(code.0));
    }
    if let Some(balance) = account.balance {
        info.balance = balance.0;
    }
    if let Some(state) = account.state {
        changed.clear_storage();
        changed.write_slots(state);
    }
    if let Some(diff) = account.state_diff {
        changed.write_slots(diff);
    }
    Ok(())
}

/// Code as it stands: what looks like a delegation but is none runs as plain code.
fn bytecode(code: Bytes) -> Bytecode {
    Bytecode::new_raw_checked(code.clone()).unwrap_or_else(|_| Bytecode::new_legacy(code))
}

impl BlockOverrides {
    /// Change what the EVM sees of its block.
    ///
    /// # Errors
    /// `beaconRoot` and `withdrawals` belong to whole blocks (`eth_simulateV1`); fees above what a header can hold.
    pub fn apply(&self, block: &mut BlockEnv) -> Result<(), CallError> {
        for (given, name) in [(self.beacon_root.is_some(), "beaconRoot"), (self.withdrawals.is_some(), "withdrawals")] {
            if given {
                let message = format!("block override \"{name}\" is not supported for this RPC method");
                return Err(CallError::Refused(message));
            }
        }
        if let Some(Quantity256(number)) = self.number {
            block.number = number;
        }
        if let Some(Quantity256(difficulty)) = self.difficulty {
            block.difficulty = difficulty;
        }
        if let Some(Quantity64(time)) = self.time {
            block.timestamp = U256::from(time);
        }
        if let Some(Quantity64(limit)) = self.gas_limit {
            block.gas_limit = limit;
        }
        if let Some(address) = self.fee_recipient {
            block.beneficiary = address;
        }
        if self.prev_randao.is_some() {
            block.prevrandao = self.prev_randao;
        }
        if let Some(fee) = self.base_fee()? {
            block.basefee = fee;
        }
        self.apply_blob_base_fee(block)
    }

    /// The base fee, which a header holds in 64 bits.
    pub fn base_fee(&self) -> Result<Option<u64>, CallError> {
        self.base_fee_per_gas.map(|fee| u64::try_from(fee.0).map_err(|_| too_big("baseFeePerGas", 64))).transpose()
    }

    pub fn apply_blob_base_fee(&self, block: &mut BlockEnv) -> Result<(), CallError> {
        if let Some(Quantity256(fee)) = self.blob_base_fee {
            let excess_blob_gas = block.blob_excess_gas_and_price.map_or(0, |blob| blob.excess_blob_gas);
            let blob_gasprice = u128::try_from(fee).map_err(|_| too_big("blobBaseFee", 128))?;
            block.blob_excess_gas_and_price = Some(BlobExcessGasAndPrice { excess_blob_gas, blob_gasprice });
        }
        Ok(())
    }
}

fn too_big(name: &str, bits: u32) -> CallError {
    CallError::InvalidParams(format!("block override \"{name}\" is above {bits} bits"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::run::run;
    use crate::calls::testing::{CONTRACT, MemoryState, SENDER, environment, message};
    use alloy_primitives::hex;
    use revm::primitives::hardfork::SpecId;

    const SHA256: Address = Address::with_last_byte(2);

    /// What [`CONTRACT`], or whom the call names, returns under the overrides.
    fn returned(state: &MemoryState, overrides: &str, call: &str) -> Result<Vec<u8>, CallError> {
        let mut environment = environment(SpecId::OSAKA);
        let mut layer = Layer::new(state, SpecId::OSAKA);
        let overrides = serde_json::from_str(overrides).expect("overrides");
        apply_state(overrides, &mut layer, &mut environment.precompiles)?;
        let message = message(call);
        let done = run(layer, environment.for_message(&message), &message)?;
        Ok(done.into_output().unwrap_or_default().to_vec())
    }

    /// Returns SLOAD(0) and SLOAD(1).
    const TWO_SLOTS: [u8; 14] = hex!("5f545f52600154602052 60405ff3");

    fn two_slots() -> MemoryState {
        MemoryState::default().with_code(CONTRACT, TWO_SLOTS).with_slot(CONTRACT, 0, 5).with_slot(CONTRACT, 1, 6)
    }

    fn slots(kind: &str) -> (u8, u8) {
        let one = format!("0x{}1", "0".repeat(63));
        let nine = format!("0x{}9", "0".repeat(63));
        let overrides = format!(r#"{{"{CONTRACT}":{{"{kind}":{{"{one}":"{nine}"}}}}}}"#);
        let output = returned(&two_slots(), &overrides, "{}").expect("runs");
        (output[31], output[63])
    }

    #[test]
    fn state_replaces_every_slot_and_state_diff_one() {
        assert_eq!(slots("stateDiff"), (5, 9));
        assert_eq!(slots("state"), (0, 9));
    }

    #[test]
    fn state_and_state_diff_exclude_each_other() {
        let error = returned(&two_slots(), &format!(r#"{{"{CONTRACT}":{{"state":{{}},"stateDiff":{{}}}}}}"#), "{}");
        assert!(error.is_err_and(|error| error.to_string().ends_with("has both 'state' and 'stateDiff'")));
    }

    #[test]
    fn balance_and_code_are_replaced() {
        // Returns SELFBALANCE.
        let overrides =
            format!(r#"{{"{CONTRACT}":{{"code":"0x475f5260205ff3","balance":"0x7"}},"{SENDER}":{{"balance":"0x2"}}}}"#);
        let output = returned(&two_slots(), &overrides, r#"{"value":"0x1"}"#).expect("runs");
        assert_eq!(output[31], 8);
    }

    #[test]
    fn a_precompile_moves_and_leaves_its_place_empty() {
        let moved = format!(r#"{{"{SHA256}":{{"movePrecompileToAddress":"{CONTRACT}"}}}}"#);

        let there = returned(&MemoryState::default(), &moved, "{}").expect("runs");
        let left = returned(&MemoryState::default(), &moved, &format!(r#"{{"to":"{SHA256}"}}"#)).expect("runs");

        assert_eq!(there[..4], hex!("e3b0c442"));
        assert_eq!(left, [0; 0]);
    }

    #[test]
    fn code_takes_the_place_of_a_precompile() {
        let overrides = format!(r#"{{"{SHA256}":{{"code":"0x60015f5260205ff3"}}}}"#);
        let output = returned(&MemoryState::default(), &overrides, &format!(r#"{{"to":"{SHA256}"}}"#)).expect("runs");
        assert_eq!(output[31], 1);
    }

    #[test]
    fn moves_that_make_no_sense_are_refused() {
        let plain = format!(r#"{{"{CONTRACT}":{{"movePrecompileToAddress":"{SENDER}"}}}}"#);
        let taken = format!(r#"{{"{SHA256}":{{"movePrecompileToAddress":"{SENDER}"}},"{SENDER}":{{"nonce":"0x1"}}}}"#);
        for (overrides, reason) in [(plain, "is not a precompile"), (taken, "is already overridden")] {
            let error = returned(&MemoryState::default(), &overrides, "{}").expect_err("refused");
            assert!(error.to_string().ends_with(reason), "{error}");
            assert_eq!(error.code(), -32000);
        }
    }

    #[test]
    fn block_fields_are_what_the_call_sees() {
        let overrides: BlockOverrides = serde_json::from_str(
            r#"{"number":"0x64","time":"0x65","gasLimit":"0x66","feeRecipient":"0x0000000000000000000000000000000000000067","baseFeePerGas":"0x68","blobBaseFee":"0x69"}"#,
        )
        .expect("overrides");
        let mut block = environment(SpecId::OSAKA).block;

        overrides.apply(&mut block).expect("fits");

        assert_eq!((block.number, block.timestamp, block.gas_limit), (U256::from(100), U256::from(101), 102));
        assert_eq!((block.beneficiary, block.basefee), (Address::with_last_byte(0x67), 104));
        assert_eq!(block.blob_excess_gas_and_price.expect("Cancun").blob_gasprice, 105);
    }

    #[test]
    fn fields_of_whole_blocks_and_fees_beyond_a_header_are_refused() {
        for (json, code) in [
            (r#"{"withdrawals":[]}"#, -32000),
            (r#"{"beaconRoot":"0x0000000000000000000000000000000000000000000000000000000000000000"}"#, -32000),
            (r#"{"baseFeePerGas":"0x10000000000000000"}"#, -32602),
        ] {
            let overrides: BlockOverrides = serde_json::from_str(json).expect("readable");
            let error = overrides.apply(&mut environment(SpecId::OSAKA).block).expect_err("refused");
            assert_eq!(error.code(), code, "{json}");
        }
    }
}
