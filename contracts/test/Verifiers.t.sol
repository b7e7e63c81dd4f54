// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {IAttestedVerifier} from "../src/interfaces/IAttestedVerifier.sol";
import {IProofVerifier} from "../src/interfaces/IProofVerifier.sol";
import {IVerifierRegistry} from "../src/interfaces/IVerifierRegistry.sol";
import {Batch, Proof} from "../src/interfaces/Types.sol";
import {Timelock} from "../src/l1/Timelock.sol";
import {Kinds} from "../src/libraries/Kinds.sol";
import {World} from "./support/World.sol";

/// Takes the batch hash itself as a proof, and its key is what it says.
contract EchoVerifier is IProofVerifier {
    function verify(uint256, uint32, uint8, bytes32 key, bytes32 batchHash, bytes calldata proof)
        external
        pure
        returns (bool)
    {
        return keccak256(proof) == keccak256(abi.encode(key, batchHash));
    }
}

contract PolicyTest is World {
    bytes32 private constant KEY = bytes32(uint256(0x0e7));
    uint32 private constant MIXED = 2;

    /// A version that also takes "zero-knowledge" proofs, under a policy that wants both.
    function setUp() public override {
        super.setUp();
        uint8[] memory kinds = new uint8[](2);
        address[] memory verifiers = new address[](2);
        bytes32[] memory keys = new bytes32[](2);
        (kinds[0], verifiers[0]) = (Kinds.ATTESTED, address(attested));
        (kinds[1], verifiers[1], keys[1]) = (Kinds.SP1, address(new EchoVerifier()), KEY);
        vm.startPrank(OWNER);
        registry.registerVersion(CHAIN, MIXED, 0, 0, kinds, verifiers, keys);
        attested.registerSigner(CHAIN, MIXED, Kinds.ATTESTED, vm.addr(SIGNER_KEY), 0, false);
        vm.stopPrank();
    }

    function test_attested_and_sp1_stay_unverified_with_one_of_them() public {
        uint16 both = Kinds.bit(Kinds.ATTESTED) | Kinds.bit(Kinds.SP1);
        setPolicy(CHAIN, IVerifierRegistry.Policy(both, 2, true, 9 days));
        Batch memory batch = _commitMixed();
        Proof[] memory proofs = _both(batch);
        Proof[] memory first = new Proof[](1);
        Proof[] memory second = new Proof[](1);
        (first[0], second[0]) = (proofs[0], proofs[1]);

        _expectNotMet(batch, first, Kinds.bit(Kinds.ATTESTED));
        _expectNotMet(batch, second, Kinds.bit(Kinds.SP1));
        _expectNotMet(batch, new Proof[](0), 0);
        proposer.verifyBatches(CHAIN, one(batch), one(proofs));
        (, uint64 claimableAt) = proposer.messagesRoot(CHAIN, 1);
        vm.assertEq(claimableAt, block.timestamp);
    }

    function test_a_zk_proof_frees_no_batch_before_the_one_that_it_builds_on() public {
        setPolicy(CHAIN, IVerifierRegistry.Policy(Kinds.bit(Kinds.ATTESTED), 1, false, EXECUTION_DELAY));
        settle(0);
        Batch memory batch = _commitMixed();

        proposer.verifyBatches(CHAIN, one(batch), one(_both(batch)));

        (, uint64 claimableAt) = proposer.messagesRoot(CHAIN, 2);
        vm.assertEq(claimableAt, block.timestamp + EXECUTION_DELAY);
    }

    function test_the_policy_is_that_of_the_commit() public {
        Batch memory batch = _commitMixed();
        setPolicy(CHAIN, IVerifierRegistry.Policy(Kinds.bit(Kinds.SP1), 1, true, 0));

        verify(batch);
    }

    function test_any_two_of_the_kinds() public {
        setPolicy(CHAIN, IVerifierRegistry.Policy(0, 2, false, 0));
        Batch memory batch = _commitMixed();
        Proof[] memory twice = new Proof[](2);
        (twice[0], twice[1]) = (_both(batch)[0], _both(batch)[0]);

        vm.expectRevert(abi.encodeWithSelector(IVerifierRegistry.KindsNotRising.selector, 1, 1));
        proposer.verifyBatches(CHAIN, one(batch), one(twice));
        proposer.verifyBatches(CHAIN, one(batch), one(_both(batch)));
    }

    function test_a_bad_proof_is_refused_even_beside_a_good_one() public {
        Batch memory batch = _commitMixed();
        Proof[] memory proofs = _both(batch);
        proofs[1].data = "bad";

        vm.expectRevert(abi.encodeWithSelector(IVerifierRegistry.ProofRefused.selector, hashOf(batch), Kinds.SP1));
        proposer.verifyBatches(CHAIN, one(batch), one(proofs));
    }

    function test_a_kind_that_the_version_has_no_key_for_is_refused() public {
        Batch memory batch = _commitMixed();
        Proof[] memory proofs = new Proof[](1);
        proofs[0] = Proof(Kinds.RISC0, "");

        vm.expectRevert(abi.encodeWithSelector(IVerifierRegistry.KindWithoutVerifier.selector, MIXED, Kinds.RISC0));
        proposer.verifyBatches(CHAIN, one(batch), one(proofs));
    }

    function test_versions_overlap_and_expiry_stops_new_commits_only() public {
        Batch memory old = next(last);
        commit(old);
        vm.prank(OWNER);
        registry.expireVersion(CHAIN, VERSION, uint64(block.timestamp));
        last = old;

        expectCommitRevert(
            next(last), abi.encodeWithSelector(IVerifierRegistry.VersionExpired.selector, VERSION, block.timestamp)
        );
        Batch memory upgraded = _commitMixed();
        verify(old);
        verify(upgraded);
    }

    function test_a_version_begins_at_its_batch() public {
        vm.prank(OWNER);
        registry.registerVersion(CHAIN, 3, 2, 0, new uint8[](0), new address[](0), new bytes32[](0));
        Batch memory batch = next(last);
        batch.programVersion = 3;

        expectCommitRevert(batch, abi.encodeWithSelector(IVerifierRegistry.VersionNotActive.selector, 3, 2, 1));
    }

    function test_a_version_s_keys_are_set_once() public {
        vm.prank(OWNER);
        vm.expectRevert(abi.encodeWithSelector(IVerifierRegistry.VersionExists.selector, CHAIN, VERSION));
        registry.registerVersion(CHAIN, VERSION, 0, 0, new uint8[](0), new address[](0), new bytes32[](0));
    }

    function test_policies_that_mean_nothing_are_refused() public {
        IVerifierRegistry.Policy[3] memory bad = [
            IVerifierRegistry.Policy(0, 0, true, 0),
            IVerifierRegistry.Policy(1 << 5, 1, true, 0),
            IVerifierRegistry.Policy(0, 5, true, 0)
        ];
        for (uint256 i = 0; i < bad.length; ++i) {
            vm.prank(OWNER);
            vm.expectRevert(IVerifierRegistry.PolicyInvalid.selector);
            registry.setPolicy(CHAIN, bad[i]);
        }
    }

    function _expectNotMet(Batch memory batch, Proof[] memory proofs, uint16 kinds) private {
        vm.expectRevert(abi.encodeWithSelector(IVerifierRegistry.PolicyNotMet.selector, hashOf(batch), kinds));
        proposer.verifyBatches(CHAIN, one(batch), one(proofs));
    }

    function _commitMixed() private returns (Batch memory batch) {
        batch = next(last);
        batch.programVersion = MIXED;
        commit(batch);
    }

    function _both(Batch memory batch) private view returns (Proof[] memory proofs) {
        proofs = new Proof[](2);
        proofs[0] = proven(batch)[0];
        proofs[1] = Proof(Kinds.SP1, abi.encode(KEY, hashOf(batch)));
    }
}

