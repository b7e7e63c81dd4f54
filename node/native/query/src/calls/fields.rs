//! JSON scalars inside objects, as geth reads them: `0x` is required, leading zeros and oversized numbers are refused.

use crate::params::{parse_64, parse_256, parse_bytes};
use alloy_primitives::{Bytes, U256};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;
use std::marker::PhantomData;

/// A number up to 64 bits: "0x1f".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quantity64(pub u64);

/// A number up to 256 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quantity256(pub U256);

/// Bytes: "0x" and an even number of digits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Data(pub Bytes);

fn parse_data(text: &str) -> Result<Bytes, &'static str> {
    parse_bytes(text).map(Bytes::from)
}

struct HexVisitor<T> {
    parse: fn(&str) -> Result<T, &'static str>,
    what: &'static str,
}

impl<T> Visitor<'_> for HexVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.parse)(text).map_err(E::custom)
    }
}

macro_rules! hex_scalar {
    ($name:ident, $parse:path, $what:literal) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(HexVisitor { parse: $parse, what: $what }).map(Self)
            }
        }
    };
}

hex_scalar!(Quantity64, parse_64, "a hex string of a 64-bit number");
hex_scalar!(Quantity256, parse_256, "a hex string of a 256-bit number");
hex_scalar!(Data, parse_data, "a hex string of bytes");

impl Serialize for Quantity64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:#x}", self.0))
    }
}

impl Serialize for Quantity256 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:#x}", self.0))
    }
}

/// A JSON object. A derived reader alone would take an array for one, its values in the order of the fields.
#[derive(Clone, Debug, Default)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_read_and_written_as_hex() {
        assert_eq!(serde_json::from_str::<Quantity64>("\"0x1f\"").expect("readable"), Quantity64(31));
        assert_eq!(serde_json::to_string(&Quantity256(U256::from(255))).expect("writable"), "\"0xff\"");
        assert_eq!(serde_json::from_str::<Data>("\"0x00ff\"").expect("readable").0.as_ref(), [0, 255]);
    }

    #[test]
    fn other_forms_are_refused() {
        for bad in ["31", "\"31\"", "\"0x01\"", "\"0x\"", "\"0x10000000000000000\""] {
            assert!(serde_json::from_str::<Quantity64>(bad).is_err(), "{bad}");
        }
        for bad in ["\"00\"", "\"0x0\"", "\"0xzz\"", "[]"] {
            assert!(serde_json::from_str::<Data>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_array_is_no_object() {
        #[derive(Deserialize)]
        struct One {
            size: Quantity64,
        }

        let read = serde_json::from_str::<Object<One>>(r#"{"size":"0x5"}"#).expect("an object");
        assert_eq!(read.0.size, Quantity64(5));
        assert!(serde_json::from_str::<One>(r#"["0x5"]"#).is_ok());
        assert!(serde_json::from_str::<Object<One>>(r#"["0x5"]"#).is_err());
    }
}
