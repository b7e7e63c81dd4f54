// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {ICommonBridge} from "../interfaces/ICommonBridge.sol";
import {L2} from "./L2.sol";

/// @title The queue from L1 to a chain, as a chain of hashes with one entry an index: a commit names an index and its
/// hash, however long the queue is.
library Queue {
    uint256 internal constant MAX_DATA = 32 * 1024;
    uint256 internal constant MAX_GAS = 1 << 24;
    uint256 private constant INTRINSIC_GAS = 21_000;
    /// EIP-7623's floor for a byte that is not zero; every byte counts as one.
    uint256 private constant GAS_PER_BYTE = 40;
    uint64 private constant NEVER = type(uint64).max;

    struct Items {
        uint64 length;
        uint64 inclusionDelay;
        uint64 blockGasLimit;
        /// Gas that calls of this block of L1 have asked for.
        uint64 spentInBlock;
        uint64 spentBlock;
        /// Gas of all items.
        uint128 gas;
        mapping(uint64 index => bytes32) hashes;
        mapping(uint64 index => ICommonBridge.QueueSlot) slots;
    }

    /// @notice Append an item; it gets the next index.
    function push(Items storage self, uint256 chainId, ICommonBridge.QueueItem memory item) internal {
        uint64 index = self.length;
        item.index = index;
        bytes32 hash = L2.chained(self.hashes[index], L2.itemHash(chainId, item));
        uint64 deadline = uint64(block.timestamp) + self.inclusionDelay;
        uint128 gas = self.gas + uint128(item.gasLimit);
        self.length = index + 1;
        self.gas = gas;
        self.hashes[index + 1] = hash;
        self.slots[index] = ICommonBridge.QueueSlot(uint64(block.timestamp), deadline, gas);
        _log(chainId, item, deadline, hash);
    }

    function _log(uint256 chainId, ICommonBridge.QueueItem memory item, uint64 deadline, bytes32 hash) private {
        emit ICommonBridge.PrivilegedTxSent(
            chainId, item.index, msg.sender, item.from, item.to, item.value, item.gasLimit, item.data, deadline, hash
        );
    }

    /// @notice Reverts unless L2 can run the item, whatever its bytes are, and a prover can prove it.
    function requireRunnable(Items storage self, uint256 gasLimit, uint256 dataLength) internal view {
        require(dataLength <= MAX_DATA, ICommonBridge.DataTooLarge(MAX_DATA, dataLength));
        uint256 minimum = INTRINSIC_GAS + GAS_PER_BYTE * dataLength;
        require(gasLimit >= minimum, ICommonBridge.GasLimitTooLow(minimum, gasLimit));
        uint256 maximum = Math.min(MAX_GAS, self.blockGasLimit / 4);
        require(gasLimit <= maximum, ICommonBridge.GasLimitTooHigh(maximum, gasLimit));
    }

    /// @notice Count a call towards what one block of L1 may ask of the chain: half of a block of L2.
    function spend(Items storage self, uint256 gasLimit, uint256 dataLength) internal {
        requireRunnable(self, gasLimit, dataLength);
        uint256 spent = self.spentBlock == block.number ? self.spentInBlock : 0;
        uint256 left = self.blockGasLimit / 2 - spent;
        require(gasLimit <= left, ICommonBridge.QueueGasExhausted(left, gasLimit));
        (self.spentBlock, self.spentInBlock) = (uint64(block.number), uint64(spent + gasLimit));
    }

    function hashAt(Items storage self, uint64 index) internal view returns (bytes32) {
        require(index <= self.length, ICommonBridge.QueueIndexUnknown(index));
        return self.hashes[index];
    }

    function slotOf(Items storage self, uint64 index) internal view returns (ICommonBridge.QueueSlot memory) {
        require(index < self.length, ICommonBridge.QueueIndexUnknown(index));
        return self.slots[index];
    }

    function range(Items storage self, uint64 from, uint64 to)
        internal
        view
        returns (bytes32 hash, uint64 headDeadline, uint256 gasTaken)
    {
        hash = hashAt(self, to);
        headDeadline = to < self.length ? self.slots[to].deadline : NEVER;
        gasTaken = _gasBefore(self, to) - _gasBefore(self, from);
    }

    function enqueuedAt(Items storage self, uint64 index) internal view returns (uint64) {
        return index < self.length ? self.slots[index].enqueuedAt : NEVER;
    }

    /// @notice Whether this is the item at its index.
    function holds(Items storage self, uint256 chainId, ICommonBridge.QueueItem calldata item)
        internal
        view
        returns (bool)
    {
        if (item.index >= self.length) return false;
        return L2.chained(self.hashes[item.index], L2.itemHash(chainId, item)) == self.hashes[item.index + 1];
    }

    function _gasBefore(Items storage self, uint64 index) private view returns (uint256) {
        return index == 0 ? 0 : self.slots[index - 1].gasUpTo;
    }
}
