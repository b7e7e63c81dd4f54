// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

/// @notice What L1 knows of a run of blocks. `keccak256(abi.encode(batch))` is the only public value of any proof.
/// @dev Field order and widths are protocol: `tests/vectors/batch.json` holds Rust, Python and Solidity to them.
struct Batch {
    uint8 protocolVersion;
    uint256 chainId;
    uint64 number;
    uint32 programVersion;
    bytes32 previousBatchHash;
    bytes32 previousStateRoot;
    bytes32 newStateRoot;
    uint64 firstBlock;
    uint64 lastBlock;
    bytes32 lastBlockHash;
    uint64 lastTimestamp;
    /// Items of the queue that are behind the chain after this batch, and the queue's hash there.
    uint64 queueIndex;
    bytes32 queueHash;
    /// Zero where the batch sends no message.
    bytes32 messagesRoot;
    bytes32 outboundHash;
    bytes32 inboundHash;
    bytes32 dataHash;
    bytes32 configHash;
    uint256 l1BaseFee;
    uint256 l1BlobBaseFee;
}

/// @notice A blob of the committing transaction, opened at the point that its hash and its bytes give.
/// `z = keccak256(versionedHash ‖ keccak256(payload chunk)) mod r`; `proof` shows that the commitment opens at z to y.
struct BlobOpening {
    bytes32 versionedHash;
    bytes32 z;
    bytes32 y;
    /// 48 bytes.
    bytes commitment;
    /// 48 bytes.
    bytes proof;
}

/// @notice A proof of one batch. `data` is what the verifier of that kind takes.
struct Proof {
    uint8 kind;
    bytes data;
}

/// @notice How a chain publishes; fixed for its life. The number goes into `dataHash`.
enum DataMode {
    Rollup,
    Validium
}

/// @notice What a chain is registered with.
struct ChainParameters {
    uint256 chainId;
    DataMode dataMode;
    /// Checks the certificates of a validium; zero for a rollup.
    address dataAvailability;
    /// The ERC-20 that is the chain's own coin; zero is ether.
    address nativeToken;
    /// Names committers; cannot change what is verified.
    address admin;
    /// The first committer.
    address committer;
    bytes32 genesisStateRoot;
    bytes32 genesisBlockHash;
    uint64 genesisTimestamp;
    bytes32 configHash;
    /// Gas limit of the chain's blocks; an item of the queue may ask for a quarter of it.
    uint64 blockGasLimit;
    /// Seconds after which an item of the queue has to be in a batch.
    uint64 inclusionDelay;
    /// Seconds without progress after which anyone may take over, or freeze.
    uint64 takeoverDelay;
    /// Seconds after which anyone may revert a commitment that nobody proved.
    uint64 proofWindow;
    /// Items, or gas of items, that a batch may take from an overdue queue instead of all that is overdue.
    uint32 drainItems;
    uint64 drainGas;
    /// `l1BaseFee` and `l1BlobBaseFee` of a batch are at most this many times what L1 has seen.
    uint32 feeFactor;
    /// What the genesis state holds of the chain's coin; it is paid in at registration (on a dev L1 it need not be).
    uint256 genesisBalance;
}
