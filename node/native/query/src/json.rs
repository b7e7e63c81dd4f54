//! Write JSON straight into bytes.
//!
//! Answers are mostly hexadecimal: a block of 1,500 transactions is one megabyte of it. A tree of values would cost
//! several times what the encoding costs, so a method writes its answer in order, once, into the response.

use alloy_primitives::{U256, hex};

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// `"0x…"`, two digits a byte.
pub fn data(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(b"\"0x");
    digits(out, bytes);
    out.push(b'"');
}

/// `"0x…"` without leading zeros; zero is `"0x0"`.
pub fn quantity(out: &mut Vec<u8>, value: u64) {
    quantity_bytes(out, &value.to_be_bytes());
}

/// A quantity of up to 256 bits.
pub fn quantity_256(out: &mut Vec<u8>, value: &U256) {
    quantity_bytes(out, &value.to_be_bytes::<32>());
}

/// A quantity from its big-endian bytes, however many.
pub fn quantity_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(b"\"0x");
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    match &bytes[zeros..] {
        [] => out.push(b'0'),
        [first, rest @ ..] => {
            if *first >= 16 {
                out.push(DIGITS[(first >> 4) as usize]);
            }
            out.push(DIGITS[(first & 15) as usize]);
            digits(out, rest);
        }
    }
    out.push(b'"');
}

/// A JSON string with what must be escaped escaped.
pub fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            0..0x20 => {
                out.extend_from_slice(b"\\u00");
                out.push(DIGITS[(byte >> 4) as usize]);
                out.push(DIGITS[(byte & 15) as usize]);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

pub fn integer(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(value.to_string().as_bytes());
}

/// A JSON number as Go prints a float64: whole numbers without a point.
pub fn float(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(value.to_string().as_bytes());
}

pub fn boolean(out: &mut Vec<u8>, value: bool) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

pub fn null(out: &mut Vec<u8>) {
    out.extend_from_slice(b"null");
}

fn digits(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = out.len();
    out.resize(start + 2 * bytes.len(), 0);
    // The lengths agree, and hex-encoding into a buffer of the right length cannot fail.
    let _ = hex::encode_to_slice(bytes, &mut out[start..]);
}

/// An object that is being written. It ends with [`Object::close`].
#[must_use = "an object that is not closed leaves broken JSON behind"]
pub struct Object<'a> {
    out: &'a mut Vec<u8>,
    started: bool,
}

impl<'a> Object<'a> {
    pub fn open(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, started: false }
    }

    pub fn close(self) {
        self.out.push(b'}');
    }

    /// Write a key; the value comes next. Keys are names of this program: they need no escapes.
    #[inline]
    pub fn key(&mut self, name: &str) -> &mut Vec<u8> {
        if self.started {
            self.out.push(b',');
        }
        self.started = true;
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    pub fn data(&mut self, name: &str, bytes: &[u8]) {
        data(self.key(name), bytes);
    }

    /// Bytes, or null.
    pub fn data_or_null(&mut self, name: &str, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => data(self.key(name), bytes),
            None => null(self.key(name)),
        }
    }

    pub fn quantity(&mut self, name: &str, value: u64) {
        quantity(self.key(name), value);
    }

    pub fn quantity_256(&mut self, name: &str, value: &U256) {
        quantity_256(self.key(name), value);
    }

    pub fn quantity_bytes(&mut self, name: &str, bytes: &[u8]) {
        quantity_bytes(self.key(name), bytes);
    }

    pub fn string(&mut self, name: &str, text: &str) {
        string(self.key(name), text);
    }

    pub fn integer(&mut self, name: &str, value: i64) {
        integer(self.key(name), value);
    }

    pub fn boolean(&mut self, name: &str, value: bool) {
        boolean(self.key(name), value);
    }

    pub fn null(&mut self, name: &str) {
        null(self.key(name));
    }

    /// A value that is JSON already.
    pub fn raw(&mut self, name: &str, json: &[u8]) {
        self.key(name).extend_from_slice(json);
    }
}

/// Write a list: `each` writes one item.
pub fn list<T>(out: &mut Vec<u8>, items: impl IntoIterator<Item = T>, mut each: impl FnMut(&mut Vec<u8>, T)) {
    out.push(b'[');
    let mut items = items.into_iter();
    if let Some(first) = items.next() {
        each(out, first);
    }
    for item in items {
        out.push(b',');
        each(out, item);
    }
    out.push(b']');
}

/// Like [`list`], where reading an item may fail.
pub fn try_list<T, E>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut each: impl FnMut(&mut Vec<u8>, T) -> Result<(), E>,
) -> Result<(), E> {
    out.push(b'[');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        each(out, item)?;
    }
    out.push(b']');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn quantities_have_no_leading_zeros() {
        for (value, expected) in [(0, "\"0x0\""), (1, "\"0x1\""), (16, "\"0x10\""), (0x0fff, "\"0xfff\"")] {
            assert_eq!(written(|out| quantity(out, value)), expected);
        }
        assert_eq!(written(|out| quantity(out, u64::MAX)), "\"0xffffffffffffffff\"");
        assert_eq!(written(|out| quantity_256(out, &(U256::from(1) << 252))), format!("\"0x1{}\"", "0".repeat(63)));
        assert_eq!(written(|out| quantity_bytes(out, &[0, 0])), "\"0x0\"");
    }

    #[test]
    fn data_keeps_every_byte() {
        assert_eq!(written(|out| data(out, &[])), "\"0x\"");
        assert_eq!(written(|out| data(out, &[0, 0xab])), "\"0x00ab\"");
    }

    #[test]
    fn strings_survive_a_json_reader() {
        let text = "tab\t \"quoted\" back\\slash\nline \u{1} é 漢";

        let json = written(|out| string(out, text));

        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }

    #[test]
    fn objects_and_lists_put_commas_between() {
        let json = written(|out| {
            let mut object = Object::open(out);
            object.quantity("a", 1);
            object.null("b");
            list(object.key("c"), [1, 2], integer);
            list(object.key("d"), [0; 0], integer);
            object.close();
        });

        assert_eq!(json, r#"{"a":"0x1","b":null,"c":[1,2],"d":[]}"#);
    }

    #[test]
    fn floats_are_printed_as_go_prints_them() {
        for (value, expected) in [(0.0, "0"), (1.0, "1"), (0.00072868, "0.00072868"), (0.5, "0.5")] {
            assert_eq!(written(|out| float(out, value)), expected);
        }
    }
}
