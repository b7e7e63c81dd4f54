//! Positional parameters, read one by one with geth's words for what is wrong with them.

use alloy_primitives::{Address, B256, Bytes, U256, hex};
use serde_json::value::RawValue;

use crate::error::RpcError;

/// The parameters of one call, not yet read.
pub struct Params<'a> {
    values: Vec<&'a str>,
}

/// A type that a parameter may have.
pub trait Argument: Sized {
    /// Read one JSON value. The error says what is wrong with it, without saying which parameter it is.
    fn read(json: &str) -> Result<Self, String>;
}

impl<'a> Params<'a> {
    /// Split an array of at most `most` parameters. Absent and null count as empty.
    pub fn split(raw: Option<&'a RawValue>, most: usize) -> Result<Self, RpcError> {
        let text = raw.map_or("null", RawValue::get);
        let values = match text.as_bytes().first() {
            Some(b'[') => serde_json::from_str::<Vec<&RawValue>>(text)
                .map_err(|error| RpcError::invalid_params(error.to_string()))?
                .into_iter()
                .map(RawValue::get)
                .collect(),
            _ if text == "null" => Vec::new(),
            _ => return Err(RpcError::invalid_params("non-array args")),
        };
        if values.len() > most {
            return Err(RpcError::invalid_params(format!("too many arguments, want at most {most}")));
        }
        Ok(Self { values })
    }

    pub fn required<T: Argument>(&self, index: usize) -> Result<T, RpcError> {
        match self.values.get(index) {
            Some(json) => read(index, json),
            None => Err(RpcError::invalid_params(format!("missing value for required argument {index}"))),
        }
    }

    /// A parameter that may be left out, or null.
    pub fn optional<T: Argument>(&self, index: usize) -> Result<Option<T>, RpcError> {
        match self.values.get(index) {
            None | Some(&"null") => Ok(None),
            Some(json) => read(index, json).map(Some),
        }
    }

    /// The JSON text of a parameter.
    pub fn raw(&self, index: usize) -> Option<&'a str> {
        self.values.get(index).copied()
    }
}

fn read<T: Argument>(index: usize, json: &str) -> Result<T, RpcError> {
    T::read(json).map_err(|reason| RpcError::invalid_params(format!("invalid argument {index}: {reason}")))
}

/// What Go's JSON reader says about a value of the wrong type.
pub fn wrong_type(found: &str, go_type: &str) -> String {
    format!("json: cannot unmarshal {found} into Go value of type {go_type}")
}

/// Go's name for the kind of a JSON value.
pub fn kind(json: &str) -> &'static str {
    match json.as_bytes().first() {
        Some(b'"') => "string",
        Some(b'{') => "object",
        Some(b'[') => "array",
        Some(b't' | b'f') => "bool",
        Some(b'n') => "null",
        _ => "number",
    }
}

/// The inside of a JSON string as it stands. Hexadecimal needs no escapes: where there are some, reading it fails.
pub fn unquote(json: &str) -> Option<&str> {
    json.strip_prefix('"')?.strip_suffix('"')
}

/// The digits after `0x`. Nothing at all counts as no digits.
pub fn hex_digits(text: &str) -> Result<&str, &'static str> {
    if text.is_empty() {
        return Ok(text);
    }
    text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).ok_or("hex string without 0x prefix")
}

/// A number of at most 256 bits, without leading zeros.
pub fn parse_256(text: &str) -> Result<U256, &'static str> {
    if text.is_empty() {
        return Err("empty hex string");
    }
    let digits = hex_digits(text)?;
    match digits.as_bytes() {
        [] => return Err("hex string \"0x\""),
        [b'0', _, ..] => return Err("hex number with leading zero digits"),
        digits if digits.len() > 64 => return Err("hex number > 256 bits"),
        digits if !digits.iter().all(u8::is_ascii_hexdigit) => return Err("invalid hex string"),
        _ => {}
    }
    U256::from_str_radix(digits, 16).map_err(|_| "invalid hex string")
}

