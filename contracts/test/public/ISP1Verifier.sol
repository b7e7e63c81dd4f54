// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {ISP1Verifier} from "../../src/l1/Sp1Verifier.sol";

/// @title What Succinct's verifier contracts say of themselves.
interface ISP1VerifierWithHash is ISP1Verifier {
    /// @notice SHA-256 of the verifying key.
    function VERIFIER_HASH() external pure returns (bytes32);
}
