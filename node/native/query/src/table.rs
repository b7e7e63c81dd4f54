//! Every method that needs only a snapshot, with its parameters: what the server dispatches on, and what the reference
//! pages are generated from.

use std::sync::LazyLock;

use alloy_primitives::map::HashMap;

use Weight::{Heavy, Light, Unbounded};

use crate::calls;
use crate::context::Context;
use crate::debug;
use crate::error::RpcError;
use crate::eth;
use crate::params::Params;
use crate::web3;

/// Parse, check, look up, and write the JSON of the result.
pub type Run = fn(&Context, &Params<'_>, &mut Vec<u8>) -> Result<(), RpcError>;

/// How long an answer may take: what a thread that serves others meanwhile must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Below a millisecond, always.
    Light = 0,
    /// Some milliseconds.
    Heavy = 1,
    /// As long as the request asks for.
    Unbounded = 2,
}

pub struct Method {
    pub name: &'static str,
    /// Names of the positional parameters; a trailing `?` marks those that may be left out.
    pub parameters: &'static [&'static str],
    pub weight: Weight,
    pub doc: &'static str,
    pub run: Run,
}

const fn method(
    name: &'static str,
    parameters: &'static [&'static str],
    weight: Weight,
    run: Run,
    doc: &'static str,
) -> Method {
    Method { name, parameters, weight, doc, run }
}

