// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {IProofVerifier} from "../interfaces/IProofVerifier.sol";

/// @title Succinct's verifiers and their gateway.
interface ISP1Verifier {
    /// @notice Reverts unless the proof is good.
    function verifyProof(bytes32 programVKey, bytes calldata publicValues, bytes calldata proofBytes) external view;
}

/// @title SP1 proofs: the key is the program's verifying key, the public values are the batch hash.
contract Sp1Verifier is IProofVerifier {
    ISP1Verifier public immutable verifier;

    constructor(ISP1Verifier verifier_) {
        verifier = verifier_;
    }

    /// @inheritdoc IProofVerifier
    function verify(uint256, uint32, uint8, bytes32 key, bytes32 batchHash, bytes calldata proof)
        external
        view
        returns (bool)
    {
        try verifier.verifyProof(key, abi.encode(batchHash), proof) {
            return true;
        } catch {
            return false;
        }
    }
}
