//! Accounts: balance, nonce, code, storage, at any block.

use alloy_primitives::{Address, B256, U256};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::block_id::{BlockId, BlockTag};
use crate::context::{Context, Edition, Elsewhere};
use crate::error::{self, RpcError};
use crate::json;
use crate::params::{self, Argument, Params, wrong_type};

/// Slots that one `eth_getStorageValues` may ask for.
const MAX_SLOTS: usize = 1024;

pub fn get_balance(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let address: Address = params.required(0)?;
    let id = params.optional(1)?.unwrap_or(BlockId::LATEST);

    let account = context.state_at(id)?.0.account(&address)?;

    json::quantity_256(out, &account.map_or(U256::ZERO, |account| account.balance));
    Ok(())
}

pub fn get_transaction_count(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let address: Address = params.required(0)?;
    let id = params.optional(1)?.unwrap_or(BlockId::LATEST);

    if id == BlockTag::Pending.into() {
        match &context.pending {
            Some(pending) => {
                if let Some(nonce) = pending.nonce(&address) {
                    json::quantity(out, nonce);
                    return Ok(());
                }
            }
            None if context.settings.elsewhere >= Elsewhere::Pool => return Err(RpcError::ask_writer()),
            None => {}
        }
    }
    let account = context.state_at(id)?.0.account(&address)?;

    json::quantity(out, account.map_or(0, |account| account.nonce));
    Ok(())
}

pub fn get_code(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let address: Address = params.required(0)?;
    let id = params.optional(1)?.unwrap_or(BlockId::LATEST);

    let (state, _) = context.state_at(id)?;
    let code = match state.account(&address)? {
        Some(account) => state.code(&account.code_hash)?,
        None => Default::default(),
    };

    json::data(out, &code);
    Ok(())
}

pub fn get_storage_at(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let address: Address = params.required(0)?;
    let key: String = params.required(1)?;
    let id = params.optional(2)?.unwrap_or(BlockId::LATEST);

    let (state, _) = context.state_at(id)?;
    let (slot, _) = storage_key(context, &key)?;
    let value = state.storage(&address, &slot)?;

    json::data(out, &value.to_be_bytes::<32>());
    Ok(())
}

/// A storage key of `eth_getStorageAt` and `eth_getProof`, and its length in bytes as it was written. Read leniently:
/// the prefix may be missing, and so may leading zeros.
pub fn storage_key(context: &Context, text: &str) -> Result<(B256, usize), RpcError> {
    let code = match context.settings.edition {
        Edition::Current => error::INVALID_PARAMS,
        Edition::Y2024 => error::SERVER,
    };
    let refuse = |reason: &str| RpcError::new(code, format!("{reason}: {text:?}"));
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    let even = if digits.len() % 2 == 1 { format!("0{digits}") } else { digits.to_owned() };
    if even.len() > 64 {
        return Err(refuse("storage key too long (want at most 32 bytes)"));
    }
    let bytes = params::decode(&even).ok_or_else(|| refuse("invalid hex in storage key"))?;
    Ok((B256::left_padding_from(&bytes), bytes.len()))
}

/// The slots asked for, by account; an address that stands twice counts with what it says last.
struct Requests(Vec<(Address, Vec<B256>)>);

impl Argument for Requests {
    fn read(json: &str) -> Result<Self, String> {
        if json == "null" {
            return Ok(Self(Vec::new()));
        }
        let mut reader = serde_json::Deserializer::from_str(json);
        let entries = reader
            .deserialize_map(Entries)
            .map_err(|_| wrong_type(params::kind(json), "map[common.Address][]common.Hash"))?;
        let mut requests: Vec<(Address, Vec<B256>)> = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let address = Address::read(&format!("\"{key}\""))?;
            let slots = params::read_list(value.get(), "[]common.Hash", B256::read)?;
            match requests.iter_mut().find(|(known, _)| *known == address) {
                Some(known) => known.1 = slots,
                None => requests.push((address, slots)),
            }
            if requests.len() > MAX_SLOTS {
                return Err(format!("too many accounts (max {MAX_SLOTS})"));
            }
        }
        Ok(Self(requests))
    }
}

struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("slots by address")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(entries)
    }
}

pub fn get_storage_values(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let Requests(requests) = params.required(0)?;
    let id = params.optional(1)?.unwrap_or(BlockId::LATEST);

    let total: usize = requests.iter().map(|(_, slots)| slots.len()).sum();
    if total > MAX_SLOTS {
        return Err(RpcError::new(error::LIMIT_EXCEEDED, format!("too many slots (max {MAX_SLOTS})")));
    }
    if total == 0 {
        return Err(RpcError::invalid_params("empty request"));
    }
    let (state, _) = context.state_at(id)?;

    let mut object = json::Object::open(out);
    for (address, slots) in &requests {
        let out = object.key(&format!("{address:#x}"));
        json::try_list(out, slots, |out, slot| -> Result<(), RpcError> {
            json::data(out, &state.storage(address, slot)?.to_be_bytes::<32>());
            Ok(())
        })?;
    }
    object.close();
    Ok(())
}
