//! The Engine API's view of a block: execution payloads to block RLP and back. Pure functions of their arguments.
//!
//! What a payload must look like at a fork (`-38005`) is the caller's to say: here a version says which members there
//! are, and the hash says whether they are the block they claim to be.

use alloy_consensus::constants::EMPTY_OMMER_ROOT_HASH;
use alloy_eips::eip7685::Requests;
use alloy_primitives::{Address, B64, B256, Bloom, Bytes, U256};
use alloy_rlp::{Encodable, Header as RlpHeader};
use alloy_trie::root::{ordered_trie_root, ordered_trie_root_encoded};
use serde::Deserialize;
use serde_json::value::RawValue;
use stf::Header;

use crate::json::{self, Object};
use crate::params::{self, Argument, parse_fixed, unquote, wrong_type};
use crate::records::{Body, Items, Transaction};

/// Versions of the payload: 2 brought withdrawals, 3 blobs, 4 requests beside it.
const WITHDRAWALS: u32 = 2;
const BLOBS: u32 = 3;
const REQUESTS: u32 = 4;

/// Why a payload is no block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// Members are missing, of the wrong type, or there against the version: the request is wrong, not the block.
    #[error("{0}")]
    Params(String),
    #[error("block hash {got}, the payload hashes to {computed}")]
    BlockHash { got: B256, computed: B256 },
    #[error("the blobs of the payload are not the ones that were announced")]
    VersionedHashes,
    #[error("transaction {index}: {reason}")]
    Transactions { index: usize, reason: alloy_rlp::Error },
}

impl PayloadError {
    /// A name for callers that choose by reason.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Params(_) => "params",
            Self::BlockHash { .. } => "block_hash",
            Self::VersionedHashes => "versioned_hashes",
            Self::Transactions { .. } => "transactions",
        }
    }

    fn params(message: impl Into<String>) -> Self {
        Self::Params(message.into())
    }
}

/// What the Engine API sends beside a payload.
#[derive(Clone, Copy, Debug, Default)]
pub struct Beside<'a> {
    pub versioned_hashes: Option<&'a [B256]>,
    pub parent_beacon_block_root: Option<B256>,
    pub requests: Option<&'a [Bytes]>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Payload<'a> {
    #[serde(borrow)]
    parent_hash: Option<&'a RawValue>,
    #[serde(borrow)]
    fee_recipient: Option<&'a RawValue>,
    #[serde(borrow)]
    state_root: Option<&'a RawValue>,
    #[serde(borrow)]
    receipts_root: Option<&'a RawValue>,
    #[serde(borrow)]
    logs_bloom: Option<&'a RawValue>,
    #[serde(borrow)]
    prev_randao: Option<&'a RawValue>,
    #[serde(borrow)]
    block_number: Option<&'a RawValue>,
    #[serde(borrow)]
    gas_limit: Option<&'a RawValue>,
    #[serde(borrow)]
    gas_used: Option<&'a RawValue>,
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    extra_data: Option<&'a RawValue>,
    #[serde(borrow)]
    base_fee_per_gas: Option<&'a RawValue>,
    #[serde(borrow)]
    block_hash: Option<&'a RawValue>,
    #[serde(borrow)]
    transactions: Option<&'a RawValue>,
    #[serde(borrow)]
    withdrawals: Option<&'a RawValue>,
    #[serde(borrow)]
    blob_gas_used: Option<&'a RawValue>,
    #[serde(borrow)]
    excess_blob_gas: Option<&'a RawValue>,
}

struct LogsBloom(Bloom);

impl Argument for LogsBloom {
    fn read(json: &str) -> Result<Self, String> {
        let text = unquote(json).ok_or_else(|| wrong_type("non-string", "types.Bloom"))?;
        parse_fixed::<256>(text, "types.Bloom").map(|bytes| Self(Bloom::from(bytes)))
    }
}

