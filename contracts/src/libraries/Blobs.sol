// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {IOnChainProposer} from "../interfaces/IOnChainProposer.sol";
import {BlobOpening, DataMode} from "../interfaces/Types.sol";

/// @title The blobs of the transaction, opened where the program says that they hold its payload.
library Blobs {
    /// @notice EIP-4844.
    address internal constant POINT_EVALUATION = address(0x0a);
    uint256 internal constant MAX_BLOBS = 6;
    /// The precompile takes 50,000; where it refuses an opening it takes all that it was given.
    uint256 private constant POINT_EVALUATION_GAS = 100_000;

    /// A blob, as `dataHash` names it.
    struct Point {
        bytes32 versionedHash;
        bytes32 z;
        bytes32 y;
    }

    /// @notice Reverts unless the openings are those of all blobs of this transaction.
    /// @return What the batch has to name as its data.
    function requireOpened(BlobOpening[] calldata openings) internal view returns (bytes32) {
        uint256 count = openings.length;
        require(count > 0 && count <= MAX_BLOBS, IOnChainProposer.BlobCount(count));
        require(blobhash(count) == 0, IOnChainProposer.BlobUnexpected(count));
        Point[] memory points = new Point[](count);
        for (uint256 i = 0; i < count; ++i) {
            BlobOpening calldata opening = openings[i];
            bytes32 versionedHash = blobhash(i);
            require(
                versionedHash != 0 && versionedHash == opening.versionedHash,
                IOnChainProposer.BlobMissing(i, opening.versionedHash, versionedHash)
            );
            require(_opens(opening), IOnChainProposer.OpeningInvalid(i));
            points[i] = Point(versionedHash, opening.z, opening.y);
        }
        return dataHash(points);
    }

    function dataHash(Point[] memory points) internal pure returns (bytes32) {
        return keccak256(abi.encode(uint8(DataMode.Rollup), points.length, points));
    }

    /// The precompile takes versioned hash ‖ z ‖ y ‖ commitment ‖ proof, and fails where that is no opening.
    function _opens(BlobOpening calldata opening) private view returns (bool) {
        if (opening.commitment.length != 48 || opening.proof.length != 48) return false;
        (bool opened, bytes memory answer) = POINT_EVALUATION.staticcall{gas: POINT_EVALUATION_GAS}(
            abi.encodePacked(opening.versionedHash, opening.z, opening.y, opening.commitment, opening.proof)
        );
        return opened && answer.length == 64;
    }
}
