//! Receipts as the database holds them: without blooms, which are computed again when somebody asks.
//!
//! An RLP list of [type, status or state root, cumulative gas, logs].

use alloy_consensus::{TxReceipt, Typed2718};
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
    let status = receipt.status_or_post_state();
    let (kind, gas, logs) = (receipt.ty(), receipt.cumulative_gas_used(), receipt.logs());
    let logs_header = Header { list: true, payload_length: logs.iter().map(Encodable::length).sum() };
    let payload_length = kind.length() + status.length() + gas.length() + logs_header.length_with_payload();
    Header { list: true, payload_length }.encode(out);
    kind.encode(out);
    status.encode(out);
    gas.encode(out);
    logs_header.encode(out);
    for log in logs {
        log.encode(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::{Eip658Value, ReceiptWithBloom, TxType};
    use alloy_primitives::{Address, B256, Log, LogData};
    use alloy_rlp::Decodable;

    /// The inverse of [`encode`]: readers do not decode receipts, they read them in place (crate `query`).
    fn decode(mut bytes: &[u8]) -> alloy_rlp::Result<Vec<Receipt>> {
        let mut items = Header::decode_bytes(&mut bytes, true)?;
        let mut receipts = Vec::new();
        while !items.is_empty() {
            let mut fields = Header::decode_bytes(&mut items, true)?;
            let kind = TxType::try_from(u8::decode(&mut fields)?)
                .map_err(|_| alloy_rlp::Error::Custom("a receipt of an unknown type"))?;
            let status = Eip658Value::decode(&mut fields)?;
            let cumulative_gas_used = u64::decode(&mut fields)?;
            let logs = Vec::<Log>::decode(&mut fields)?;
            let receipt = alloy_consensus::Receipt { status, cumulative_gas_used, logs };
            receipts.push(Receipt::from_typed(kind, ReceiptWithBloom::from(receipt)));
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
            (TxType::Legacy, Eip658Value::PostState(B256::repeat_byte(7)), vec![]),
            (TxType::Eip1559, Eip658Value::Eip658(true), vec![log.clone(), log]),
            (TxType::Eip7702, Eip658Value::Eip658(false), vec![]),
        ]
        .into_iter()
        .map(|(kind, status, logs)| {
            let receipt = alloy_consensus::Receipt { status, cumulative_gas_used: 21_000, logs };
            Receipt::from_typed(kind, ReceiptWithBloom::from(receipt))
        })
        .collect();

        assert_eq!(decode(&encode(&receipts)).unwrap(), receipts);
        assert_eq!(decode(&encode(&[])).unwrap(), []);
    }

    #[test]
    fn broken_bytes_are_an_error() {
        let whole = encode(&[Receipt::from_typed(
            TxType::Legacy,
            ReceiptWithBloom::from(alloy_consensus::Receipt { status: true.into(), ..Default::default() }),
        )]);

        for length in 0..whole.len() {
            assert!(decode(&whole[..length]).is_err(), "{length}");
        }
    }
}
