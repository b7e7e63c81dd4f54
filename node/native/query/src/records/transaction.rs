//! A transaction of any type, its fields as they lie in the RLP.

use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_rlp::{Error, Result};

use stf::rollup::PRIVILEGED_TYPE;

use super::{Item, Items, integer_128};

pub const LEGACY: u8 = 0;
pub const ACCESS_LIST: u8 = 1;
pub const DYNAMIC_FEE: u8 = 2;
pub const BLOB: u8 = 3;
pub const SET_CODE: u8 = 4;
pub const PRIVILEGED: u8 = PRIVILEGED_TYPE;

/// A transaction. Integers are big-endian bytes without leading zeros.
#[derive(Clone, Copy, Debug)]
pub struct Transaction<'a> {
    pub kind: u8,
    /// EIP-2718 bytes: what is hashed and sent.
    pub raw: &'a [u8],
    /// Not in legacy transactions: see [`Transaction::legacy_chain_id`].
    pub chain_id: &'a [u8],
    pub nonce: &'a [u8],
    /// Types 0 and 1.
    pub gas_price: &'a [u8],
    /// From type 2.
    pub max_priority_fee: &'a [u8],
    /// From type 2.
    pub max_fee: &'a [u8],
    pub gas: &'a [u8],
    /// Empty where a contract is created.
    pub to: &'a [u8],
    pub value: &'a [u8],
    pub input: &'a [u8],
    /// From type 1.
    pub access_list: Items<'a>,
    /// Type 3.
    pub max_blob_fee: &'a [u8],
    /// Type 3.
    pub blob_hashes: Items<'a>,
    /// Type 4.
    pub authorizations: Items<'a>,
    /// Nothing where nobody signed, as `r` and `s`.
    pub v: &'a [u8],
    pub r: &'a [u8],
    pub s: &'a [u8],
}

impl<'a> Transaction<'a> {
    /// Read an item of a body: a list (legacy), or a string of type and payload.
    pub fn read(item: Item<'a>) -> Result<Self> {
        if item.list { Self::fields(LEGACY, item.whole, item.items()?) } else { Self::decode(item.payload) }
    }

    /// Read EIP-2718 bytes.
    pub fn decode(raw: &'a [u8]) -> Result<Self> {
        match raw {
            [kind @ (ACCESS_LIST..=SET_CODE | PRIVILEGED), payload @ ..] => {
                Self::fields(*kind, raw, Items::of(payload)?)
            }
            [first, ..] if *first >= 0xc0 => Self::fields(LEGACY, raw, Items::of(raw)?),
            _ => Err(Error::Custom("unknown transaction type")),
        }
    }

    fn fields(kind: u8, raw: &'a [u8], mut items: Items<'a>) -> Result<Self> {
        let nothing: &[u8] = &[];
        let mut next = || items.expect();
        let chain_id = if kind == LEGACY { nothing } else { next()?.bytes()? };
        let nonce = next()?.bytes()?;
        let (gas_price, max_priority_fee, max_fee) = if kind < DYNAMIC_FEE {
            (next()?.bytes()?, nothing, nothing)
        } else {
            (nothing, next()?.bytes()?, next()?.bytes()?)
        };
        let gas = next()?.bytes()?;
        let to = next()?.bytes()?;
        let value = next()?.bytes()?;
        let input = next()?.bytes()?;
        let access_list = if kind == LEGACY { Items(nothing) } else { next()?.items()? };
        let (max_blob_fee, blob_hashes) =
            if kind == BLOB { (next()?.bytes()?, next()?.items()?) } else { (nothing, Items(nothing)) };
        let authorizations = if kind == SET_CODE { next()?.items()? } else { Items(nothing) };
        let (v, r, s) = if kind == PRIVILEGED {
            (nothing, nothing, nothing)
        } else {
            (next()?.bytes()?, next()?.bytes()?, next()?.bytes()?)
        };
        Ok(Self {
            kind,
            raw,
            chain_id,
            nonce,
            gas_price,
            max_priority_fee,
            max_fee,
            gas,
            to,
            value,
            input,
            access_list,
            max_blob_fee,
            blob_hashes,
            authorizations,
            v,
            r,
            s,
        })
    }

    pub fn hash(&self) -> B256 {
        keccak256(self.raw)
    }

    /// The chain id inside the signature of a legacy transaction (EIP-155).
    pub fn legacy_chain_id(&self) -> Option<U256> {
        let v = U256::try_from_be_slice(self.v)?;
        let chain_id: U256 = v.checked_sub(U256::from(35))? >> 1;
        (!chain_id.is_zero()).then_some(chain_id)
    }

    /// What a unit of gas costs in a block with this base fee.
    pub fn effective_gas_price(&self, base_fee: Option<u64>) -> u128 {
        if self.kind == PRIVILEGED {
            return 0;
        }
        if self.kind < DYNAMIC_FEE {
            return integer_128(self.gas_price);
        }
        let cap = integer_128(self.max_fee);
        base_fee.map_or(cap, |base_fee| cap.min(integer_128(self.max_priority_fee).saturating_add(base_fee.into())))
    }

    /// What the block's author earns for a unit of gas; nothing where the cap lies below the base fee.
    pub fn effective_tip(&self, base_fee: Option<u64>) -> u128 {
        self.effective_gas_price(base_fee).saturating_sub(base_fee.unwrap_or_default().into())
    }

    /// How many blobs it carries.
    pub fn blob_count(&self) -> u64 {
        self.blob_hashes.count() as u64
    }

    /// The contract it creates.
    pub fn created(&self, sender: &Address) -> Option<Address> {
        self.to.is_empty().then(|| sender.create(super::integer_64(self.nonce)))
    }
}
