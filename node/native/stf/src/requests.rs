//! Requests from the execution layer to the consensus layer (EIP-7685): their kinds, and deposits out of logs.

use alloc::vec::Vec;
use alloy_primitives::{Address, B256, Bytes, address, b256};

use crate::{BlockError, Receipt};

pub use alloy_eips::{
    eip6110::DEPOSIT_REQUEST_TYPE,
    eip7002::{WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, WITHDRAWAL_REQUEST_TYPE},
    eip7251::{CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS, CONSOLIDATION_REQUEST_TYPE},
    eip7685::Requests,
};

/// Where deposits are made on mainnet, and where the genesis file names no other contract.
pub const MAINNET_DEPOSIT_CONTRACT: Address = address!("0x00000000219ab540356cbb839cbe05303d7705fa");

/// `DepositEvent(bytes,bytes,bytes,bytes,bytes)`.
const DEPOSIT_EVENT: B256 = b256!("0x649bbc62d0e31342afea4e5cd82d4049e7e1ee912fc0889aa790803be39038c5");

/// A deposit event's data: five dynamic fields in ABI encoding, each at a fixed place with a fixed length.
const DEPOSIT_EVENT_SIZE: usize = 576;

/// Place of each field's length word and the length it must say: public key, withdrawal credentials, amount,
/// signature, index. Their concatenation is the request.
const DEPOSIT_FIELDS: [(usize, usize); 5] = [(160, 48), (256, 32), (320, 8), (384, 96), (512, 8)];

/// The deposits of a block, concatenated in the order of their logs.
pub fn deposits(receipts: &[Receipt], contract: Address) -> Result<Vec<u8>, BlockError> {
    let mut deposits = Vec::new();
    for (transaction, receipt) in receipts.iter().enumerate() {
        for (index, log) in receipt.logs().iter().enumerate() {
            if log.address == contract && log.topics().first() == Some(&DEPOSIT_EVENT) {
                let malformed = BlockError::DepositMalformed { transaction, log: index };
                read_deposit(&log.data.data, &mut deposits).ok_or(malformed)?;
            }
        }
    }
    Ok(deposits)
}

fn read_deposit(data: &Bytes, out: &mut Vec<u8>) -> Option<()> {
    if data.len() != DEPOSIT_EVENT_SIZE {
        return None;
    }
    for (index, (place, length)) in DEPOSIT_FIELDS.into_iter().enumerate() {
        if word(data, index * 32)? != place || word(data, place)? != length {
            return None;
        }
        out.extend_from_slice(data.get(place + 32..place + 32 + length)?);
    }
    Some(())
}

/// The 32-byte number at `place`, if it is small enough to point into anything.
fn word(data: &[u8], place: usize) -> Option<usize> {
    let (high, low) = data.get(place..place + 32)?.split_at(28);
    let low = u32::from_be_bytes(low.try_into().ok()?);
    high.iter().all(|byte| *byte == 0).then_some(low as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloy_primitives::{Log, LogData};

    fn event() -> Vec<u8> {
        let mut data = vec![0; DEPOSIT_EVENT_SIZE];
        for (index, (place, length)) in DEPOSIT_FIELDS.into_iter().enumerate() {
            data[index * 32 + 30..index * 32 + 32].copy_from_slice(&(place as u16).to_be_bytes());
            data[place + 31] = length as u8;
            data[place + 32..place + 32 + length].fill(index as u8 + 1);
        }
        data
    }

    fn receipt(address: Address, topic: B256, data: Vec<u8>) -> Receipt {
        let log = Log { address, data: LogData::new_unchecked(vec![topic], data.into()) };
        Receipt::new(0, true.into(), 0, vec![log])
    }

    #[test]
    fn a_deposit_is_its_five_fields_in_a_row() {
        let receipts = [receipt(MAINNET_DEPOSIT_CONTRACT, DEPOSIT_EVENT, event())];

        let deposits = deposits(&receipts, MAINNET_DEPOSIT_CONTRACT).unwrap();

        let expected: Vec<u8> =
            [(1u8, 48), (2, 32), (3, 8), (4, 96), (5, 8)].iter().flat_map(|(v, n)| vec![*v; *n]).collect();
        assert_eq!(deposits, expected);
    }

    #[test]
    fn other_logs_are_passed_over() {
        let receipts =
            [receipt(Address::ZERO, DEPOSIT_EVENT, event()), receipt(MAINNET_DEPOSIT_CONTRACT, B256::ZERO, vec![1])];

        assert_eq!(deposits(&receipts, MAINNET_DEPOSIT_CONTRACT), Ok(vec![]));
    }

    #[test]
    fn any_other_layout_spoils_the_block() {
        let words =
            (0..5).map(|index| index * 32 + 31).chain(DEPOSIT_FIELDS.map(|(place, _)| place + 31)).chain([0, 160]);
        let mut bent: Vec<Vec<u8>> = words
            .map(|place| {
                let mut data = event();
                data[place] ^= 1;
                data
            })
            .collect();
        bent.push(event()[..575].to_vec());
        bent.push([event(), vec![0]].concat());

        for data in bent {
            let receipts = [receipt(MAINNET_DEPOSIT_CONTRACT, DEPOSIT_EVENT, data)];

            let result = deposits(&receipts, MAINNET_DEPOSIT_CONTRACT);

            assert_eq!(result, Err(BlockError::DepositMalformed { transaction: 0, log: 0 }));
        }
    }
}
