// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {Batch, ChainParameters} from "../interfaces/Types.sol";

/// @title Batches as values.
library Batches {
    uint8 internal constant PROTOCOL_VERSION = 1;
    uint256 internal constant BYTES = 20 * 32;

    function hash(Batch calldata batch) internal pure returns (bytes32) {
        return keccak256(abi.encode(batch));
    }

    /// @notice {hash} of a batch whose hash is known: the struct is hashed as it lies in the call data. Bits beyond a
    /// field's width give another hash here where {hash} would revert.
    /// @dev Plainly: `return keccak256(abi.encode(batch));`, which costs a thousand gas more a batch.
    function hashAsItLies(Batch calldata batch) internal pure returns (bytes32 result) {
        uint256 length = BYTES;
        assembly ("memory-safe") {
            let start := mload(0x40)
            calldatacopy(start, batch, length)
            result := keccak256(start, length)
        }
    }

    /// @notice Hash of the batch before the first: the genesis state, bound to one deployment by what it names as previous.
    function genesisHash(ChainParameters calldata parameters, address proposer, bytes32 salt)
        internal
        view
        returns (bytes32)
    {
        Batch memory batch;
        batch.protocolVersion = PROTOCOL_VERSION;
        batch.chainId = parameters.chainId;
        batch.previousBatchHash = keccak256(abi.encode(block.chainid, proposer, parameters.chainId, salt));
        batch.newStateRoot = parameters.genesisStateRoot;
        batch.lastBlockHash = parameters.genesisBlockHash;
        batch.lastTimestamp = parameters.genesisTimestamp;
        batch.configHash = parameters.configHash;
        return keccak256(abi.encode(batch));
    }
}
