// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {IDataAvailability} from "../src/interfaces/IDataAvailability.sol";
import {IOnChainProposer} from "../src/interfaces/IOnChainProposer.sol";
import {IVerifierRegistry} from "../src/interfaces/IVerifierRegistry.sol";
import {Batch, BlobOpening, ChainParameters, DataMode} from "../src/interfaces/Types.sol";
import {DataCommittee} from "../src/l1/DataCommittee.sol";
import {Kinds} from "../src/libraries/Kinds.sol";
import {World} from "./support/World.sol";

contract ValidiumTest is World {
    uint256 private constant VALIDIUM = 99;
    bytes32 private constant POINTER = bytes32(uint256(1));
    bytes32 private constant DIGEST = bytes32(uint256(2));

    DataCommittee private committee;
    /// Keys of three members, by rising address.
    uint256[3] private keys = [uint256(11), 12, 13];

    function setUp() public override {
        super.setUp();
        _sort();
        address[] memory members = new address[](3);
        for (uint256 i = 0; i < 3; ++i) {
            members[i] = vm.addr(keys[i]);
        }
        committee = new DataCommittee(OWNER, members, 2);
        ChainParameters memory chain = parameters(VALIDIUM);
        (chain.dataMode, chain.dataAvailability) = (DataMode.Validium, address(committee));
        register(chain);
        setPolicy(VALIDIUM, IVerifierRegistry.Policy(Kinds.bit(Kinds.ATTESTED), 1, false, 0));
        registerVersion(VALIDIUM, VERSION);
        last = genesis(chain);
    }

    function test_two_of_three_members_are_enough() public {
        Batch memory batch = _batch();

        _commit(batch, abi.encodePacked(_signed(0), _signed(2)));

        verify(batch);
    }

    function test_one_member_or_one_twice_or_a_stranger_is_not() public {
        Batch memory batch = _batch();
        bytes[5] memory bad = [
            _signed(1),
            abi.encodePacked(_signed(1), _signed(1)),
            abi.encodePacked(_signed(1), _signed(0)),
            abi.encodePacked(_signed(0), _sign(77, VALIDIUM)),
            abi.encodePacked(_signed(0), _signed(1), bytes1(0))
        ];
        for (uint256 i = 0; i < bad.length; ++i) {
            vm.expectRevert(IDataAvailability.CertificateInvalid.selector);
            committee.requireAvailable(VALIDIUM, abi.encode(POINTER, DIGEST, bad[i]));
        }
        bytes memory other = abi.encodePacked(_sign(keys[0], CHAIN), _sign(keys[1], CHAIN));
        vm.expectRevert(IDataAvailability.CertificateInvalid.selector);
        committee.requireAvailable(VALIDIUM, abi.encode(POINTER, DIGEST, other));
        _commit(batch, abi.encodePacked(_signed(0), _signed(1)));
    }

    function test_the_batch_names_what_is_kept_and_carries_no_blob() public {
        Batch memory batch = _batch();
        bytes memory certificate = abi.encode(POINTER, DIGEST, abi.encodePacked(_signed(0), _signed(1)));
        bytes32 good = batch.dataHash;
        batch.dataHash = DIGEST;
        vm.blobhashes(new bytes32[](0));
        vm.prank(COMMITTER);
        vm.expectRevert(abi.encodeWithSelector(IOnChainProposer.DataMismatch.selector, good, DIGEST));
        proposer.commitBatch(batch, new BlobOpening[](0), certificate);

        carry(openings(1));
        vm.prank(COMMITTER);
        vm.expectRevert(abi.encodeWithSelector(IOnChainProposer.BlobUnexpected.selector, 0));
        proposer.commitBatch(batch, new BlobOpening[](0), certificate);
    }

    function test_members_change_by_the_owner_with_a_threshold_that_can_be_met() public {
        vm.expectRevert();
        committee.setMember(ALICE, true, 2);
        address member = vm.addr(keys[0]);
        vm.startPrank(OWNER);
        vm.expectRevert(abi.encodeWithSelector(DataCommittee.ThresholdInvalid.selector, 3, 2));
        committee.setMember(member, false, 3);
        committee.setMember(member, false, 2);
        vm.stopPrank();

        bytes memory certificate = abi.encode(POINTER, DIGEST, abi.encodePacked(_signed(0), _signed(1)));
        vm.expectRevert(IDataAvailability.CertificateInvalid.selector);
        committee.requireAvailable(VALIDIUM, certificate);
    }

    function _commit(Batch memory batch, bytes memory signatures) private {
        vm.blobhashes(new bytes32[](0));
        vm.prank(COMMITTER);
        proposer.commitBatch(batch, new BlobOpening[](0), abi.encode(POINTER, DIGEST, signatures));
    }

    function _batch() private view returns (Batch memory batch) {
        batch = next(last);
        batch.dataHash = keccak256(abi.encode(uint8(1), POINTER, DIGEST));
    }

    function _signed(uint256 member) private view returns (bytes memory) {
        return _sign(keys[member], VALIDIUM);
    }

    function _sign(uint256 key, uint256 chainId) private view returns (bytes memory) {
        bytes32 dataHash = keccak256(abi.encode(uint8(1), POINTER, DIGEST));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, committee.kept(chainId, dataHash));
        return abi.encodePacked(r, s, v);
    }

    function _sort() private {
        for (uint256 i = 0; i < 2; ++i) {
            for (uint256 j = i + 1; j < 3; ++j) {
                if (vm.addr(keys[i]) > vm.addr(keys[j])) (keys[i], keys[j]) = (keys[j], keys[i]);
            }
        }
    }
}
