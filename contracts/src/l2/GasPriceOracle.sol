// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IGasPriceOracle} from "../interfaces/IGasPriceOracle.sol";
import {IL1Info} from "../interfaces/IL1Info.sol";
import {L2} from "../libraries/L2.sol";

/// @title What a transaction costs, for contracts. See {IGasPriceOracle}.
contract GasPriceOracle is IGasPriceOracle {
    /// Gas of a blob, and the bytes of a payload that it takes: 31 of each of its 4096 field elements.
    uint256 private constant BLOB_GAS = 131_072;
    uint256 private constant BLOB_BYTES = 126_976;

    /// @custom:storage-location erc7201:ethrex.storage.GasPriceOracle
    struct Storage {
        uint256 operatorFeePerGas;
    }

    bytes32 private constant STORAGE =
        keccak256(abi.encode(uint256(keccak256("ethrex.storage.GasPriceOracle")) - 1)) & ~bytes32(uint256(0xff));

    /// @inheritdoc IGasPriceOracle
    function setOperatorFeePerGas(uint256 newOperatorFeePerGas) external {
        require(msg.sender == L2.BRIDGE, NotBridge(msg.sender));
        _storage().operatorFeePerGas = newOperatorFeePerGas;
        emit OperatorFeePerGasSet(newOperatorFeePerGas);
    }

    /// @inheritdoc IGasPriceOracle
    function gasPrice() external view returns (uint256) {
        return block.basefee + operatorFeePerGas();
    }

    /// @inheritdoc IGasPriceOracle
    function baseFee() external view returns (uint256) {
        return block.basefee;
    }

    /// @inheritdoc IGasPriceOracle
    function operatorFeePerGas() public view returns (uint256) {
        return _storage().operatorFeePerGas;
    }

    /// @inheritdoc IGasPriceOracle
    function l1BaseFee() external view returns (uint256) {
        return IL1Info(L2.L1_INFO).baseFee();
    }

    /// @inheritdoc IGasPriceOracle
    function l1BlobBaseFee() public view returns (uint256) {
        return IL1Info(L2.L1_INFO).blobBaseFee();
    }

    /// @inheritdoc IGasPriceOracle
    function dataFee(uint256 publishedBytes) external view returns (uint256) {
        return Math.ceilDiv(publishedBytes * BLOB_GAS * l1BlobBaseFee(), BLOB_BYTES);
    }

    function _storage() private pure returns (Storage storage $) {
        bytes32 slot = STORAGE;
        assembly ("memory-safe") {
            $.slot := slot
        }
    }
}
