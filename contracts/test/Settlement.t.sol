// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {IOnChainProposer} from "../src/interfaces/IOnChainProposer.sol";
import {IVerifierRegistry} from "../src/interfaces/IVerifierRegistry.sol";
import {Batch, BlobOpening, Proof} from "../src/interfaces/Types.sol";
import {Batches} from "../src/libraries/Batches.sol";
import {Kinds} from "../src/libraries/Kinds.sol";
import {World} from "./support/World.sol";

contract VerifyTest is World {
    function test_a_proven_batch_is_verified_and_its_messages_wait_for_the_execution_delay() public {
        Batch memory batch = settle(bytes32(uint256(0x4007)));

        (bytes32 root, uint64 claimableAt) = proposer.messagesRoot(CHAIN, 1);
        vm.assertEq(root, batch.messagesRoot);
        vm.assertEq(claimableAt, block.timestamp + EXECUTION_DELAY);
        vm.assertEq(proposer.chainStatus(CHAIN).lastVerified, 1);
    }

    function test_many_batches_are_verified_in_one_call() public {
        (Batch[] memory batches, Proof[][] memory proofs) = _committed(4);

        proposer.verifyBatches(CHAIN, batches, proofs);

        vm.assertEq(proposer.chainStatus(CHAIN).lastVerified, 4);
    }

    function test_each_batch_needs_its_own_proof() public {
        (Batch[] memory batches, Proof[][] memory proofs) = _committed(2);
        proofs[1] = proofs[0];

        vm.expectRevert(
            abi.encodeWithSelector(IVerifierRegistry.ProofRefused.selector, hashOf(batches[1]), Kinds.ATTESTED)
        );
        proposer.verifyBatches(CHAIN, batches, proofs);
    }

    function test_a_batch_that_differs_from_what_was_committed_is_refused() public {
        (Batch[] memory batches, Proof[][] memory proofs) = _committed(1);
        bytes32 committed = hashOf(batches[0]);
        batches[0].messagesRoot = bytes32(uint256(1));
        proofs[0] = proven(batches[0]);

        vm.expectRevert(
            abi.encodeWithSelector(IOnChainProposer.BatchUnknown.selector, 1, committed, hashOf(batches[0]))
        );
        proposer.verifyBatches(CHAIN, batches, proofs);
    }

    function test_batches_are_not_skipped_nor_verified_twice() public {
        (Batch[] memory batches, Proof[][] memory proofs) = _committed(2);

        vm.expectRevert();
        proposer.verifyBatches(CHAIN, one(batches[1]), one(proofs[1]));
        proposer.verifyBatches(CHAIN, one(batches[0]), one(proofs[0]));
        vm.expectRevert();
        proposer.verifyBatches(CHAIN, one(batches[0]), one(proofs[0]));
    }

    function test_a_batch_of_another_chain_is_unknown() public {
        register(parameters(7));
        setPolicy(7, IVerifierRegistry.Policy(Kinds.bit(Kinds.ATTESTED), 1, false, 0));
        registerVersion(7, VERSION);
        (Batch[] memory batches, Proof[][] memory proofs) = _committed(1);

        vm.expectRevert(
            abi.encodeWithSelector(IOnChainProposer.BatchUnknown.selector, 1, bytes32(0), hashOf(batches[0]))
        );
        proposer.verifyBatches(7, batches, proofs);
    }

    function test_a_call_without_batches_or_with_too_few_proofs_is_refused() public {
        vm.expectRevert(IOnChainProposer.NothingToVerify.selector);
        proposer.verifyBatches(CHAIN, new Batch[](0), new Proof[][](0));

        (Batch[] memory batches,) = _committed(1);
        vm.expectRevert(IOnChainProposer.LengthMismatch.selector);
        proposer.verifyBatches(CHAIN, batches, new Proof[][](0));
    }

    function _committed(uint256 count) private returns (Batch[] memory batches, Proof[][] memory proofs) {
        (batches, proofs) = (new Batch[](count), new Proof[][](count));
        for (uint256 i = 0; i < count; ++i) {
            batches[i] = next(last);
            batches[i].messagesRoot = keccak256(abi.encode(i));
            commit(batches[i]);
            proofs[i] = proven(batches[i]);
            last = batches[i];
        }
    }
}