/// The methods. Their order is fixed while the program runs: an index stands for a method.
pub static METHODS: &[Method] = &[
    method("eth_chainId", &[], Light, eth::chain::chain_id, "The chain id that transactions are signed for."),
    method("eth_blockNumber", &[], Light, eth::chain::block_number, "The number of the newest block."),
    method("eth_syncing", &[], Light, eth::chain::syncing, "False, or how far the synchronisation has come."),
    method("eth_capabilities", &[], Light, eth::chain::capabilities, "Which history this node keeps of what."),
    method("eth_config", &[], Light, eth::config::config, "Current, next and last scheduled fork rules (EIP-7910)."),
    method(
        "eth_getBalance",
        &["address", "block?"],
        Light,
        eth::state::get_balance,
        "The balance of an account after a block.",
    ),
    method(
        "eth_getTransactionCount",
        &["address", "block?"],
        Light,
        eth::state::get_transaction_count,
        "The nonce of an account after a block; `pending` counts the pool.",
    ),
    method("eth_getCode", &["address", "block?"], Light, eth::state::get_code, "The code of an account after a block."),
    method(
        "eth_getStorageAt",
        &["address", "slot", "block?"],
        Light,
        eth::state::get_storage_at,
        "One storage slot after a block.",
    ),
    method(
        "eth_getStorageValues",
        &["requests", "block?"],
        Heavy,
        eth::state::get_storage_values,
        "Many storage slots of many accounts after a block.",
    ),
    method(
        "eth_getProof",
        &["address", "slots", "block?"],
        Heavy,
        eth::proof::get_proof,
        "An account and slots with Merkle proofs (EIP-1186).",
    ),
    method(
        "eth_getBlockByNumber",
        &["block", "full"],
        Heavy,
        eth::blocks::get_block_by_number,
        "A block with its transactions or their hashes.",
    ),
    method(
        "eth_getBlockByHash",
        &["hash", "full"],
        Heavy,
        eth::blocks::get_block_by_hash,
        "A block with its transactions or their hashes.",
    ),
    method("eth_getHeaderByNumber", &["block"], Light, eth::blocks::get_header_by_number, "A block's header."),
    method("eth_getHeaderByHash", &["hash"], Light, eth::blocks::get_header_by_hash, "A block's header."),
    method(
        "eth_getBlockAccessList",
        &["block"],
        Light,
        eth::blocks::get_access_list,
        "What a block's execution touched (EIP-7928); no block of a known fork has it.",
    ),
    method(
        "debug_getRawBlockAccessList",
        &["block"],
        Light,
        eth::blocks::get_access_list,
        "What a block's execution touched (EIP-7928), as RLP; no block of a known fork has it.",
    ),
    method(
        "eth_getBlockTransactionCountByNumber",
        &["block"],
        Light,
        eth::blocks::get_transaction_count_by_number,
        "How many transactions a block has.",
    ),
    method(
        "eth_getBlockTransactionCountByHash",
        &["hash"],
        Light,
        eth::blocks::get_transaction_count_by_hash,
        "How many transactions a block has.",
    ),
    method(
        "eth_getUncleCountByBlockNumber",
        &["block"],
        Light,
        eth::blocks::get_uncle_count_by_number,
        "How many ommers a block has.",
    ),
    method(
        "eth_getUncleCountByBlockHash",
        &["hash"],
        Light,
        eth::blocks::get_uncle_count_by_hash,
        "How many ommers a block has.",
    ),
    method(
        "eth_getUncleByBlockNumberAndIndex",
        &["block", "index"],
        Light,
        eth::blocks::get_uncle_by_number,
        "An ommer of a block.",
    ),
    method(
        "eth_getUncleByBlockHashAndIndex",
        &["hash", "index"],
        Light,
        eth::blocks::get_uncle_by_hash,
        "An ommer of a block.",
    ),
    method("eth_getBlockReceipts", &["block"], Heavy, eth::receipts::get_block_receipts, "All receipts of a block."),
    method(
        "eth_getTransactionReceipt",
        &["hash"],
        Light,
        eth::receipts::get_transaction_receipt,
        "The receipt of a transaction in the chain.",
    ),
    method(
        "eth_getTransactionByHash",
        &["hash"],
        Light,
        eth::transactions::get_by_hash,
        "A transaction in the chain or the pool.",
    ),
    method(
        "eth_getTransactionByBlockNumberAndIndex",
        &["block", "index"],
        Light,
        eth::transactions::get_by_block_number_and_index,
        "A transaction by its place.",
    ),
    method(
        "eth_getTransactionByBlockHashAndIndex",
        &["hash", "index"],
        Light,
        eth::transactions::get_by_block_hash_and_index,
        "A transaction by its place.",
    ),
    method(
        "eth_getRawTransactionByHash",
        &["hash"],
        Light,
        eth::transactions::get_raw_by_hash,
        "A transaction as it was signed (EIP-2718 bytes).",
    ),
    method(
        "eth_getRawTransactionByBlockNumberAndIndex",
        &["block", "index"],
        Light,
        eth::transactions::get_raw_by_block_number_and_index,
        "A transaction as it was signed, by its place.",
    ),
    method(
        "eth_getRawTransactionByBlockHashAndIndex",
        &["hash", "index"],
        Light,
        eth::transactions::get_raw_by_block_hash_and_index,
        "A transaction as it was signed, by its place.",
    ),
    method(
        "eth_getLogs",
        &["filter"],
        Unbounded,
        eth::logs::get_logs,
        "The logs that fit a filter, of a block or a range of blocks.",
    ),
    method(
        "eth_gasPrice",
        &[],
        Heavy,
        eth::fees::gas_price,
        "A gas price for legacy transactions: suggested tip and base fee.",
    ),
    method(
        "eth_maxPriorityFeePerGas",
        &[],
        Heavy,
        eth::fees::max_priority_fee_per_gas,
        "A suggested tip, from those of recent blocks.",
    ),
    method("eth_baseFee", &[], Light, eth::fees::base_fee, "The base fee of the next block."),
    method("eth_blobBaseFee", &[], Light, eth::fees::blob_base_fee, "The price of blob gas in the newest block."),
    method(
        "eth_feeHistory",
        &["count", "newest", "percentiles"],
        Heavy,
        eth::fees::fee_history,
        "Base fees, gas used and tips of recent blocks.",
    ),
    method("debug_getRawHeader", &["block"], Light, debug::get_raw_header, "A header's RLP."),
    method("debug_getRawBlock", &["block"], Heavy, debug::get_raw_block, "A block's RLP."),
    method(
        "debug_getRawReceipts",
        &["block"],
        Heavy,
        debug::get_raw_receipts,
        "A block's receipts as they count for its receipts root.",
    ),
    method(
        "debug_getRawTransaction",
        &["hash"],
        Light,
        eth::transactions::get_raw_by_hash,
        "A transaction as it was signed (EIP-2718 bytes).",
    ),
    method(
        "debug_getBadBlocks",
        &[],
        Heavy,
        debug::get_bad_blocks,
        "The last blocks that failed, with their RLP and the reason.",
    ),
    method("debug_chainConfig", &[], Light, debug::chain_config, "The chain's fork schedule, as in its genesis file."),
    method(
        "eth_call",
        &["call", "block?", "state?", "overrides?"],
        Heavy,
        calls::eth::call,
        "What a message returns on the state after a block, with state and block overrides.",
    ),
    method(
        "eth_estimateGas",
        &["call", "block?", "state?", "overrides?"],
        Heavy,
        calls::eth::estimate_gas,
        "The lowest gas limit with which a message runs through, within 1.5 %.",
    ),
    method(
        "eth_createAccessList",
        &["call", "block?", "state?"],
        Heavy,
        calls::eth::create_access_list,
        "The accounts and slots that a message touches.",
    ),
    method(
        "eth_simulateV1",
        &["simulation", "block?"],
        Unbounded,
        calls::eth::simulate_v1,
        "Blocks of calls on top of a state, each block with overrides.",
    ),
    method(
        "debug_traceTransaction",
        &["hash", "options?"],
        Unbounded,
        calls::debug::trace_transaction,
        "What a transaction in the chain did, opcode by opcode or as a tracer tells it.",
    ),
    method(
        "debug_traceBlockByNumber",
        &["block", "options?"],
        Unbounded,
        calls::debug::trace_block_by_number,
        "What the transactions of a block did.",
    ),
    method(
        "debug_traceBlockByHash",
        &["hash", "options?"],
        Unbounded,
        calls::debug::trace_block_by_hash,
        "What the transactions of a block did.",
    ),
    method(
        "debug_traceBlock",
        &["rlp", "options?"],
        Unbounded,
        calls::debug::trace_block,
        "What the transactions of a given block do on the state of its parent.",
    ),
    method(
        "debug_traceCall",
        &["call", "block", "options?"],
        Unbounded,
        calls::debug::trace_call,
        "What a message does on the state after a block, or inside one.",
    ),
    method(
        "debug_executionWitness",
        &["block"],
        Unbounded,
        calls::witness::execution_witness,
        "The trie nodes, codes and headers that it takes to execute a block without a state.",
    ),
    method(
        "debug_storageRangeAt",
        &["block", "transaction", "address", "start", "count"],
        Unbounded,
        calls::witness::storage_range_at,
        "Storage slots of an account inside a block, by their hashed keys.",
    ),
    method(
        "trace_block",
        &["block"],
        Unbounded,
        calls::parity::block,
        "The call traces of a block's transactions, and its rewards.",
    ),
    method("trace_transaction", &["hash"], Unbounded, calls::parity::transaction, "The call traces of a transaction."),
    method("trace_get", &["hash", "indices"], Unbounded, calls::parity::get, "One call trace of a transaction."),
    method(
        "trace_filter",
        &["filter"],
        Unbounded,
        calls::parity::filter,
        "The call traces of a range of blocks, by sender and receiver.",
    ),
    method(
        "trace_call",
        &["call", "types", "block?", "state?", "overrides?"],
        Unbounded,
        calls::parity::call,
        "Run a message and record calls, state differences and opcodes.",
    ),
    method(
        "trace_callMany",
        &["calls", "block?"],
        Unbounded,
        calls::parity::call_many,
        "Run messages, each on what the one before left, and record them.",
    ),
    method(
        "trace_rawTransaction",
        &["transaction", "types", "block?"],
        Unbounded,
        calls::parity::raw_transaction,
        "Run a signed transaction that is not in the chain and record it.",
    ),
    method(
        "trace_replayTransaction",
        &["hash", "types"],
        Unbounded,
        calls::parity::replay_transaction,
        "Run a transaction of the chain again and record it.",
    ),
    method(
        "trace_replayBlockTransactions",
        &["block", "types"],
        Unbounded,
        calls::parity::replay_block_transactions,
        "Run the transactions of a block again and record them.",
    ),
    method("ots_getApiLevel", &[], Light, calls::ots::get_api_level, "The version of the Otterscan methods."),
    method("ots_hasCode", &["address", "block?"], Light, calls::ots::has_code, "Whether an account has code."),
    method(
        "ots_getTransactionError",
        &["hash"],
        Unbounded,
        calls::ots::get_transaction_error,
        "What a transaction reverted with.",
    ),
    method(
        "ots_getInternalOperations",
        &["hash"],
        Unbounded,
        calls::ots::get_internal_operations,
        "Transfers, creations and destructions inside a transaction.",
    ),
    method(
        "ots_traceTransaction",
        &["hash"],
        Unbounded,
        calls::ots::trace_transaction,
        "The calls of a transaction, in order.",
    ),
    method(
        "ots_getTransactionBySenderAndNonce",
        &["address", "nonce"],
        Heavy,
        calls::ots::get_transaction_by_sender_and_nonce,
        "The transaction that an account sent with a nonce.",
    ),
    method(
        "ots_getContractCreator",
        &["address"],
        Unbounded,
        calls::ots::get_contract_creator,
        "Who created a contract, and in which transaction.",
    ),
    method(
        "ots_getBlockDetails",
        &["block"],
        Heavy,
        calls::ots::get_block_details,
        "A block without its transactions, with issuance and fees.",
    ),
    method(
        "ots_getBlockDetailsByHash",
        &["hash"],
        Heavy,
        calls::ots::get_block_details_by_hash,
        "A block without its transactions, with issuance and fees.",
    ),
    method(
        "ots_getBlockTransactions",
        &["block", "page", "size"],
        Heavy,
        calls::ots::get_block_transactions,
        "A page of a block's transactions with their receipts.",
    ),
    method("web3_clientVersion", &[], Light, web3::client_version, "Name and version of this node."),
    method("web3_sha3", &["data"], Light, web3::sha3, "The Keccak-256 hash of some bytes."),
    method("net_version", &[], Light, web3::net_version, "The network id, in decimal."),
];

static INDEX: LazyLock<HashMap<&'static str, usize>> =
    LazyLock::new(|| METHODS.iter().enumerate().map(|(index, method)| (method.name, index)).collect());

/// Where a method stands in [`METHODS`].
pub fn index_of(name: &str) -> Option<usize> {
    INDEX.get(name).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_found_under_its_name_and_no_two_share_one() {
        for (index, method) in METHODS.iter().enumerate() {
            assert_eq!(index_of(method.name), Some(index));
        }
        assert_eq!(index_of("eth_"), None);
    }

    #[test]
    fn optional_parameters_come_last_and_docs_are_sentences() {
        for method in METHODS {
            let required = method.parameters.iter().take_while(|name| !name.ends_with('?')).count();
            assert!(method.parameters[required..].iter().all(|name| name.ends_with('?')), "{}", method.name);
            assert!(method.doc.ends_with('.'), "{}", method.name);
        }
    }
}