contract AttestedTest is World {
    bytes32 private constant HASH = bytes32(uint256(0xba7c4));

    function test_the_digest_is_eip_712() public view {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Ethrex Attested Verifier"),
                keccak256("1"),
                block.chainid,
                attested
            )
        );
        bytes32 message = keccak256(abi.encode(keccak256("Attestation(uint8 kind,bytes32 batchHash)"), 1, HASH));

        vm.assertEq(attested.digest(1, HASH), keccak256(abi.encodePacked(hex"1901", domain, message)));
    }

    function test_only_registered_signers_of_that_chain_version_and_kind_count() public view {
        bytes memory good = signature(SIGNER_KEY, HASH);

        vm.assertTrue(attested.verify(CHAIN, VERSION, Kinds.ATTESTED, 0, HASH, good));
        vm.assertFalse(attested.verify(CHAIN + 1, VERSION, Kinds.ATTESTED, 0, HASH, good));
        vm.assertFalse(attested.verify(CHAIN, VERSION + 1, Kinds.ATTESTED, 0, HASH, good));
        vm.assertFalse(attested.verify(CHAIN, VERSION, Kinds.TEE, 0, HASH, good));
        vm.assertFalse(attested.verify(CHAIN, VERSION, Kinds.ATTESTED, 0, bytes32(0), good));
        vm.assertFalse(attested.verify(CHAIN, VERSION, Kinds.ATTESTED, 0, HASH, signature(2, HASH)));
        vm.assertFalse(attested.verify(CHAIN, VERSION, Kinds.ATTESTED, 0, HASH, ""));
    }

    function test_signers_expire_and_are_revoked_by_the_guardian() public {
        address other = vm.addr(9);
        vm.prank(OWNER);
        attested.registerSigner(CHAIN, VERSION, Kinds.ATTESTED, other, uint64(block.timestamp) + 10, false);
        vm.assertTrue(attested.isSigner(CHAIN, VERSION, Kinds.ATTESTED, other));
        vm.warp(block.timestamp + 10);
        vm.assertFalse(attested.isSigner(CHAIN, VERSION, Kinds.ATTESTED, other));

        vm.prank(GUARDIAN);
        attested.revokeSigner(CHAIN, VERSION, Kinds.ATTESTED, vm.addr(SIGNER_KEY));
        vm.assertFalse(attested.isSigner(CHAIN, VERSION, Kinds.ATTESTED, vm.addr(SIGNER_KEY)));
    }

    function test_signatures_alone_settle_a_real_l1_only_where_that_is_meant() public {
        vm.chainId(1);
        vm.prank(OWNER);
        vm.expectRevert(abi.encodeWithSelector(IAttestedVerifier.WithoutZeroKnowledge.selector, CHAIN));
        attested.registerSigner(CHAIN, VERSION, Kinds.ATTESTED, BOB, 0, false);

        vm.prank(OWNER);
        attested.registerSigner(CHAIN, VERSION, Kinds.ATTESTED, BOB, 0, true);
        vm.assertTrue(attested.isSigner(CHAIN, VERSION, Kinds.ATTESTED, BOB));
    }

    function test_signers_are_of_kinds_that_sign() public {
        vm.prank(OWNER);
        vm.expectRevert(abi.encodeWithSelector(IAttestedVerifier.KindInvalid.selector, Kinds.SP1));
        attested.registerSigner(CHAIN, VERSION, Kinds.SP1, BOB, 0, false);
    }
}

