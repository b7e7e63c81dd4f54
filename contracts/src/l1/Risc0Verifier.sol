// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {IProofVerifier} from "../interfaces/IProofVerifier.sol";

/// @title RISC Zero's verifiers and their router.
interface IRiscZeroVerifier {
    /// @notice Reverts unless the seal is good.
    function verify(bytes calldata seal, bytes32 imageId, bytes32 journalDigest) external view;
}

/// @title RISC Zero proofs: the key is the program's image id, the journal is the batch hash.
contract Risc0Verifier is IProofVerifier {
    IRiscZeroVerifier public immutable verifier;

    constructor(IRiscZeroVerifier verifier_) {
        verifier = verifier_;
    }

    /// @inheritdoc IProofVerifier
    function verify(uint256, uint32, uint8, bytes32 key, bytes32 batchHash, bytes calldata proof)
        external
        view
        returns (bool)
    {
        try verifier.verify(proof, key, sha256(abi.encode(batchHash))) {
            return true;
        } catch {
            return false;
        }
    }
}
