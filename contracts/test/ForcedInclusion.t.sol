// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {IOnChainProposer} from "../src/interfaces/IOnChainProposer.sol";
import {IVerifierRegistry} from "../src/interfaces/IVerifierRegistry.sol";
import {Batch, ChainParameters} from "../src/interfaces/Types.sol";
import {World} from "./support/World.sol";

/// That L1's queue gets into batches, and that it strands none.
contract ForcedInclusionTest is World {
    uint64 private constant ITEMS = 10_000;
    /// As deployment plans have it.
    uint32 private constant SHARE = 10;
    uint256 private constant BUSY = 7;

    /// A chain whose batches take ten items of a queue that is overdue.
    function setUp() public override {
        super.setUp();
        ChainParameters memory busy = parameters(BUSY);
        busy.drainItems = SHARE;
        busy.drainGas = type(uint64).max;
        _openVersion(BUSY);
        register(busy);
    }

    function _openVersion(uint256 chainId) private {
        (, IVerifierRegistry.Policy memory policy) = registry.currentPolicy(CHAIN);
        setPolicy(chainId, policy);
        registerVersion(chainId, VERSION);
    }

    function test_ten_thousand_expired_items_drain() public {
        vm.pauseGasMetering();
        last = genesis(parameters(BUSY));
        for (uint256 i = 0; i < ITEMS; ++i) {
            vm.prank(ALICE);
            bridge.deposit{value: 1}(BUSY, ALICE);
        }
        vm.warp(block.timestamp + 2 * INCLUSION_DELAY);
        uint256 batches;

        for (uint64 taken = 0; taken < ITEMS; ++batches) {
            if (ITEMS - taken > SHARE) _expectOverdue(taken + SHARE - 1);
            taken = taken + SHARE < ITEMS ? taken + SHARE : ITEMS;
            Batch memory batch = _taking(taken);
            commit(batch);
            verify(batch);
            last = batch;
        }
        vm.resumeGasMetering();

        vm.assertEq(batches, (ITEMS + SHARE - 1) / SHARE);
        vm.assertEq(proposer.record(BUSY, last.number).queueIndex, ITEMS);
        vm.assertEq(proposer.takeoverOpensAt(BUSY), type(uint64).max);
        commit(next(last));
    }

    /// Less than its share gets no batch past a queue that is overdue.
    function _expectOverdue(uint64 taken) private {
        uint64 deadline = bridge.queueSlot(BUSY, taken).deadline;
        expectCommitRevert(
            _taking(taken), abi.encodeWithSelector(IOnChainProposer.InclusionOverdue.selector, taken, deadline)
        );
    }

    function _taking(uint64 index) private view returns (Batch memory batch) {
        batch = next(last);
        (batch.queueIndex, batch.queueHash) = (index, bridge.queueHash(batch.chainId, index));
    }

    function test_five_sealed_batches_that_are_held_back_past_a_deadline_still_commit() public {
        vm.prank(ALICE);
        bridge.deposit{value: 1}(CHAIN, ALICE);
        uint64 deadline = bridge.queueSlot(CHAIN, 0).deadline;
        Batch[5] memory sealed_;
        for (uint256 i = 0; i < 5; ++i) {
            vm.warp(block.timestamp + INCLUSION_DELAY / 6);
            sealed_[i] = _taking(0);
            last = sealed_[i];
        }

        vm.warp(deadline + 1 days);
        for (uint256 i = 0; i < 5; ++i) {
            commit(sealed_[i]);
        }
        expectCommitRevert(_taking(0), abi.encodeWithSelector(IOnChainProposer.InclusionOverdue.selector, 0, deadline));
        commit(next(last));

        for (uint256 i = 0; i < 5; ++i) {
            verify(sealed_[i]);
        }
        vm.assertEq(proposer.chainStatus(CHAIN).lastVerified, 5);
        vm.assertEq(proposer.chainStatus(CHAIN).lastCommitted, 6);
    }
}
