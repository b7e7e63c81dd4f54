//! Receipts as the database holds them: without blooms, which are computed again when somebody asks.
//!
//! An RLP list of [type, status or state root, cumulative gas, logs], and on rollups the gas that paid for data, where
//! it is not zero.

use alloy_primitives::Bytes;
use alloy_rlp::{Encodable, Header};
use stf::Receipt;

/// Encode the receipts of one block.
pub fn encode(receipts: &[Receipt]) -> Bytes {
    let mut items = Vec::with_capacity(receipts.len() * 200);
    for receipt in receipts {
        item(receipt, &mut items);
    }
    let mut out = Vec::with_capacity(items.len() + 5);
    Header { list: true, payload_length: items.len() }.encode(&mut out);
    out.extend_from_slice(&items);
    out.into()
}

fn item(receipt: &Receipt, out: &mut Vec<u8>) {
    let (kind, status) = (receipt.kind, receipt.outcome());
    let (gas, logs, data_gas) = (receipt.cumulative_gas_used(), receipt.logs(), receipt.data_gas);
    let logs_header = Header { list: true, payload_length: logs.iter().map(Encodable::length).sum() };
    let data_gas_length = if data_gas == 0 { 0 } else { data_gas.length() };
    let payload_length =
        kind.length() + status.length() + gas.length() + logs_header.length_with_payload() + data_gas_length;
    Header { list: true, payload_length }.encode(out);
    kind.encode(out);
    status.encode(out);
    gas.encode(out);
    logs_header.encode(out);
    for log in logs {
        log.encode(out);
    }
    if data_gas != 0 {
        data_gas.encode(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::Eip658Value;
    use alloy_primitives::{Address, B256, Log, LogData};
    use alloy_rlp::Decodable;

    /// The inverse of [`encode`]: readers do not decode receipts, they read them in place (crate `query`).
    fn decode(mut bytes: &[u8]) -> alloy_rlp::Result<Vec<Receipt>> {
        let mut items = Header::decode_bytes(&mut bytes, true)?;
        let mut receipts = Vec::new();
        while !items.is_empty() {
            let mut fields = Header::decode_bytes(&mut items, true)?;
            let kind = u8::decode(&mut fields)?;
            let status = Eip658Value::decode(&mut fields)?;
            let cumulative_gas_used = u64::decode(&mut fields)?;
            let logs = Vec::<Log>::decode(&mut fields)?;
            let mut receipt = Receipt::new(kind, status, cumulative_gas_used, logs);
            if !fields.is_empty() {
                receipt.data_gas = u64::decode(&mut fields)?;
            }
            receipts.push(receipt);
        }
        Ok(receipts)
    }

    #[test]
    fn receipts_come_back_as_they_were() {
        let log = Log {
            address: Address::repeat_byte(3),
            data: LogData::new_unchecked(vec![B256::repeat_byte(9)], vec![1, 2, 3].into()),
        };
        let receipts: Vec<Receipt> = [
            (0, Eip658Value::PostState(B256::repeat_byte(7)), vec![], 0),
            (2, Eip658Value::Eip658(true), vec![log.clone(), log], 300),
            (4, Eip658Value::Eip658(false), vec![], 0),
        ]
        .into_iter()
        .map(|(kind, status, logs, data_gas)| {
            let mut receipt = Receipt::new(kind, status, 21_000, logs);
            receipt.data_gas = data_gas;
            receipt
        })
        .collect();

        assert_eq!(decode(&encode(&receipts)).unwrap(), receipts);
        assert_eq!(decode(&encode(&[])).unwrap(), []);
    }

    #[test]
    fn broken_bytes_are_an_error() {
        let whole = encode(&[Receipt::new(0, true.into(), 0, Vec::new())]);

        for length in 0..whole.len() {
            assert!(decode(&whole[..length]).is_err(), "{length}");
        }
    }
}
