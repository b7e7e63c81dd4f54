// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {ICommonBridge} from "../src/interfaces/ICommonBridge.sol";
import {IOnChainProposer} from "../src/interfaces/IOnChainProposer.sol";
import {IVerifierRegistry} from "../src/interfaces/IVerifierRegistry.sol";
import {Batch, BlobOpening, ChainParameters} from "../src/interfaces/Types.sol";
import {World} from "./support/World.sol";

contract OnChainProposerCommitTest is World {
    function test_a_chain_begins_with_its_genesis_batch() public view {
        vm.assertEq(proposer.record(CHAIN, 0).batchHash, hashOf(genesis(parameters(CHAIN))));
        vm.assertEq(proposer.chainStatus(CHAIN).lastCommitted, 0);
    }

    function test_only_the_owner_registers_chains_and_each_once() public {
        ChainParameters memory other = parameters(7);
        vm.expectRevert();
        proposer.registerChain(other, SALT);

        register(other);
        vm.prank(OWNER);
        vm.expectRevert(abi.encodeWithSelector(IOnChainProposer.ChainExists.selector, 7));
        proposer.registerChain(other, SALT);
    }

    function test_a_good_batch_is_kept_as_its_hash() public {
        Batch memory batch = next(last);

        commit(batch);

        IOnChainProposer.Record memory kept = proposer.record(CHAIN, 1);
        vm.assertEq(kept.batchHash, hashOf(batch));
        vm.assertEq(kept.committedAt, block.timestamp);
        vm.assertEq(kept.programVersion, VERSION);
        vm.assertEq(proposer.chainStatus(CHAIN).lastCommitted, 1);
    }

    function test_only_committers_commit() public {
        Batch memory batch = next(last);
        BlobOpening[] memory blobs = openings(1);
        carry(blobs);

        vm.expectRevert(abi.encodeWithSelector(IOnChainProposer.NotCommitter.selector, address(this)));
        proposer.commitBatch(batch, blobs, "");
    }

    function test_batches_come_in_order() public {
        Batch memory batch = next(last);
        batch.number = 2;

        expectCommitRevert(batch, abi.encodeWithSelector(IOnChainProposer.NumberNotNext.selector, 1, 2));
    }

    function test_a_batch_names_the_one_before() public {
        Batch memory batch = next(last);
        batch.previousBatchHash = bytes32(uint256(1));

        expectCommitRevert(
            batch,
            abi.encodeWithSelector(
                IOnChainProposer.PreviousHashMismatch.selector, hashOf(last), batch.previousBatchHash
            )
        );
    }

    function test_other_protocols_and_configurations_and_messages_between_chains_are_refused() public {
        Batch memory batch = next(last);
        batch.protocolVersion = 2;
        expectCommitRevert(
            batch, abi.encodeWithSelector(IOnChainProposer.BatchMismatch.selector, bytes32("protocolVersion"))
        );

        batch = next(last);
        batch.outboundHash = bytes32(uint256(1));
        expectCommitRevert(
            batch, abi.encodeWithSelector(IOnChainProposer.BatchMismatch.selector, bytes32("outboundHash"))
        );

        batch = next(last);
        batch.inboundHash = bytes32(uint256(1));
        expectCommitRevert(
            batch, abi.encodeWithSelector(IOnChainProposer.BatchMismatch.selector, bytes32("inboundHash"))
        );

        batch = next(last);
        batch.configHash = bytes32(uint256(1));
        expectCommitRevert(
            batch, abi.encodeWithSelector(IOnChainProposer.ConfigMismatch.selector, last.configHash, batch.configHash)
        );
    }

    function test_a_new_configuration_holds_from_its_batch_on() public {
        bytes32 changed = bytes32(uint256(0xc1));
        vm.prank(OWNER);
        proposer.scheduleConfig(CHAIN, changed, 2);
        Batch memory first = next(last);
        Batch memory second = next(first);
        second.configHash = changed;

        commit(first);
        expectCommitRevert(
            next(first), abi.encodeWithSelector(IOnChainProposer.ConfigMismatch.selector, changed, last.configHash)
        );
        commit(second);
    }

    function test_a_batch_does_not_end_in_the_future() public {
        Batch memory batch = next(last);
        batch.lastTimestamp = uint64(block.timestamp) + 1;

        expectCommitRevert(
            batch, abi.encodeWithSelector(IOnChainProposer.TimeAhead.selector, batch.lastTimestamp, block.timestamp)
        );
    }

    function test_a_version_that_is_not_registered_is_refused() public {
        Batch memory batch = next(last);
        batch.programVersion = 9;

        expectCommitRevert(batch, abi.encodeWithSelector(IVerifierRegistry.VersionUnknown.selector, CHAIN, 9));
    }

    function test_prices_stay_near_what_l1_has_seen() public {
        (uint256 baseFee, uint256 blobBaseFee) = proposer.feeLimits(CHAIN);
        vm.assertEq(baseFee, 4 * block.basefee);
        vm.assertEq(blobBaseFee, 4 * proposer.PRICE_FLOOR());
        Batch memory batch = next(last);
        batch.l1BaseFee = baseFee + 1;
        expectCommitRevert(
            batch,
            abi.encodeWithSelector(IOnChainProposer.FeeTooHigh.selector, bytes32("l1BaseFee"), baseFee, batch.l1BaseFee)
        );
        batch = next(last);
        batch.l1BlobBaseFee = blobBaseFee + 1;
        expectCommitRevert(
            batch,
            abi.encodeWithSelector(
                IOnChainProposer.FeeTooHigh.selector, bytes32("l1BlobBaseFee"), blobBaseFee, batch.l1BlobBaseFee
            )
        );
    }

    function test_a_batch_that_was_sealed_before_prices_fell_still_commits() public {
        settle(0);
        vm.fee(1 gwei);
        Batch memory batch = next(last);
        batch.l1BaseFee = 30 gwei;

        commit(batch);
    }

    function test_low_prices_are_not_looked_at() public {
        vm.fee(7);
        Batch memory batch = next(last);
        batch.l1BaseFee = 4 * proposer.PRICE_FLOOR();

        commit(batch);
    }

    // ---- Blobs

    function test_every_blob_is_opened_and_named() public {
        for (uint256 count = 1; count <= 6; ++count) {
            BlobOpening[] memory blobs = openings(count);
            Batch memory batch = next(last);
            batch.dataHash = dataHashOf(blobs);
            carry(blobs);

            vm.prank(COMMITTER);
            proposer.commitBatch(batch, blobs, "");
            last = batch;
        }
    }

    function test_a_wrong_opening_is_refused() public {
        BlobOpening[] memory blobs = openings(2);
        blobs[1].y = bytes32(uint256(1));
        _expectBlobRevert(blobs, 2, abi.encodeWithSelector(IOnChainProposer.OpeningInvalid.selector, 1));

        blobs = openings(2);
        blobs[0].proof = abi.encodePacked(blobs[0].proof, bytes1(0));
        _expectBlobRevert(blobs, 2, abi.encodeWithSelector(IOnChainProposer.OpeningInvalid.selector, 0));
    }

    function test_blobs_beyond_the_opened_ones_are_refused_and_missing_ones_too() public {
        BlobOpening[] memory blobs = openings(2);
        _expectBlobRevert(
            blobs,
            1,
            abi.encodeWithSelector(IOnChainProposer.BlobMissing.selector, 1, blobs[1].versionedHash, bytes32(0))
        );
        _expectBlobRevert(blobs, 3, abi.encodeWithSelector(IOnChainProposer.BlobUnexpected.selector, 2));
        _expectBlobRevert(openings(0), 0, abi.encodeWithSelector(IOnChainProposer.BlobCount.selector, 0));
        _expectBlobRevert(openings(7), 7, abi.encodeWithSelector(IOnChainProposer.BlobCount.selector, 7));
    }

    function test_the_batch_names_what_is_published() public {
        Batch memory batch = next(last);
        bytes32 published = batch.dataHash;
        batch.dataHash = bytes32(uint256(1));

        expectCommitRevert(
            batch, abi.encodeWithSelector(IOnChainProposer.DataMismatch.selector, published, batch.dataHash)
        );
    }

    function _expectBlobRevert(BlobOpening[] memory blobs, uint256 carried, bytes memory reason) private {
        Batch memory batch = next(last);
        batch.dataHash = dataHashOf(blobs);
        carry(openings(carried));
        vm.prank(COMMITTER);
        vm.expectRevert(reason);
        proposer.commitBatch(batch, blobs, "");
    }

    // ---- Forced inclusion

    function test_the_queue_s_hash_at_the_named_index_is_checked() public {
        vm.prank(ALICE);
        bridge.deposit{value: 1}(CHAIN, ALICE);
        Batch memory batch = next(last);
        bytes32 good = batch.queueHash;
        batch.queueHash = bytes32(uint256(1));

        expectCommitRevert(
            batch, abi.encodeWithSelector(IOnChainProposer.QueueMismatch.selector, good, batch.queueHash)
        );
    }

    function test_an_ignored_deposit_blocks_commits_from_its_deadline_on() public {
        vm.prank(ALICE);
        bridge.deposit{value: 1}(CHAIN, ALICE);
        uint64 deadline = bridge.queueSlot(CHAIN, 0).deadline;
        Batch memory batch = next(last);
        (batch.queueIndex, batch.queueHash) = (0, 0);
        vm.warp(deadline + 1);

        commit(batch);
        last = batch;
        batch = next(last);
        (batch.queueIndex, batch.queueHash) = (0, 0);
        batch.lastTimestamp = deadline;
        expectCommitRevert(batch, abi.encodeWithSelector(IOnChainProposer.InclusionOverdue.selector, 0, deadline));
        commit(next(last));
    }

    function test_a_long_overdue_queue_drains_by_items() public {
        for (uint256 i = 0; i < 7; ++i) {
            vm.prank(ALICE);
            bridge.deposit{value: 1}(CHAIN, ALICE);
        }
        vm.warp(block.timestamp + 2 * INCLUSION_DELAY);

        expectCommitRevert(
            _taking(2),
            abi.encodeWithSelector(IOnChainProposer.InclusionOverdue.selector, 2, bridge.queueSlot(CHAIN, 2).deadline)
        );
        for (uint64 taken = 3; taken <= 6; taken += 3) {
            last = _taking(taken);
            commit(last);
        }
        commit(next(last));
    }

    function test_a_long_overdue_queue_drains_by_gas() public {
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(ALICE, ALICE);
            bridge.sendToL2{value: 1 ether}(CHAIN, _call(DRAIN_GAS));
            vm.roll(block.number + 1);
        }
        vm.warp(block.timestamp + 2 * INCLUSION_DELAY);

        commit(_taking(1));
    }

    function test_the_queue_does_not_go_backwards() public {
        vm.prank(ALICE);
        bridge.deposit{value: 1}(CHAIN, ALICE);
        settle(0);

        expectCommitRevert(_taking(0), abi.encodeWithSelector(IOnChainProposer.QueueBackwards.selector, 1, 0));
    }

    function _taking(uint64 index) private view returns (Batch memory batch) {
        batch = next(last);
        (batch.queueIndex, batch.queueHash) = (index, bridge.queueHash(CHAIN, index));
    }

    function _call(uint256 gasLimit) private view returns (ICommonBridge.SendValues memory) {
        return ICommonBridge.SendValues(BOB, gasLimit, 0, "");
    }
}
