// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {IMessenger} from "../interfaces/IMessenger.sol";
import {L2} from "../libraries/L2.sol";

/// @title Messages to L1, numbered. See {IMessenger}.
contract Messenger is IMessenger {
    /// @custom:storage-location erc7201:ethrex.storage.Messenger
    struct Storage {
        uint256 lastMessageId;
    }

    bytes32 private constant STORAGE =
        keccak256(abi.encode(uint256(keccak256("ethrex.storage.Messenger")) - 1)) & ~bytes32(uint256(0xff));

    /// @inheritdoc IMessenger
    function sendMessageToL1(bytes32 data) external returns (uint256 messageId) {
        require(msg.sender == L2.BRIDGE, NotBridge(msg.sender));
        messageId = ++_storage().lastMessageId;
        emit L1Message(msg.sender, data, messageId);
    }

    /// @inheritdoc IMessenger
    function lastMessageId() external view returns (uint256) {
        return _storage().lastMessageId;
    }

    function _storage() private pure returns (Storage storage $) {
        bytes32 slot = STORAGE;
        assembly ("memory-safe") {
            $.slot := slot
        }
    }
}
