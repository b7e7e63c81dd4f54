//! RLP to and from nested lists of bytes, strict: the header rules are alloy's, the same that read blocks.

use super::invalid;
use alloy_rlp::Header;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

/// Deeper nesting than any Ethereum object has; keeps encoding off the end of the stack.
const MAX_DEPTH: usize = 256;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(rlp_decode, module)?)?;
    module.add_function(wrap_pyfunction!(rlp_encode, module)?)
}

/// Decodes one item that must fill `data`: `bytes`, or a list of items. `ValueError` on any other encoding than the
/// canonical one.
#[pyfunction]
fn rlp_decode<'py>(py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let mut rest = data;
    let item = decode_item(py, &mut rest, 0)?;
    if rest.is_empty() { Ok(item) } else { Err(invalid(format!("{} bytes after the item", rest.len()))) }
}

fn decode_item<'py>(py: Python<'py>, data: &mut &[u8], depth: usize) -> PyResult<Bound<'py, PyAny>> {
    if depth > MAX_DEPTH {
        return Err(invalid(format!("nested deeper than {MAX_DEPTH}")));
    }
    let header = Header::decode(data).map_err(invalid)?;
    let (mut payload, rest) = data
        .split_at_checked(header.payload_length)
        .ok_or_else(|| invalid(format!("item of {} bytes in {}", header.payload_length, data.len())))?;
    *data = rest;
    if !header.list {
        return Ok(PyBytes::new(py, payload).into_any());
    }
    let list = PyList::empty(py);
    while !payload.is_empty() {
        list.append(decode_item(py, &mut payload, depth + 1)?)?;
    }
    Ok(list.into_any())
}

/// Encodes `bytes` or nested lists of them. `TypeError` for anything else.
#[pyfunction]
fn rlp_encode(item: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    encode_item(item, 0)
}

fn encode_item(item: &Bound<'_, PyAny>, depth: usize) -> PyResult<Vec<u8>> {
    if depth > MAX_DEPTH {
        return Err(invalid(format!("nested deeper than {MAX_DEPTH}")));
    }
    if let Ok(bytes) = item.cast::<PyBytes>() {
        return Ok(alloy_rlp::encode(bytes.as_bytes()));
    }
    let list = item
        .cast::<PyList>()
        .map_err(|_| PyTypeError::new_err(format!("RLP takes bytes and lists, not {}", item.get_type())))?;
    let mut payload = Vec::new();
    for element in list {
        payload.extend(encode_item(&element, depth + 1)?);
    }
    let mut out = Vec::with_capacity(payload.len() + 9);
    Header { list: true, payload_length: payload.len() }.encode(&mut out);
    out.extend(payload);
    Ok(out)
}