fn required<T: Argument>(name: &str, raw: Option<&RawValue>) -> Result<T, PayloadError> {
    let raw = raw.ok_or_else(|| PayloadError::params(format!("missing required field '{name}' for ExecutableData")))?;
    T::read(raw.get()).map_err(|reason| PayloadError::params(format!("{name}: {reason}")))
}

/// The hash and the RLP of the block that a payload stands for.
pub fn payload_to_block(version: u32, payload: &[u8], beside: &Beside<'_>) -> Result<(B256, Vec<u8>), PayloadError> {
    let payload: Payload<'_> =
        serde_json::from_slice(payload).map_err(|error| PayloadError::params(error.to_string()))?;
    check_version(version, &payload, beside)?;
    let transactions = read_transactions(&payload)?;
    let withdrawals = payload.withdrawals.map(|raw| read_withdrawals(raw.get())).transpose()?;
    let header = read_header(&payload, beside, &transactions, withdrawals.as_deref())?;
    let got: B256 = required("blockHash", payload.block_hash)?;
    let computed = header.hash_slow();
    if got != computed {
        return Err(PayloadError::BlockHash { got, computed });
    }
    check_blobs(&transactions, beside)?;
    Ok((computed, encode_block(&header, &transactions, withdrawals.as_deref())))
}

fn check_version(version: u32, payload: &Payload<'_>, beside: &Beside<'_>) -> Result<(), PayloadError> {
    let must = |wanted: bool, is: bool, name: &str| match (wanted, is) {
        (true, false) => Err(PayloadError::params(format!("{name} is required from this version"))),
        (false, true) => Err(PayloadError::params(format!("{name} is not known in this version"))),
        _ => Ok(()),
    };
    // Version 2 serves Paris as well: there are no withdrawals then.
    if version != WITHDRAWALS {
        must(version > WITHDRAWALS, payload.withdrawals.is_some(), "withdrawals")?;
    }
    must(version >= BLOBS, payload.blob_gas_used.is_some(), "blobGasUsed")?;
    must(version >= BLOBS, payload.excess_blob_gas.is_some(), "excessBlobGas")?;
    must(version >= BLOBS, beside.versioned_hashes.is_some(), "expectedBlobVersionedHashes")?;
    must(version >= BLOBS, beside.parent_beacon_block_root.is_some(), "parentBeaconBlockRoot")?;
    must(version >= REQUESTS, beside.requests.is_some(), "executionRequests")?;
    check_requests(beside.requests.unwrap_or_default())
}

/// EIP-7685: each request has data, and their types rise.
fn check_requests(requests: &[Bytes]) -> Result<(), PayloadError> {
    if let Some(empty) = requests.iter().find(|request| request.len() < 2) {
        return Err(PayloadError::params(format!("empty request: {empty}")));
    }
    if !requests.is_sorted_by(|before, after| before[0] < after[0]) {
        return Err(PayloadError::params("invalid request order"));
    }
    Ok(())
}

fn read_transactions(payload: &Payload<'_>) -> Result<Vec<Bytes>, PayloadError> {
    let raw = payload.transactions;
    let raw = raw.ok_or_else(|| PayloadError::params("missing required field 'transactions' for ExecutableData"))?;
    params::read_list(raw.get(), "[]hexutil.Bytes", Bytes::read).map_err(PayloadError::Params)
}

/// EIP-4895.
#[derive(Clone, Copy, Debug)]
struct Withdrawal {
    index: u64,
    validator: u64,
    address: Address,
    amount: u64,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WithdrawalFields<'a> {
    #[serde(borrow)]
    index: Option<&'a RawValue>,
    #[serde(borrow)]
    validator_index: Option<&'a RawValue>,
    #[serde(borrow)]
    address: Option<&'a RawValue>,
    #[serde(borrow)]
    amount: Option<&'a RawValue>,
}

fn read_withdrawals(json: &str) -> Result<Vec<Withdrawal>, PayloadError> {
    let items = params::read_list(json, "[]*types.Withdrawal", |item| Ok(item.to_owned()));
    let items = items.map_err(PayloadError::Params)?;
    items.iter().map(|item| read_withdrawal(item)).collect()
}

