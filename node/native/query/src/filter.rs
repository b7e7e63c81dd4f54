//! A log filter: which logs of which blocks. Read and refused in geth's words.

use alloy_primitives::{Address, B256};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::block_id::BlockTag;
use crate::params::{self, Argument, kind, unquote, wrong_type};
use crate::records::Log;

/// Positions that a log's topics have.
const MAX_TOPICS: usize = 4;
/// Alternatives at one position.
const MAX_ALTERNATIVES: usize = 1000;

/// Which blocks a filter looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocks {
    Hash(B256),
    /// Both ends included; what is left out is the latest block.
    Range {
        from: Option<BlockTag>,
        to: Option<BlockTag>,
    },
}

/// The filter object of `eth_getLogs` and its kin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    pub blocks: Blocks,
    pub criteria: Criteria,
}

/// What a log must be like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Criteria {
    /// One of these; any where there are none.
    pub addresses: Vec<Address>,
    /// At each position one of these; any where there are none. A log needs as many topics as there are positions.
    pub topics: Vec<Vec<B256>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Fields<'a> {
    #[serde(borrow)]
    block_hash: Option<&'a RawValue>,
    #[serde(borrow)]
    from_block: Option<&'a RawValue>,
    #[serde(borrow)]
    to_block: Option<&'a RawValue>,
    #[serde(borrow)]
    address: Option<&'a RawValue>,
    #[serde(borrow)]
    topics: Option<&'a RawValue>,
}

impl Argument for Filter {
    fn read(json: &str) -> Result<Self, String> {
        if !json.starts_with('{') && json != "null" {
            return Err(wrong_type(kind(json), "filters.input"));
        }
        let fields: Option<Fields<'_>> = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let fields = fields.unwrap_or_default();
        let tag = |raw: Option<&RawValue>| raw.map(|raw| BlockTag::read(raw.get())).transpose();
        let (from, to) = (tag(fields.from_block)?, tag(fields.to_block)?);
        let blocks = match fields.block_hash {
            None => Blocks::Range { from, to },
            Some(_) if from.is_some() || to.is_some() => {
                return Err("cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other".into());
            }
            Some(raw) => Blocks::Hash(B256::read(raw.get()).map_err(|reason| of_field(&reason, "blockHash"))?),
        };
        let addresses = fields.address.map_or_else(|| Ok(Vec::new()), |raw| read_addresses(raw.get()))?;
        let topics = fields.topics.map_or_else(|| Ok(Vec::new()), |raw| read_topics(raw.get()))?;
        Ok(Self { blocks, criteria: Criteria { addresses, topics } })
    }
}

/// Go names the member that it could not read.
fn of_field(reason: &str, field: &str) -> String {
    reason.replace("Go value of type", &format!("Go struct field input.{field} of type"))
}

fn read_addresses(json: &str) -> Result<Vec<Address>, String> {
    match kind(json) {
        "string" => Ok(vec![read_address(json).map_err(|reason| format!("invalid address: {reason}"))?]),
        "array" => {
            let items: Vec<&RawValue> = serde_json::from_str(json).map_err(|error| error.to_string())?;
            let each = |(index, raw): (usize, &&RawValue)| {
                if kind(raw.get()) != "string" {
                    return Err(format!("non-string address at index {index}"));
                }
                read_address(raw.get()).map_err(|reason| format!("invalid address at index {index}: {reason}"))
            };
            items.iter().enumerate().map(each).collect()
        }
        _ => Err("invalid addresses in query".into()),
    }
}

fn read_address(json: &str) -> Result<Address, String> {
    read_hex(json, "address").map(Address::from)
}

fn read_topic(json: &str) -> Result<B256, String> {
    read_hex(json, "topic").map(B256::from)
}

fn read_hex<const N: usize>(json: &str, what: &str) -> Result<[u8; N], String> {
    let bytes = match unquote(json).unwrap_or_default() {
        "" => return Err("empty hex string".into()),
        text => params::parse_bytes(text)?,
    };
    let length = bytes.len();
    let wrong = |_| format!("hex has invalid length {length} after decoding; expected {N} for {what}");
    bytes.try_into().map_err(wrong)
}

