// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {IL1Info} from "../interfaces/IL1Info.sol";
import {L2} from "../libraries/L2.sol";

/// @title The last block of L1 that L2 was told of. See {IL1Info}.
contract L1Info is IL1Info {
    /// @custom:storage-location erc7201:ethrex.storage.L1Info
    struct Storage {
        uint64 number;
        uint64 timestamp;
        uint128 baseFee;
        uint128 blobBaseFee;
        bytes32 parentHash;
    }

    bytes32 private constant STORAGE =
        keccak256(abi.encode(uint256(keccak256("ethrex.storage.L1Info")) - 1)) & ~bytes32(uint256(0xff));

    /// @inheritdoc IL1Info
    function setL1Block(
        uint64 newNumber,
        uint64 newTimestamp,
        uint256 newBaseFee,
        uint256 newBlobBaseFee,
        bytes32 newParentHash
    ) external {
        require(msg.sender == L2.BRIDGE, NotBridge(msg.sender));
        Storage storage $ = _storage();
        ($.number, $.timestamp) = (newNumber, newTimestamp);
        ($.baseFee, $.blobBaseFee) = (uint128(newBaseFee), uint128(newBlobBaseFee));
        $.parentHash = newParentHash;
        emit L1BlockSet(newNumber, newTimestamp, newBaseFee, newBlobBaseFee, newParentHash);
    }

    /// @inheritdoc IL1Info
    function number() external view returns (uint64) {
        return _storage().number;
    }

    /// @inheritdoc IL1Info
    function timestamp() external view returns (uint64) {
        return _storage().timestamp;
    }

    /// @inheritdoc IL1Info
    function baseFee() external view returns (uint256) {
        return _storage().baseFee;
    }

    /// @inheritdoc IL1Info
    function blobBaseFee() external view returns (uint256) {
        return _storage().blobBaseFee;
    }

    /// @inheritdoc IL1Info
    function parentHash() external view returns (bytes32) {
        return _storage().parentHash;
    }

    function _storage() private pure returns (Storage storage $) {
        bytes32 slot = STORAGE;
        assembly ("memory-safe") {
            $.slot := slot
        }
    }
}
