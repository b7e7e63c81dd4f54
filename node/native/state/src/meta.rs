//! Single values: the schema, the genesis, where the chain stands, from where data is kept.

use alloy_primitives::B256;
use heed::{Database, RoTxn, RwTxn, types::Bytes};

use crate::{BlockRef, StateError, tables::Tables};

/// The layout of the tables. Raise it with any change that older programs would misread, and bring older databases
/// forward in [`check_schema`].
pub(crate) const SCHEMA: u32 = 1;

/// Marks the database as ours.
const MARK: &[u8; 8] = b"ethrexdb";
const SCHEMA_KEY: &[u8] = b"schema";
const SPEC: &[u8] = b"spec";
const MARKED: &[u8] = b"marked";
const GENESIS: &[u8] = b"genesis";

/// A pointer to a block.
#[derive(Clone, Copy)]
pub(crate) enum Pointer {
    Head,
    Safe,
    Finalized,
}

impl Pointer {
    fn key(self) -> &'static [u8] {
        match self {
            Self::Head => b"head",
            Self::Safe => b"safe",
            Self::Finalized => b"finalized",
        }
    }
}

/// The first block whose data of one kind is kept.
#[derive(Clone, Copy)]
pub(crate) enum KeptFrom {
    History,
    Receipts,
    Bodies,
}

impl KeptFrom {
    fn key(self) -> &'static [u8] {
        match self {
            Self::History => b"history_from",
            Self::Receipts => b"receipts_from",
            Self::Bodies => b"bodies_from",
        }
    }
}

/// What a database says about its layout.
pub(crate) enum Schema {
    Known,
    Newer(u32),
    NotOurs,
}

pub(crate) fn check_schema(txn: &RoTxn<'_>, meta: &Database<'_, Bytes, Bytes>) -> heed::Result<Schema> {
    let Some((mark, version)) = meta.get(txn, SCHEMA_KEY)?.and_then(|value| value.split_first_chunk()) else {
        return Ok(Schema::NotOurs);
    };
    let Ok(version) = version.try_into().map(u32::from_be_bytes) else { return Ok(Schema::NotOurs) };
    Ok(match mark == MARK {
        true if version > SCHEMA => Schema::Newer(version),
        true => Schema::Known,
        false => Schema::NotOurs,
    })
}

pub(crate) fn write_schema(txn: &mut RwTxn<'_>, meta: &Database<'_, Bytes, Bytes>, version: u32) -> heed::Result<()> {
    meta.put(txn, SCHEMA_KEY, &[MARK.as_slice(), &version.to_be_bytes()].concat())
}

pub(crate) fn pointer(txn: &RoTxn<'_>, tables: &Tables, which: Pointer) -> Result<Option<BlockRef>, StateError> {
    tables.meta.get(txn, which.key())?.map(BlockRef::decode).transpose()
}

pub(crate) fn set_pointer(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    which: Pointer,
    to: Option<BlockRef>,
) -> Result<(), StateError> {
    match to {
        Some(block) => tables.meta.put(txn, which.key(), &crate::keys::block(block.number, &block.hash))?,
        None => drop(tables.meta.delete(txn, which.key())?),
    }
    Ok(())
}

pub(crate) fn kept_from(txn: &RoTxn<'_>, tables: &Tables, what: KeptFrom) -> Result<u64, StateError> {
    match tables.meta.get(txn, what.key())? {
        Some(bytes) => Ok(u64::from_be_bytes(
            bytes.try_into().map_err(|_| StateError::corrupt(format!("number of {} bytes", bytes.len())))?,
        )),
        None => Ok(0),
    }
}

pub(crate) fn set_kept_from(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    what: KeptFrom,
    block: u64,
) -> Result<(), StateError> {
    Ok(tables.meta.put(txn, what.key(), &block.to_be_bytes())?)
}

pub(crate) fn spec_json<'txn>(txn: &'txn RoTxn<'_>, tables: &Tables) -> Result<Option<&'txn [u8]>, StateError> {
    Ok(tables.meta.get(txn, SPEC)?)
}

pub(crate) fn set_spec_json(txn: &mut RwTxn<'_>, tables: &Tables, json: &[u8]) -> Result<(), StateError> {
    Ok(tables.meta.put(txn, SPEC, json)?)
}

/// The hash of block 0 of a chain that does not hold it.
pub(crate) fn genesis<'txn>(txn: &'txn RoTxn<'_>, tables: &Tables) -> Result<Option<&'txn [u8]>, StateError> {
    Ok(tables.meta.get(txn, GENESIS)?)
}

pub(crate) fn set_genesis(txn: &mut RwTxn<'_>, tables: &Tables, hash: &B256) -> Result<(), StateError> {
    Ok(tables.meta.put(txn, GENESIS, hash.as_slice())?)
}

pub(crate) fn is_marked(txn: &RoTxn<'_>, tables: &Tables) -> Result<bool, StateError> {
    Ok(tables.meta.get(txn, MARKED)?.is_some())
}

pub(crate) fn set_marked(txn: &mut RwTxn<'_>, tables: &Tables) -> Result<(), StateError> {
    Ok(tables.meta.put(txn, MARKED, &[1])?)
}