fn read_topics(json: &str) -> Result<Vec<Vec<B256>>, String> {
    let positions = params::read_list(json, "[]interface {}", |position| Ok(position.to_owned()));
    let positions = positions.map_err(|reason| of_field(&reason, "topics"))?;
    if positions.len() > MAX_TOPICS {
        return Err("exceed max topics".into());
    }
    positions.iter().map(|position| read_position(position)).collect()
}

/// A topic, alternatives (a null among them allows any), or null for any.
fn read_position(json: &str) -> Result<Vec<B256>, String> {
    match kind(json) {
        "null" => Ok(Vec::new()),
        "string" => Ok(vec![read_topic(json)?]),
        "array" => {
            let items: Vec<&RawValue> = serde_json::from_str(json).map_err(|error| error.to_string())?;
            if items.len() > MAX_ALTERNATIVES {
                return Err("exceed max topics".into());
            }
            let mut alternatives = Vec::with_capacity(items.len());
            for item in items {
                match kind(item.get()) {
                    "null" => return Ok(Vec::new()),
                    "string" => alternatives.push(read_topic(item.get())?),
                    _ => return Err("invalid topic(s)".into()),
                }
            }
            Ok(alternatives)
        }
        _ => Err("invalid topic(s)".into()),
    }
}

impl Criteria {
    /// Whether every log fits.
    pub fn is_open(&self) -> bool {
        self.addresses.is_empty() && self.topics.is_empty()
    }

    /// The longest list of alternatives.
    pub fn widest(&self) -> usize {
        self.topics.iter().map(Vec::len).chain([self.addresses.len()]).max().unwrap_or_default()
    }

    pub fn fits(&self, log: &Log<'_>) -> alloy_rlp::Result<bool> {
        if !self.addresses.is_empty() && !self.addresses.iter().any(|address| address.0 == *log.address) {
            return Ok(false);
        }
        let mut topics = log.topics;
        for alternatives in &self.topics {
            let Some(topic) = topics.next().transpose()? else { return Ok(false) };
            if !alternatives.is_empty() && !alternatives.iter().any(|wanted| wanted[..] == *topic.payload) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Filter, String> {
        Filter::read(json)
    }

    #[test]
    fn a_filter_without_anything_asks_for_all_logs_of_the_latest_block() {
        let filter = read(r#"{"address":null,"topics":null}"#).unwrap();

        assert_eq!(filter.blocks, Blocks::Range { from: None, to: None });
        assert!(filter.criteria.is_open());
    }

    #[test]
    fn positions_hold_one_topic_or_alternatives_or_anything() {
        let topic = B256::repeat_byte(7);
        let filter = read(&format!(r#"{{"fromBlock":"0x1","topics":[null,"{topic}",["{topic}",null],["{topic}"]]}}"#));

        let criteria = filter.unwrap().criteria;
        assert_eq!(criteria.topics, [vec![], vec![topic], vec![], vec![topic]]);
        assert_eq!(criteria.widest(), 1);
    }

    #[test]
    fn what_cannot_be_read_is_refused_in_geth_s_words() {
        let hash = B256::ZERO;
        for (json, reason) in [
            (
                format!(r#"{{"blockHash":"{hash}","fromBlock":"0x1"}}"#),
                "cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other",
            ),
            (r#"{"address":7}"#.into(), "invalid addresses in query"),
            (r#"{"address":[7]}"#.into(), "non-string address at index 0"),
            (
                r#"{"address":"0xab"}"#.into(),
                "invalid address: hex has invalid length 1 after decoding; expected 20 for address",
            ),
            (r#"{"topics":[[],[],[],[],[]]}"#.into(), "exceed max topics"),
            (r#"{"topics":[7]}"#.into(), "invalid topic(s)"),
            (r#"{"topics":["0x1"]}"#.into(), "hex string of odd length"),
            (r#"{"fromBlock":"7"}"#.into(), "hex string without 0x prefix"),
            ("[]".into(), "json: cannot unmarshal array into Go value of type filters.input"),
        ] {
            assert_eq!(read(&json).unwrap_err(), reason);
        }
    }
}