fn read_withdrawal(json: &str) -> Result<Withdrawal, PayloadError> {
    let fields: WithdrawalFields<'_> =
        serde_json::from_str(json).map_err(|error| PayloadError::params(error.to_string()))?;
    Ok(Withdrawal {
        index: required("index", fields.index)?,
        validator: required("validatorIndex", fields.validator_index)?,
        address: required("address", fields.address)?,
        amount: required("amount", fields.amount)?,
    })
}

impl Encodable for Withdrawal {
    fn encode(&self, out: &mut dyn alloy_rlp::BufMut) {
        let payload_length =
            self.index.length() + self.validator.length() + self.address.length() + self.amount.length();
        RlpHeader { list: true, payload_length }.encode(out);
        self.index.encode(out);
        self.validator.encode(out);
        self.address.encode(out);
        self.amount.encode(out);
    }
}

/// A base fee is written with 256 bits and never needs more than 64.
struct BaseFee(u64);

impl Argument for BaseFee {
    fn read(json: &str) -> Result<Self, String> {
        let text = unquote(json).ok_or_else(|| wrong_type("non-string", "*hexutil.Big"))?;
        let value: U256 = params::parse_256(text)?;
        u64::try_from(value).map(Self).map_err(|_| format!("{value} does not fit 64 bits"))
    }
}

fn read_header(
    payload: &Payload<'_>,
    beside: &Beside<'_>,
    transactions: &[Bytes],
    withdrawals: Option<&[Withdrawal]>,
) -> Result<Header, PayloadError> {
    let optional = |name, raw: Option<&RawValue>| raw.map(|raw| required::<u64>(name, Some(raw))).transpose();
    let requests = beside.requests.map(|requests| Requests::new(requests.to_vec()).requests_hash());
    Ok(Header {
        parent_hash: required("parentHash", payload.parent_hash)?,
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        beneficiary: required("feeRecipient", payload.fee_recipient)?,
        state_root: required("stateRoot", payload.state_root)?,
        transactions_root: ordered_trie_root_encoded(transactions),
        receipts_root: required("receiptsRoot", payload.receipts_root)?,
        logs_bloom: required::<LogsBloom>("logsBloom", payload.logs_bloom)?.0,
        difficulty: U256::ZERO,
        number: required("blockNumber", payload.block_number)?,
        gas_limit: required("gasLimit", payload.gas_limit)?,
        gas_used: required("gasUsed", payload.gas_used)?,
        timestamp: required("timestamp", payload.timestamp)?,
        extra_data: required("extraData", payload.extra_data)?,
        mix_hash: required("prevRandao", payload.prev_randao)?,
        nonce: B64::ZERO,
        base_fee_per_gas: Some(required::<BaseFee>("baseFeePerGas", payload.base_fee_per_gas)?.0),
        withdrawals_root: withdrawals.map(ordered_trie_root),
        blob_gas_used: optional("blobGasUsed", payload.blob_gas_used)?,
        excess_blob_gas: optional("excessBlobGas", payload.excess_blob_gas)?,
        parent_beacon_block_root: beside.parent_beacon_block_root,
        requests_hash: requests,
        ..Default::default()
    })
}

/// The transactions can be read, and carry the blobs that were announced, in order.
fn check_blobs(transactions: &[Bytes], beside: &Beside<'_>) -> Result<(), PayloadError> {
    let mut announced = beside.versioned_hashes.unwrap_or_default().iter();
    for (index, raw) in transactions.iter().enumerate() {
        let malformed = |reason| PayloadError::Transactions { index, reason };
        for carried in Transaction::decode(raw).map_err(malformed)?.blob_hashes {
            let carried = carried.and_then(|item| item.fixed::<32>()).map_err(malformed)?;
            if announced.next().is_none_or(|announced| announced.0 != *carried) {
                return Err(PayloadError::VersionedHashes);
            }
        }
    }
    if beside.versioned_hashes.is_some() && announced.next().is_some() {
        return Err(PayloadError::VersionedHashes);
    }
    Ok(())
}

