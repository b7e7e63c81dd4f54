//! One JSON-RPC request in, one response out.
//!
//! Only well-formed calls of methods in the [table](crate::table) are answered here. Whatever else comes (other methods,
//! notifications, batches, broken JSON) is given back: the server knows what to say.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::context::Context;
use crate::error::{self, RpcError};
use crate::params::Params;
use crate::table::{self, Method};

/// A call of a method in the table.
pub struct Request<'a> {
    raw: &'a [u8],
    id: &'a RawValue,
    params: Option<&'a RawValue>,
    /// Its place in [`table::METHODS`].
    pub index: usize,
}

/// A finished response.
#[derive(Debug)]
pub struct Answer {
    /// The method's place in [`table::METHODS`], for metrics.
    pub index: usize,
    /// The response carries an error.
    pub failed: bool,
    /// The whole response object.
    pub body: Vec<u8>,
}

impl<'a> Request<'a> {
    /// Read a request. `None`: it is not one that this crate answers.
    pub fn parse(request: &'a [u8]) -> Option<Self> {
        let Fields { version, id, method, params } = serde_json::from_slice(request).ok()?;
        let id = id.filter(|id| !id.get().starts_with(['{', '[']))?;
        let index = table::index_of(&method?)?;
        (version? == "2.0").then_some(Self { raw: request, id, params, index })
    }

    pub fn method(&self) -> &'static Method {
        &table::METHODS[self.index]
    }

    /// Answer it. `None`: the answer depends on the memory of the writing process, which this one is not.
    pub fn answer(&self, context: &Context) -> Option<Answer> {
        let mut body = Vec::with_capacity(256);
        body.extend_from_slice(br#"{"jsonrpc":"2.0","id":"#);
        body.extend_from_slice(self.id.get().as_bytes());
        let head = body.len();
        body.extend_from_slice(br#","result":"#);
        let outcome = run(self.method(), context, self.params, &mut body);
        let failed = outcome.is_err();
        if let Err(error) = outcome {
            if error.is_for_writer() {
                return None;
            }
            let error = match &context.origin {
                Some(origin) if error.is_for_origin() => match origin.forward(self.raw) {
                    Ok(body) => return Some(Answer { index: self.index, failed: false, body }),
                    Err(why) => RpcError::internal(format!("the forked chain: {why}")),
                },
                _ => error,
            };
            body.truncate(head);
            body.extend_from_slice(br#","error":"#);
            error.write(&mut body);
        }
        body.push(b'}');
        Some(Answer { index: self.index, failed, body })
    }
}

/// Answer a whole request. `None`: not one for this crate, or not for this process.
pub fn answer(context: &Context, request: &[u8]) -> Option<Answer> {
    Request::parse(request)?.answer(context)
}

/// Call a method by name; gives the JSON of its result.
pub fn call(context: &Context, method: &str, params: Option<&RawValue>) -> Result<Vec<u8>, RpcError> {
    let index = table::index_of(method).ok_or_else(|| {
        let message = format!("the method {method} does not exist/is not available");
        RpcError::new(error::METHOD_NOT_FOUND, message)
    })?;
    let mut out = Vec::with_capacity(128);
    run(&table::METHODS[index], context, params, &mut out)?;
    Ok(out)
}

fn run(method: &Method, context: &Context, params: Option<&RawValue>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let params = Params::split(params, method.parameters.len())?;
    (method.run)(context, &params, out)
}

/// The members of a request. Of a key that stands twice the last counts, as in geth.
#[derive(Default)]
struct Fields<'a> {
    version: Option<Cow<'a, str>>,
    id: Option<&'a RawValue>,
    method: Option<Cow<'a, str>>,
    params: Option<&'a RawValue>,
}

/// A string that borrows where it holds no escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(TextVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;

        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a JSON-RPC request")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Fields::default();
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    match &*key.0 {
                        "jsonrpc" => fields.version = Some(map.next_value::<Text<'de>>()?.0),
                        "id" => fields.id = Some(map.next_value()?),
                        "method" => fields.method = Some(map.next_value::<Text<'de>>()?.0),
                        "params" => fields.params = Some(map.next_value()?),
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(FieldsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn method(request: &str) -> Option<&'static str> {
        Request::parse(request.as_bytes()).map(|request| request.method().name)
    }

    #[test]
    fn a_call_of_a_known_method_is_taken() {
        assert_eq!(method(r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#), Some("eth_chainId"));
        assert_eq!(
            method(r#" {"params":[],"method":"eth_\u0063hainId","id":"x","jsonrpc":"2.0","more":{}} "#),
            Some("eth_chainId")
        );
    }

    #[test]
    fn of_keys_that_stand_twice_the_last_counts() {
        let request = r#"{"jsonrpc":"2.0","id":1,"method":"eth_call","method":"eth_chainId","id":2}"#;

        let parsed = Request::parse(request.as_bytes()).unwrap();

        assert_eq!((parsed.method().name, parsed.id.get()), ("eth_chainId", "2"));
    }

    #[test]
    fn what_the_server_must_answer_is_given_back() {
        for request in [
            r#"{"jsonrpc":"2.0","method":"eth_chainId"}"#,
            r#"{"jsonrpc":"1.0","id":1,"method":"eth_chainId"}"#,
            r#"{"id":1,"method":"eth_chainId"}"#,
            r#"{"jsonrpc":"2.0","id":{},"method":"eth_chainId"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"eth_nothing"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":7}"#,
            r#"[{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}]"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId""#,
            "",
        ] {
            assert_eq!(method(request), None, "{request}");
        }
    }
}