contract TimelockTest is World {
    function test_the_exit_window_is_short_on_a_dev_l1_only_and_never_shrinks() public {
        address[] memory council = new address[](1);
        council[0] = ADMIN;
        Timelock lock = new Timelock(10, council, council);
        vm.prank(address(lock));
        vm.expectRevert(abi.encodeWithSelector(Timelock.DelayTooShort.selector, 10, 9));
        lock.updateDelay(9);
        vm.prank(address(lock));
        lock.updateDelay(11);

        vm.chainId(1);
        vm.expectRevert(abi.encodeWithSelector(Timelock.DelayTooShort.selector, 8 days, 10));
        new Timelock(10, council, council);
    }

    function test_an_upgrade_waits_for_the_timelock() public {
        address[] memory council = new address[](1);
        council[0] = ADMIN;
        Timelock lock = new Timelock(10, council, council);
        vm.prank(OWNER);
        proposer.transferOwnership(address(lock));
        bytes memory call = abi.encodeCall(proposer.setGuardian, (BOB));
        vm.startPrank(ADMIN);
        lock.schedule(address(proposer), 0, call, 0, 0, 10);
        vm.expectRevert();
        lock.execute(address(proposer), 0, call, 0, 0);
        vm.warp(block.timestamp + 10);

        lock.execute(address(proposer), 0, call, 0, 0);

        vm.stopPrank();
        vm.assertEq(proposer.guardian(), BOB);
    }
}