fn encode_block(header: &Header, transactions: &[Bytes], withdrawals: Option<&[Withdrawal]>) -> Vec<u8> {
    let mut items = Vec::with_capacity(transactions.iter().map(|raw| raw.len() + 4).sum());
    for raw in transactions {
        // A legacy transaction is a list already; the others lie in the body as strings.
        if raw.first().is_some_and(|first| *first >= 0xc0) {
            items.extend_from_slice(raw)
        } else {
            raw.encode(&mut items)
        }
    }
    let mut payload = alloy_rlp::encode(header);
    RlpHeader { list: true, payload_length: items.len() }.encode(&mut payload);
    payload.extend_from_slice(&items);
    payload.push(alloy_rlp::EMPTY_LIST_CODE);
    if let Some(withdrawals) = withdrawals {
        alloy_rlp::encode_list(withdrawals, &mut payload);
    }
    let mut block = Vec::with_capacity(payload.len() + 9);
    RlpHeader { list: true, payload_length: payload.len() }.encode(&mut block);
    block.extend_from_slice(&payload);
    block
}

/// A block's RLP as the JSON of a payload. Members that the version does not know are left out.
pub fn block_to_payload(block: &[u8], version: u32) -> alloy_rlp::Result<Vec<u8>> {
    let mut items = Items::of(block)?;
    let header_rlp = items.expect()?.whole;
    let header = <Header as alloy_rlp::Decodable>::decode(&mut &header_rlp[..])?;
    let transactions = items.expect()?.items()?;
    items.expect()?;
    let mut out = Vec::with_capacity(1024 + 2 * block.len());
    let mut object = Object::open(&mut out);
    object.data("parentHash", &header.parent_hash[..]);
    object.data("feeRecipient", &header.beneficiary[..]);
    object.data("stateRoot", &header.state_root[..]);
    object.data("receiptsRoot", &header.receipts_root[..]);
    object.data("logsBloom", &header.logs_bloom[..]);
    object.data("prevRandao", &header.mix_hash[..]);
    object.quantity("blockNumber", header.number);
    object.quantity("gasLimit", header.gas_limit);
    object.quantity("gasUsed", header.gas_used);
    object.quantity("timestamp", header.timestamp);
    object.data("extraData", &header.extra_data);
    object.quantity("baseFeePerGas", header.base_fee_per_gas.unwrap_or_default());
    object.data("blockHash", &header.hash_slow()[..]);
    json::try_list(object.key("transactions"), transactions, |out, item| {
        json::data(out, Transaction::read(item?)?.raw);
        Ok::<_, alloy_rlp::Error>(())
    })?;
    if version >= WITHDRAWALS
        && let Some(withdrawals) = items.next()
    {
        crate::encode::block::withdrawals(object.key("withdrawals"), withdrawals?.items()?)?;
    }
    if version >= BLOBS {
        object.quantity("blobGasUsed", header.blob_gas_used.unwrap_or_default());
        object.quantity("excessBlobGas", header.excess_blob_gas.unwrap_or_default());
    }
    object.close();
    Ok(out)
}

/// A body's RLP as the JSON of `ExecutionPayloadBodyV1`.
pub fn block_to_payload_body(body: &[u8]) -> alloy_rlp::Result<Vec<u8>> {
    let decoded = Body::read(body)?;
    let mut out = Vec::with_capacity(64 + 2 * body.len());
    let mut object = Object::open(&mut out);
    json::try_list(object.key("transactions"), decoded.transactions(), |out, transaction| {
        json::data(out, transaction?.raw);
        Ok::<_, alloy_rlp::Error>(())
    })?;
    match decoded.withdrawals {
        Some(withdrawals) => crate::encode::block::withdrawals(object.key("withdrawals"), withdrawals)?,
        None => object.null("withdrawals"),
    }
    object.close();
    Ok(out)
}
