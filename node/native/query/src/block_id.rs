//! How a request names a block: a tag, a number, a hash, or an EIP-1898 object.

use alloy_primitives::B256;
use serde::Deserialize;

use crate::params::{self, Argument, unquote, wrong_type};

/// A block by its place in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockTag {
    Earliest,
    Latest,
    Safe,
    Finalized,
    Pending,
    Number(u64),
}

/// A block by its place or by its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockId {
    Tag(BlockTag),
    Hash { hash: B256, require_canonical: bool },
}

impl BlockId {
    pub const LATEST: Self = Self::Tag(BlockTag::Latest);

    /// A block by its hash, on whatever branch.
    pub fn hash(hash: B256) -> Self {
        Self::Hash { hash, require_canonical: false }
    }
}

impl From<BlockTag> for BlockId {
    fn from(tag: BlockTag) -> Self {
        Self::Tag(tag)
    }
}

fn named(text: &str) -> Option<BlockTag> {
    Some(match text {
        "earliest" => BlockTag::Earliest,
        "latest" => BlockTag::Latest,
        "safe" => BlockTag::Safe,
        "finalized" => BlockTag::Finalized,
        "pending" => BlockTag::Pending,
        _ => return None,
    })
}

fn numbered(text: &str, too_high: &str) -> Result<BlockTag, String> {
    let number = params::parse_64(text)?;
    if number > i64::MAX as u64 {
        return Err(too_high.into());
    }
    Ok(BlockTag::Number(number))
}

impl Argument for BlockTag {
    /// geth takes the quotes away where there are some, so a bare `latest` is no JSON but a bare `null` is asked for
    /// its prefix.
    fn read(json: &str) -> Result<Self, String> {
        let text = unquote(json).unwrap_or(json);
        named(text).map_or_else(|| numbered(text, "block number larger than int64"), Ok)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Eip1898<'a> {
    #[serde(borrow)]
    block_number: Option<&'a serde_json::value::RawValue>,
    #[serde(borrow)]
    block_hash: Option<&'a serde_json::value::RawValue>,
    require_canonical: bool,
}

impl Argument for BlockId {
    fn read(json: &str) -> Result<Self, String> {
        if json.starts_with('{') || json == "null" {
            return read_object(json);
        }
        let text = unquote(json).ok_or_else(|| wrong_type(params::kind(json), "string"))?;
        match named(text) {
            Some(tag) => Ok(tag.into()),
            None if text.len() == 66 => {
                let hash = params::parse_fixed::<32>(text, "common.Hash")?;
                Ok(Self::hash(hash.into()))
            }
            None => Ok(numbered(text, "blocknumber too high")?.into()),
        }
    }
}

fn read_object(json: &str) -> Result<BlockId, String> {
    // What cannot be read as an object geth tries to read as a string.
    let unreadable = |_| wrong_type("object", "string");
    let object: Option<Eip1898<'_>> = serde_json::from_str(json).map_err(|_| unreadable(String::new()))?;
    let object = object.unwrap_or_default();
    match (object.block_number, object.block_hash) {
        (Some(_), Some(_)) => Err("cannot specify both BlockHash and BlockNumber, choose one or the other".into()),
        (None, None) => Err("must specify either BlockHash or BlockNumber".into()),
        (Some(number), None) => Ok(BlockTag::read(number.get()).map_err(unreadable)?.into()),
        (None, Some(hash)) => {
            let hash = B256::read(hash.get()).map_err(unreadable)?;
            Ok(BlockId::Hash { hash, require_canonical: object.require_canonical })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_numbers_name_a_place() {
        assert_eq!(BlockTag::read("\"safe\""), Ok(BlockTag::Safe));
        assert_eq!(BlockTag::read("\"0x10\""), Ok(BlockTag::Number(16)));
        assert_eq!(BlockTag::read("\"2\"").unwrap_err(), "hex string without 0x prefix");
        assert_eq!(BlockTag::read("2").unwrap_err(), "hex string without 0x prefix");
        assert_eq!(BlockTag::read("\"0x01\"").unwrap_err(), "hex number with leading zero digits");
        assert_eq!(BlockTag::read("\"0x8000000000000000\"").unwrap_err(), "block number larger than int64");
    }

    #[test]
    fn an_id_may_be_a_hash() {
        let hash = B256::repeat_byte(0xab);

        assert_eq!(BlockId::read(&format!("\"{hash}\"")), Ok(BlockId::hash(hash)));
        assert_eq!(BlockId::read("\"pending\""), Ok(BlockTag::Pending.into()));
        assert_eq!(BlockId::read("5").unwrap_err(), "json: cannot unmarshal number into Go value of type string");
        assert_eq!(BlockId::read("\"0x8000000000000000\"").unwrap_err(), "blocknumber too high");
    }

    #[test]
    fn an_eip_1898_object_names_one_thing() {
        let hash = B256::repeat_byte(1);

        let by_hash = BlockId::read(&format!(r#"{{"blockHash":"{hash}","requireCanonical":true}}"#));
        let by_number = BlockId::read(r#"{"blockNumber":"0x2"}"#);

        assert_eq!(by_hash, Ok(BlockId::Hash { hash, require_canonical: true }));
        assert_eq!(by_number, Ok(BlockTag::Number(2).into()));
        let both = format!(r#"{{"blockHash":"{hash}","blockNumber":"0x1"}}"#);
        assert!(BlockId::read(&both).unwrap_err().starts_with("cannot specify both"));
        assert!(BlockId::read("{}").unwrap_err().starts_with("must specify either"));
        assert!(BlockId::read("null").unwrap_err().starts_with("must specify either"));
        let unreadable = BlockId::read(r#"{"blockHash":"0x12"}"#).unwrap_err();
        assert_eq!(unreadable, "json: cannot unmarshal object into Go value of type string");
    }
}
