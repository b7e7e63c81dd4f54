//! A witness as bytes: an RLP list of a version and four lists of strings. One witness has one encoding.

use alloc::vec::Vec;

use alloy_primitives::Bytes;
use alloy_rlp::{Decodable, Encodable, Header};

use super::{Witness, WitnessError};

const VERSION: u8 = 1;

impl Witness {
    /// The versioned encoding.
    pub fn encode(&self) -> Vec<u8> {
        let lists = [&self.state, &self.codes, &self.keys, &self.headers];
        let payload_length = VERSION.length() + lists.iter().map(|list| list.length()).sum::<usize>();
        let header = Header { list: true, payload_length };
        let mut out = Vec::with_capacity(header.length_with_payload());
        header.encode(&mut out);
        VERSION.encode(&mut out);
        lists.iter().for_each(|list| list.encode(&mut out));
        out
    }

    /// Decode what [`Witness::encode`] gave; anything else is refused.
    pub fn decode(bytes: &[u8]) -> Result<Self, WitnessError> {
        let mut rest = bytes;
        let mut payload = Header::decode_bytes(&mut rest, true).map_err(|_| WitnessError::Malformed("not a list"))?;
        if !rest.is_empty() {
            return Err(WitnessError::Malformed("bytes after the witness"));
        }
        let version = u8::decode(&mut payload).map_err(|_| WitnessError::Malformed("no version"))?;
        if version != VERSION {
            return Err(WitnessError::Version(version));
        }
        let state = ascending(&mut payload)?;
        let codes = ascending(&mut payload)?;
        let keys = ascending(&mut payload)?;
        let headers = list(&mut payload)?;
        if !payload.is_empty() {
            return Err(WitnessError::Malformed("more than four lists"));
        }
        Ok(Self { state, codes, keys, headers })
    }
}

fn ascending(payload: &mut &[u8]) -> Result<Vec<Bytes>, WitnessError> {
    let items = list(payload)?;
    if !items.is_sorted_by(|a, b| a < b) {
        return Err(WitnessError::Malformed("a list out of order"));
    }
    Ok(items)
}

fn list(payload: &mut &[u8]) -> Result<Vec<Bytes>, WitnessError> {
    Vec::decode(payload).map_err(|_| WitnessError::Malformed("a list of strings is expected"))
}