/// A number of at most 64 bits, without leading zeros.
pub fn parse_64(text: &str) -> Result<u64, &'static str> {
    match parse_256(text) {
        Ok(value) => u64::try_from(value).map_err(|_| "hex number > 64 bits"),
        Err("hex number > 256 bits") => Err("hex number > 64 bits"),
        Err(reason) => Err(reason),
    }
}

/// Bytes of any length.
pub fn parse_bytes(text: &str) -> Result<Vec<u8>, &'static str> {
    let digits = hex_digits(text)?;
    if digits.len() % 2 == 1 {
        return Err("hex string of odd length");
    }
    decode(digits).ok_or("invalid hex string")
}

/// Digits only: the library would take a second prefix.
pub fn decode(digits: &str) -> Option<Vec<u8>> {
    if digits.starts_with("0x") || digits.starts_with("0X") {
        return None;
    }
    hex::decode(digits).ok()
}

/// Bytes of one length. That a length is wrong geth says without naming the type twice.
pub fn parse_fixed<const N: usize>(text: &str, go_type: &str) -> Result<[u8; N], String> {
    let digits = hex_digits(text).map_err(|reason| wrong_type(reason, go_type))?;
    if digits.len() % 2 == 1 {
        return Err(wrong_type("hex string of odd length", go_type));
    }
    if digits.len() != 2 * N {
        return Err(format!("hex string has length {}, want {} for {go_type}", digits.len(), 2 * N));
    }
    let mut bytes = [0; N];
    hex::decode_to_slice(digits, &mut bytes).map_err(|_| wrong_type("invalid hex string", go_type))?;
    Ok(bytes)
}

fn read_fixed<const N: usize>(json: &str, go_type: &str) -> Result<[u8; N], String> {
    parse_fixed(unquote(json).ok_or_else(|| wrong_type("non-string", go_type))?, go_type)
}

impl Argument for Address {
    fn read(json: &str) -> Result<Self, String> {
        read_fixed::<20>(json, "common.Address").map(Self::from)
    }
}

impl Argument for B256 {
    fn read(json: &str) -> Result<Self, String> {
        read_fixed::<32>(json, "common.Hash").map(Self::from)
    }
}

impl Argument for Bytes {
    fn read(json: &str) -> Result<Self, String> {
        let text = unquote(json).ok_or_else(|| wrong_type("non-string", "hexutil.Bytes"))?;
        parse_bytes(text).map(Self::from).map_err(|reason| wrong_type(reason, "hexutil.Bytes"))
    }
}

/// A quantity that counts or indexes. An empty string counts as zero, as in geth.
impl Argument for u64 {
    fn read(json: &str) -> Result<Self, String> {
        let text = unquote(json).ok_or_else(|| wrong_type("non-string", "hexutil.Uint"))?;
        if text.is_empty() {
            return Ok(0);
        }
        parse_64(text).map_err(|reason| wrong_type(reason, "hexutil.Uint"))
    }
}

impl Argument for bool {
    fn read(json: &str) -> Result<Self, String> {
        match json {
            "true" => Ok(true),
            "false" | "null" => Ok(false),
            other => Err(wrong_type(kind(other), "bool")),
        }
    }
}

impl Argument for String {
    fn read(json: &str) -> Result<Self, String> {
        let text: Option<Self> = serde_json::from_str(json).map_err(|_| wrong_type(kind(json), "string"))?;
        Ok(text.unwrap_or_default())
    }
}

impl Argument for Vec<String> {
    fn read(json: &str) -> Result<Self, String> {
        read_list(json, "[]string", String::read)
    }
}

impl Argument for Vec<f64> {
    fn read(json: &str) -> Result<Self, String> {
        read_list(json, "[]float64", |item| serde_json::from_str(item).map_err(|_| wrong_type(kind(item), "float64")))
    }
}

