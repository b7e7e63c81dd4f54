// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {ISP1Verifier} from "../../src/l1/Sp1Verifier.sol";
import {Groth16Verifier} from "../public/sp1-v6/Groth16Verifier.sol";
import {PlonkVerifier} from "../public/sp1-v6/PlonkVerifier.sol";

/// What Succinct's verifiers of SP1 v6.1 put before the equations that gnark exports: the program, what it shows, that it
/// ended well, and the circuits that proved it.
abstract contract Sp1V6 is ISP1Verifier {
    error WrongVerifierSelector(bytes4 received, bytes4 expected);
    error NotProven();

    uint256 private constant CIRCUITS = 0x002f850ee998974d6cc00e50cd0814b098c05bfade466d28573240d057f25352;

    bytes4 private immutable _selector;

    constructor(bytes32 verifyingKeyHash) {
        _selector = bytes4(verifyingKeyHash);
    }

    function verifyProof(bytes32 programVKey, bytes calldata publicValues, bytes calldata proofBytes) external view {
        bytes4 received = bytes4(proofBytes[:4]);
        require(received == _selector, WrongVerifierSelector(received, _selector));
        (uint256 exitCode, uint256 circuits, uint256 nonce) = abi.decode(proofBytes[4:100], (uint256, uint256, uint256));
        require(exitCode == 0 && circuits == CIRCUITS, NotProven());
        uint256 shown = uint256(sha256(publicValues)) & ((1 << 253) - 1);
        _verify(proofBytes[100:], [uint256(programVKey), shown, exitCode, circuits, nonce]);
    }

    /// Reverts where the equation does not hold.
    function _verify(bytes calldata proof, uint256[5] memory inputs) internal view virtual;
}

contract Sp1V6Groth16 is Sp1V6, Groth16Verifier {
    constructor() Sp1V6(0x4388a21c687fdd5f218d7e3d13190cac4c5355818d3605fd5fb811df468ee696) {}

    function _verify(bytes calldata proof, uint256[5] memory inputs) internal view override {
        require(proof.length == 256, NotProven());
        this.Verify(abi.decode(proof, (uint256[8])), inputs);
    }
}

contract Sp1V6Plonk is Sp1V6, PlonkVerifier {
    constructor() Sp1V6(0x5a093a2fcb46394f5cadfe55c44d4d572fad9cec7aeb38026b0278322ef07fac) {}

    function _verify(bytes calldata proof, uint256[5] memory inputs) internal view override {
        uint256[] memory list = new uint256[](5);
        for (uint256 i = 0; i < list.length; ++i) {
            list[i] = inputs[i];
        }
        require(this.Verify(proof, list), NotProven());
    }
}
