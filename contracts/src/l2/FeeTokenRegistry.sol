// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {IFeeTokenRegistry} from "../interfaces/IFeeTokens.sol";
import {L2} from "../libraries/L2.sol";

/// @title Tokens in which fees may be paid. See {IFeeTokenRegistry}.
contract FeeTokenRegistry is IFeeTokenRegistry {
    /// @custom:storage-location erc7201:ethrex.storage.FeeTokenRegistry
    struct Storage {
        mapping(address token => bool) registered;
    }

    bytes32 private constant STORAGE =
        keccak256(abi.encode(uint256(keccak256("ethrex.storage.FeeTokenRegistry")) - 1)) & ~bytes32(uint256(0xff));

    modifier onlyBridge() {
        require(msg.sender == L2.BRIDGE, NotBridge(msg.sender));
        _;
    }

    /// @inheritdoc IFeeTokenRegistry
    function registerFeeToken(address token) external onlyBridge {
        require(token != address(0), TokenInvalid(token));
        _storage().registered[token] = true;
        emit FeeTokenRegistered(token);
    }

    /// @inheritdoc IFeeTokenRegistry
    function unregisterFeeToken(address token) external onlyBridge {
        _storage().registered[token] = false;
        emit FeeTokenUnregistered(token);
    }

    /// @inheritdoc IFeeTokenRegistry
    function isFeeToken(address token) external view returns (bool) {
        return _storage().registered[token];
    }

    function _storage() private pure returns (Storage storage $) {
        bytes32 slot = STORAGE;
        assembly ("memory-safe") {
            $.slot := slot
        }
    }
}