/// Read an array; null is an empty one.
pub fn read_list<T>(json: &str, go_type: &str, item: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    let items: Option<Vec<&RawValue>> = serde_json::from_str(json).map_err(|_| wrong_type(kind(json), go_type))?;
    items.unwrap_or_default().into_iter().map(|raw| item(raw.get())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(json: &str, most: usize) -> Result<Vec<String>, String> {
        let raw = RawValue::from_string(json.to_owned()).unwrap();
        match Params::split(Some(&raw), most) {
            Ok(params) => Ok(params.values.iter().map(|value| (*value).to_owned()).collect()),
            Err(error) => Err(error.message),
        }
    }

    #[test]
    fn parameters_come_in_an_array_or_not_at_all() {
        assert_eq!(split(r#"["0x1", {"a": [1]}, null]"#, 3).unwrap(), [r#""0x1""#, r#"{"a": [1]}"#, "null"]);
        assert_eq!(split("null", 0).unwrap(), [""; 0]);
        assert_eq!(split("{}", 1).unwrap_err(), "non-array args");
        assert_eq!(split("[1,2]", 1).unwrap_err(), "too many arguments, want at most 1");
    }

    #[test]
    fn a_missing_parameter_is_named_by_its_place() {
        let params = Params::split(None, 2).unwrap();

        assert_eq!(params.required::<Address>(1).unwrap_err().message, "missing value for required argument 1");
        assert_eq!(params.optional::<Address>(1).unwrap(), None);
    }

    #[test]
    fn one_prefix_is_enough() {
        assert_eq!(parse_bytes("0x0102"), Ok(vec![1, 2]));
        for text in ["0x0x", "0x0x01", "0x0X01", "0X0x"] {
            assert_eq!(parse_bytes(text), Err("invalid hex string"), "{text}");
        }
    }

    #[test]
    fn addresses_and_hashes_are_refused_in_geth_s_words() {
        let go = "json: cannot unmarshal";
        for (json, reason) in [
            ("1", format!("{go} non-string into Go value of type common.Address")),
            ("\"\"", "hex string has length 0, want 40 for common.Address".into()),
            ("\"abcd\"", format!("{go} hex string without 0x prefix into Go value of type common.Address")),
            ("\"0xabc\"", format!("{go} hex string of odd length into Go value of type common.Address")),
            ("\"0xabcd\"", "hex string has length 4, want 40 for common.Address".into()),
        ] {
            assert_eq!(Address::read(json).unwrap_err(), reason);
        }
        assert!(B256::read(&format!("\"0x{}\"", "zz".repeat(32))).unwrap_err().contains("invalid hex string"));
        assert_eq!(Address::read("\"0X00000000000000000000000000000000000000Ff\"").unwrap()[19], 255);
    }

    #[test]
    fn numbers_are_read_as_geth_reads_them() {
        assert_eq!(parse_64("0xffffffffffffffff"), Ok(u64::MAX));
        assert_eq!(parse_64("0x0"), Ok(0));
        for (text, reason) in [
            ("", "empty hex string"),
            ("1", "hex string without 0x prefix"),
            ("0x", "hex string \"0x\""),
            ("0x01", "hex number with leading zero digits"),
            ("0x10000000000000000", "hex number > 64 bits"),
            ("0xg", "invalid hex string"),
            ("0x+1", "invalid hex string"),
        ] {
            assert_eq!(parse_64(text), Err(reason));
        }
        assert_eq!(parse_256(&format!("0x{}", "f".repeat(64))), Ok(U256::MAX));
        assert_eq!(parse_256(&format!("0x1{}", "0".repeat(64))), Err("hex number > 256 bits"));
    }

    #[test]
    fn a_wrong_type_is_named_with_what_was_found() {
        assert_eq!(bool::read("\"yes\"").unwrap_err(), "json: cannot unmarshal string into Go value of type bool");
        assert!(!bool::read("null").unwrap());
        assert_eq!(Vec::<f64>::read("[1, 2.5]").unwrap(), [1.0, 2.5]);
        assert!(Vec::<f64>::read("7").unwrap_err().contains("number into Go value of type []float64"));
        assert_eq!(Bytes::read("\"0x0a\"").unwrap(), Bytes::from_static(&[10]));
        assert_eq!(
            (Bytes::read("\"\""), u64::read("\"\""), String::read("null")),
            (Ok(Bytes::new()), Ok(0), Ok("".into()))
        );
    }
}
