//! Blocks from bytes, and the rules of a body: what can be told from the block alone.

use alloy_consensus::{Transaction as _, proofs};
use alloy_rlp::{Decodable, Encodable};

use crate::{Block, BlockError, ChainSpec, Fork, Header, spec::GAS_PER_BLOB};

pub use crate::{
    header::validate_header,
    ommers::{Ancestor, validate_ommers},
    senders::recover_senders,
};

/// Bytes of a block's RLP at most, from Osaka (EIP-7934): 10 MiB less 2 MiB for the consensus layer's part.
pub const MAX_BLOCK_SIZE: usize = (10 << 20) - (2 << 20);

/// Decode one block. Anything but the one canonical encoding is refused, and so are bytes after it.
pub fn decode_block(bytes: &[u8]) -> Result<Block, BlockError> {
    let mut rest = bytes;
    let block = Block::decode(&mut rest).map_err(BlockError::Malformed)?;
    if !rest.is_empty() {
        return Err(BlockError::TrailingBytes(rest.len()));
    }
    // alloy does not hold the length before a typed transaction against the transaction, and takes one without it.
    if alloy_rlp::encode(&block) != bytes {
        return Err(BlockError::Malformed(alloy_rlp::Error::Custom("not the canonical encoding")));
    }
    Ok(block)
}

/// Check a body against its header: roots, what the fork requires and forbids, blob gas, size.
pub fn validate_body(spec: &ChainSpec, block: &Block) -> Result<(), BlockError> {
    let (header, body) = (&block.header, &block.body);
    let fork = spec.fork_of(header);
    check_size(fork, block)?;
    let expected = proofs::calculate_transaction_root(&body.transactions);
    if header.transactions_root != expected {
        return Err(BlockError::TransactionsRootMismatch { got: header.transactions_root, expected });
    }
    let expected = proofs::calculate_ommers_root(&body.ommers);
    if header.ommers_hash != expected {
        return Err(BlockError::OmmersHashMismatch { got: header.ommers_hash, expected });
    }
    check_withdrawals(fork, block)?;
    check_blob_gas(fork, header, block)
}

fn check_size(fork: Fork, block: &Block) -> Result<(), BlockError> {
    if fork < Fork::Osaka {
        return Ok(());
    }
    let size = block.length();
    if size > MAX_BLOCK_SIZE { Err(BlockError::BlockTooLarge { size, limit: MAX_BLOCK_SIZE }) } else { Ok(()) }
}

fn check_withdrawals(fork: Fork, block: &Block) -> Result<(), BlockError> {
    let active = fork >= Fork::Shanghai;
    match &block.body.withdrawals {
        None if active => Err(BlockError::WithdrawalsMissing),
        Some(_) if !active => Err(BlockError::WithdrawalsUnexpected),
        None => Ok(()),
        Some(withdrawals) => {
            let expected = proofs::calculate_withdrawals_root(withdrawals);
            match block.header.withdrawals_root {
                Some(got) if got == expected => Ok(()),
                Some(got) => Err(BlockError::WithdrawalsRootMismatch { got, expected }),
                None => Err(BlockError::FieldMissing("withdrawalsRoot")),
            }
        }
    }
}

fn check_blob_gas(fork: Fork, header: &Header, block: &Block) -> Result<(), BlockError> {
    if fork < Fork::Cancun {
        return Ok(());
    }
    let blobs: u64 = block.body.transactions.iter().filter_map(|transaction| transaction.blob_count()).sum();
    let (got, expected) = (header.blob_gas_used.unwrap_or_default(), blobs * GAS_PER_BLOB);
    if got == expected { Ok(()) } else { Err(BlockError::BlobGasUsedMismatch { got, expected }) }
}