contract HashTest is World {
    using Batches for Batch;

    function testFuzz_a_batch_hashed_as_it_lies_has_its_hash(Batch calldata batch) public pure {
        vm.assertEq(batch.hashAsItLies(), keccak256(abi.encode(batch)));
    }

    function testFuzz_every_bit_of_a_batch_is_in_its_hash(Batch calldata batch, uint256 bit) public view {
        bytes memory changed = abi.encode(batch);
        bit %= 8 * changed.length;
        changed[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        (bool read, bytes memory answer) =
            address(this).staticcall(abi.encodePacked(this.hashOfCallData.selector, changed));

        vm.assertTrue(!read || abi.decode(answer, (bytes32)) != batch.hashAsItLies());
    }

    function hashOfCallData(Batch calldata batch) external pure returns (bytes32) {
        return batch.hash();
    }
}

contract RevertTest is World {
    function test_unverified_batches_are_reverted_by_the_admin_and_others_take_their_place() public {
        Batch memory first = settle(0);
        Batch memory second = next(first);
        commit(second);

        vm.prank(ADMIN);
        proposer.revertBatches(CHAIN, 1);

        vm.assertEq(proposer.chainStatus(CHAIN).lastCommitted, 1);
        Proof[] memory proofs = proven(second);
        vm.expectRevert(abi.encodeWithSelector(IOnChainProposer.BatchUnknown.selector, 2, bytes32(0), hashOf(second)));
        proposer.verifyBatches(CHAIN, one(second), one(proofs));
        second.newStateRoot = bytes32(uint256(2));
        commit(second);
        verify(second);
    }

    function test_strangers_revert_nothing() public {
        commit(next(last));

        vm.expectRevert(abi.encodeWithSelector(IOnChainProposer.NotAdmin.selector, address(this)));
        proposer.revertBatches(CHAIN, 0);
    }

    function test_verified_batches_are_the_guardian_s_to_revert_until_they_can_be_claimed() public {
        settle(bytes32(uint256(1)));
        vm.prank(ADMIN);
        vm.expectRevert(abi.encodeWithSelector(IOnChainProposer.NotGuardian.selector, ADMIN));
        proposer.revertBatches(CHAIN, 0);

        vm.prank(GUARDIAN);
        proposer.revertBatches(CHAIN, 0);

        vm.assertEq(proposer.chainStatus(CHAIN).lastVerified, 0);
        vm.expectRevert(abi.encodeWithSelector(IOnChainProposer.BatchUnknown.selector, 1, 0, 0));
        proposer.messagesRoot(CHAIN, 1);
        last = genesis(parameters(CHAIN));
        settle(0);
        (bytes32 root,) = proposer.messagesRoot(CHAIN, 1);
        vm.assertEq(root, 0);
        vm.warp(block.timestamp + EXECUTION_DELAY);
        vm.prank(GUARDIAN);
        vm.expectRevert(abi.encodeWithSelector(IOnChainProposer.RevertTooLate.selector, 1));
        proposer.revertBatches(CHAIN, 0);
    }

    function test_what_nobody_proves_is_reverted_by_anyone_after_a_while() public {
        commit(next(last));
        vm.expectRevert(abi.encodeWithSelector(IOnChainProposer.NotStalled.selector, block.timestamp + PROOF_WINDOW));
        proposer.revertUnproven(CHAIN);
        vm.warp(block.timestamp + PROOF_WINDOW);

        proposer.revertUnproven(CHAIN);

        vm.assertEq(proposer.chainStatus(CHAIN).lastCommitted, 0);
    }

    function test_revoking_a_version_reverts_its_unverified_batches_at_once() public {
        Batch memory batch = next(last);
        commit(batch);

        vm.prank(GUARDIAN);
        registry.revokeVersion(CHAIN, VERSION);

        vm.assertEq(proposer.chainStatus(CHAIN).lastCommitted, 0);
        expectCommitRevert(batch, abi.encodeWithSelector(IVerifierRegistry.VersionIsRevoked.selector, VERSION));
        vm.expectRevert(abi.encodeWithSelector(IOnChainProposer.NotRegistry.selector, address(this)));
        proposer.revertRevoked(CHAIN);
    }
}

contract StandstillTest is World {
    function test_nothing_to_take_over_while_nothing_waits() public {
        vm.assertEq(proposer.takeoverOpensAt(CHAIN), type(uint64).max);
        vm.expectRevert(abi.encodeWithSelector(IOnChainProposer.NotStalled.selector, type(uint64).max));
        proposer.freeze(CHAIN);
    }

    function test_anyone_goes_on_for_a_chain_that_stands_still() public {
        commit(next(last));
        Batch memory batch = next(last);
        batch.newStateRoot = bytes32(uint256(2));
        uint64 openAt = uint64(block.timestamp) + TAKEOVER_DELAY;
        BlobOpening[] memory blobs = openings(1);
        carry(blobs);
        Proof[] memory proofs = proven(batch);
        vm.expectRevert(abi.encodeWithSelector(IOnChainProposer.NotStalled.selector, openAt));
        proposer.takeover(batch, blobs, "", proofs);
        vm.warp(openAt);

        proposer.takeover(batch, blobs, "", proofs);

        vm.assertEq(proposer.chainStatus(CHAIN).lastVerified, 1);
        vm.assertEq(proposer.record(CHAIN, 1).batchHash, hashOf(batch));
        vm.assertEq(proposer.takeoverOpensAt(CHAIN), type(uint64).max);
    }

    function test_an_item_that_waits_opens_the_way_whatever_is_committed_and_reverted() public {
        vm.prank(ALICE);
        bridge.deposit{value: 1}(CHAIN, ALICE);
        uint64 openAt = uint64(block.timestamp) + TAKEOVER_DELAY;
        vm.warp(block.timestamp + 1 days);
        commit(next(last));
        vm.prank(ADMIN);
        proposer.revertBatches(CHAIN, 0);

        vm.assertEq(proposer.takeoverOpensAt(CHAIN), openAt);
    }

    function test_a_frozen_chain_stays_frozen() public {
        Batch memory batch = next(last);
        commit(batch);
        vm.warp(block.timestamp + TAKEOVER_DELAY);
        proposer.freeze(CHAIN);

        bytes memory frozen = abi.encodeWithSelector(IOnChainProposer.ChainIsFrozen.selector, CHAIN);
        expectCommitRevert(next(last), frozen);
        Proof[] memory proofs = proven(batch);
        vm.expectRevert(frozen);
        proposer.verifyBatches(CHAIN, one(batch), one(proofs));
        vm.expectRevert(frozen);
        bridge.deposit{value: 1}(CHAIN, ALICE);
        vm.expectRevert(frozen);
        proposer.freeze(CHAIN);
        vm.prank(GUARDIAN);
        vm.expectRevert(frozen);
        proposer.revertBatches(CHAIN, 0);
    }

    function test_where_outsiders_can_prove_takeover_comes_before_freeze() public {
        setPolicy(CHAIN, IVerifierRegistry.Policy(Kinds.bit(Kinds.SP1), 1, true, 0));
        commit(next(last));

        vm.assertEq(proposer.freezeOpensAt(CHAIN), block.timestamp + 2 * TAKEOVER_DELAY);
    }

    function test_a_chain_without_a_policy_can_be_frozen() public {
        register(parameters(7));
        vm.prank(ALICE);
        bridge.deposit{value: 1}(7, ALICE);
        vm.warp(block.timestamp + TAKEOVER_DELAY);

        proposer.freeze(7);

        vm.assertTrue(proposer.chainStatus(7).frozen);
    }

    function test_a_pause_blocks_deposits_and_commits_and_ends_by_itself() public {
        Batch memory waiting = next(last);
        commit(waiting);
        vm.prank(GUARDIAN);
        proposer.pause(CHAIN, 1 days);
        uint64 until = uint64(block.timestamp) + 1 days;
        bytes memory paused = abi.encodeWithSelector(IOnChainProposer.ChainIsPaused.selector, CHAIN, until);

        expectCommitRevert(next(waiting), paused);
        vm.expectRevert(paused);
        bridge.deposit{value: 1}(CHAIN, ALICE);
        verify(waiting);

        vm.warp(until);
        commit(next(waiting));
    }

    function test_only_the_guardian_pauses_and_not_for_long() public {
        vm.expectRevert(abi.encodeWithSelector(IOnChainProposer.NotGuardian.selector, address(this)));
        proposer.pause(CHAIN, 1);
        vm.prank(GUARDIAN);
        vm.expectRevert(abi.encodeWithSelector(IOnChainProposer.ParameterInvalid.selector, bytes32("seconds")));
        proposer.pause(CHAIN, 7 days + 1);
    }
}
