// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {Batch, BlobOpening, Proof} from "../src/interfaces/Types.sol";
import {IOnChainProposer} from "../src/interfaces/IOnChainProposer.sol";
import {World} from "./support/World.sol";

/// What settlement costs on L1. The figures of the calls are in `snapshots/`; `make contracts-test` refuses others,
/// `make contracts-gas` writes them.
contract GasTest is World {
    uint256 private constant COUNT = 11;

    /// Of a chain that goes on already, whose slots are written.
    function test_settlement_stays_cheap() public {
        settle(bytes32(uint256(1)));
        uint256 oneBlob = _commitWith(1, "commit 1 blob");
        uint256 sixBlobs = _commitWith(6, "commit 6 blobs");
        (Batch[] memory batches, Proof[][] memory proofs) = _committed();
        uint256 single = _verify(batches, proofs, 0, 1, "verify 1");
        uint256 many = _verify(batches, proofs, 1, 10, "verify 10");

        vm.assertLe(oneBlob, 300_000, "commit of one blob");
        vm.assertLe((sixBlobs - oneBlob) / 5, 65_000, "each further blob");
        vm.assertLe(single, 150_000, "verification of one batch");
        vm.assertLe(many / 10, 60_000, "verification of each of ten");
    }

    function _commitWith(uint256 count, string memory figure) private returns (uint256 gas) {
        BlobOpening[] memory blobs = openings(count);
        Batch memory batch = next(last);
        batch.dataHash = dataHashOf(blobs);
        carry(blobs);
        _cool();
        vm.prank(COMMITTER);
        proposer.commitBatch(batch, blobs, "");
        gas = _transaction(abi.encodeCall(IOnChainProposer.commitBatch, (batch, blobs, "")), figure);
        verify(batch);
        last = batch;
    }

    function _verify(Batch[] memory batches, Proof[][] memory proofs, uint256 from, uint256 count, string memory figure)
        private
        returns (uint256)
    {
        (Batch[] memory some, Proof[][] memory theirs) = (new Batch[](count), new Proof[][](count));
        for (uint256 i = 0; i < count; ++i) {
            (some[i], theirs[i]) = (batches[from + i], proofs[from + i]);
        }
        _cool();
        proposer.verifyBatches(CHAIN, some, theirs);
        return _transaction(abi.encodeCall(IOnChainProposer.verifyBatches, (CHAIN, some, theirs)), figure);
    }

    /// Nothing is warm at the start of a transaction.
    function _cool() private {
        vm.cool(address(proposer));
        vm.cool(address(bridge));
        vm.cool(address(registry));
        vm.cool(address(attested));
    }

    /// Gas of the last call as a transaction: its call data, and what every transaction costs.
    function _transaction(bytes memory data, string memory figure) private returns (uint256 gas) {
        gas = 21_000 + vm.snapshotGasLastCall("settlement", figure);
        for (uint256 i = 0; i < data.length; ++i) {
            gas += data[i] == 0 ? 4 : 16;
        }
    }

    function _committed() private returns (Batch[] memory batches, Proof[][] memory proofs) {
        (batches, proofs) = (new Batch[](COUNT), new Proof[][](COUNT));
        for (uint256 i = 0; i < COUNT; ++i) {
            batches[i] = next(last);
            batches[i].messagesRoot = keccak256(abi.encode(i));
            commit(batches[i]);
            proofs[i] = proven(batches[i]);
            last = batches[i];
        }
    }
}
