// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

/// @title What L2 knows of L1, at 0x…fffa: a block of L1, as the bridge there saw it itself. It is as old as the last
/// call of `CommonBridge.sendL1Info`, which anybody may make.
interface IL1Info {
    event L1BlockSet(
        uint64 indexed number, uint64 timestamp, uint256 baseFee, uint256 blobBaseFee, bytes32 indexed parentHash
    );

    error NotBridge(address caller);

    /// @notice Queue only: items come in order, so a block never follows a later one.
    function setL1Block(uint64 number, uint64 timestamp, uint256 baseFee, uint256 blobBaseFee, bytes32 parentHash)
        external;

    /// @notice Number of the block of L1; zero where none was ever told.
    function number() external view returns (uint64);
    function timestamp() external view returns (uint64);

    /// @notice Wei per gas.
    function baseFee() external view returns (uint256);

    /// @notice Wei per blob gas.
    function blobBaseFee() external view returns (uint256);

    /// @notice Hash of the block before: a block cannot know its own.
    function parentHash() external view returns (bytes32);
}
