// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

/// @title Messages to L1, at 0x…fffe.
interface IMessenger {
    /// @notice A leaf of the batch's tree: `keccak256(keccak256(abi.encode(sender, data, messageId)))`. Ids begin at 1.
    event L1Message(address indexed sender, bytes32 indexed data, uint256 indexed messageId);

    error NotBridge(address caller);

    /// @notice Bridge only.
    function sendMessageToL1(bytes32 data) external returns (uint256 messageId);
    function lastMessageId() external view returns (uint256);
}
