// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {IFeeTokenPricer} from "../interfaces/IFeeTokens.sol";
import {L2} from "../libraries/L2.sol";

/// @title What a fee token is worth. See {IFeeTokenPricer}.
contract FeeTokenPricer is IFeeTokenPricer {
    /// @custom:storage-location erc7201:ethrex.storage.FeeTokenPricer
    struct Storage {
        mapping(address token => uint256) ratios;
    }

    bytes32 private constant STORAGE =
        keccak256(abi.encode(uint256(keccak256("ethrex.storage.FeeTokenPricer")) - 1)) & ~bytes32(uint256(0xff));

    modifier onlyBridge() {
        require(msg.sender == L2.BRIDGE, NotBridge(msg.sender));
        _;
    }

    /// @inheritdoc IFeeTokenPricer
    function setFeeTokenRatio(address token, uint256 ratio) external onlyBridge {
        require(ratio > 0, RatioZero());
        _storage().ratios[token] = ratio;
        emit FeeTokenRatioSet(token, ratio);
    }

    /// @inheritdoc IFeeTokenPricer
    function unsetFeeTokenRatio(address token) external onlyBridge {
        delete _storage().ratios[token];
        emit FeeTokenRatioUnset(token);
    }

    /// @inheritdoc IFeeTokenPricer
    function getFeeTokenRatio(address token) external view returns (uint256 ratio) {
        ratio = _storage().ratios[token];
        require(ratio > 0, RatioUnset(token));
    }

    function _storage() private pure returns (Storage storage $) {
        bytes32 slot = STORAGE;
        assembly ("memory-safe") {
            $.slot := slot
        }
    }
}
