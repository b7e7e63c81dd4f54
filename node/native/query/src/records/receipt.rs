//! What a transaction did: stored as [type, status or state root, cumulative gas, logs, gas for data where there is some].

use alloy_primitives::{Address, B256, Bloom, BloomInput};
use alloy_rlp::{BufMut, Encodable, Error, Result};

use super::{Items, integer_64};

/// The receipts of a block.
#[derive(Clone, Copy, Debug)]
pub struct Receipts<'a>(Items<'a>);

#[derive(Clone, Copy, Debug)]
pub struct Receipt<'a> {
    pub kind: u8,
    pub outcome: Outcome<'a>,
    pub cumulative_gas_used: u64,
    /// On rollups: the part of the gas that paid for data on L1.
    pub data_gas: u64,
    logs: Items<'a>,
}

/// How a transaction ended: its status (from Byzantium) or the state root after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    Status(bool),
    Root(&'a [u8; 32]),
}

#[derive(Clone, Copy, Debug)]
pub struct Log<'a> {
    pub address: &'a [u8; 20],
    pub topics: Items<'a>,
    pub data: &'a [u8],
}

impl<'a> Receipts<'a> {
    pub fn read(record: &'a [u8]) -> Result<Self> {
        Items::of(record).map(Self)
    }
}

impl<'a> Iterator for Receipts<'a> {
    type Item = Result<Receipt<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.0.next()?.and_then(|item| Receipt::read(item.items()?)))
    }
}

impl<'a> Receipt<'a> {
    fn read(mut fields: Items<'a>) -> Result<Self> {
        let kind = u8::try_from(integer_64(fields.expect()?.bytes()?)).map_err(|_| Error::Overflow)?;
        let outcome = match fields.expect()?.bytes()? {
            [] => Outcome::Status(false),
            [1] => Outcome::Status(true),
            root => Outcome::Root(root.try_into().map_err(|_| Error::UnexpectedLength)?),
        };
        let cumulative_gas_used = integer_64(fields.expect()?.bytes()?);
        let logs = fields.expect()?.items()?;
        let data_gas = fields.next().map_or(Ok(0), |item| Ok::<_, Error>(integer_64(item?.bytes()?)))?;
        Ok(Self { kind, outcome, cumulative_gas_used, data_gas, logs })
    }

    pub fn logs(&self) -> impl Iterator<Item = Result<Log<'a>>> + use<'a> {
        self.logs.map(|item| Log::read(item?.items()?))
    }

    pub fn log_count(&self) -> usize {
        self.logs.count()
    }

    pub fn bloom(&self) -> Result<Bloom> {
        let mut bloom = Bloom::ZERO;
        for log in self.logs() {
            let log = log?;
            bloom.accrue(BloomInput::Raw(log.address));
            for topic in log.topics {
                bloom.accrue(BloomInput::Raw(topic?.bytes()?));
            }
        }
        Ok(bloom)
    }

    /// Write the EIP-2718 bytes, as they count for the receipts root.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<()> {
        if self.kind != 0 {
            out.put_u8(self.kind);
        }
        let bloom = self.bloom()?;
        let status = self.status_bytes();
        let logs = alloy_rlp::Header { list: true, payload_length: self.logs.0.len() };
        let payload_length =
            status.length() + self.cumulative_gas_used.length() + bloom.length() + logs.length_with_payload();
        alloy_rlp::Header { list: true, payload_length }.encode(out);
        status.encode(out);
        self.cumulative_gas_used.encode(out);
        bloom.encode(out);
        logs.encode(out);
        out.extend_from_slice(self.logs.0);
        Ok(())
    }

    fn status_bytes(&self) -> &'a [u8] {
        match self.outcome {
            Outcome::Status(false) => &[],
            Outcome::Status(true) => &[1],
            Outcome::Root(root) => root,
        }
    }
}

impl<'a> Log<'a> {
    fn read(mut fields: Items<'a>) -> Result<Self> {
        let address = fields.expect()?.fixed()?;
        let topics = fields.expect()?.items()?;
        Ok(Self { address, topics, data: fields.expect()?.bytes()? })
    }

    pub fn address(&self) -> Address {
        Address::from(*self.address)
    }

    pub fn topic_hashes(&self) -> impl Iterator<Item = Result<B256>> + use<'a> {
        self.topics.map(|item| Ok(B256::from(*item?.fixed::<32>()?)))
    }
}
