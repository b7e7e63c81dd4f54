// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {ISP1Verifier} from "../../src/l1/Sp1Verifier.sol";
import {IRiscZeroVerifier} from "../../src/l1/Risc0Verifier.sol";
import {Test} from "./Test.sol";

/// Groth16 over BN254 under a published verifying key.
///
/// For the versions whose own contracts are in no registry: what they check is written here after their specification, with
/// their keys, and shown on their real proofs. Where there is the contract too, both are asked the same.
abstract contract Groth16 is Test {
    struct Point {
        uint256 x;
        uint256 y;
    }

    /// Each coordinate imaginary part first, as the precompile takes it.
    struct Point2 {
        uint256[2] x;
        uint256[2] y;
    }

    uint256 internal constant ORDER = 0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001;
    uint256 private constant FIELD = 0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47;

    Point internal alpha;
    Point2 internal beta;
    Point2 internal gamma;
    Point2 internal delta;
    Point[] internal ic;
    bytes4 internal selector;

    function _holds(uint256[8] memory proof, uint256[] memory inputs) internal view returns (bool) {
        Point memory sum = ic[0];
        for (uint256 i = 0; i < inputs.length; ++i) {
            if (inputs[i] >= ORDER) return false;
            Point memory term = _call(7, abi.encode(ic[i + 1], inputs[i]));
            sum = _call(6, abi.encode(sum, term));
        }
        bytes memory first = abi.encode(_negated(Point(proof[0], proof[1])), proof[2], proof[3], proof[4], proof[5]);
        bytes memory rest = abi.encode(alpha, beta, sum, gamma, Point(proof[6], proof[7]), delta);
        (bool done, bytes memory one) = address(8).staticcall(bytes.concat(first, rest));
        return done && abi.decode(one, (bool));
    }

    function _call(uint160 precompile, bytes memory input) private view returns (Point memory) {
        (bool done, bytes memory answer) = address(precompile).staticcall(input);
        require(done, "not on the curve");
        return abi.decode(answer, (Point));
    }

    function _negated(Point memory point) internal pure returns (Point memory) {
        return Point(point.x, (FIELD - point.y % FIELD) % FIELD);
    }

    function _negated(Point2 memory point) internal pure returns (Point2 memory) {
        return Point2(point.x, [FIELD - point.y[0], FIELD - point.y[1]]);
    }

    function _number(string memory json, string memory path) internal pure returns (uint256) {
        return vm.parseJsonUint(json, string.concat(".verifier", path));
    }

    function _readInputs(string memory json, uint256 count) internal {
        for (uint256 i = 0; i <= count; ++i) {
            string memory path = string.concat(".groth16_vk.ic[", vm.toString(i), "]");
            ic.push(Point(_number(json, string.concat(path, "[0]")), _number(json, string.concat(path, "[1]"))));
        }
    }
}

/// What Succinct's `SP1Verifier` checks before version 6.
contract Sp1Groth16 is Groth16, ISP1Verifier {
    error WrongVerifierSelector(bytes4 received, bytes4 expected);
    error ProofInvalid();

    constructor(string memory json) {
        selector = bytes4(vm.parseJsonBytes(json, ".verifier.selector"));
        alpha = Point(_number(json, ".groth16_vk.alpha_g1[0]"), _number(json, ".groth16_vk.alpha_g1[1]"));
        beta = _negated(_point(json, ".groth16_vk.beta_neg_g2"));
        gamma = _negated(_point(json, ".groth16_vk.gamma_neg_g2"));
        delta = _negated(_point(json, ".groth16_vk.delta_neg_g2"));
        _readInputs(json, 2);
    }

    function verifyProof(bytes32 programVKey, bytes calldata publicValues, bytes calldata proofBytes) external view {
        bytes4 received = bytes4(proofBytes[:4]);
        require(received == selector, WrongVerifierSelector(received, selector));
        uint256[] memory inputs = new uint256[](ic.length - 1);
        (inputs[0], inputs[1]) = (uint256(programVKey), uint256(sha256(publicValues)) & ((1 << 253) - 1));
        bytes calldata words = proofBytes[4:];
        require(words.length == 256 && _holds(abi.decode(words, (uint256[8])), inputs), ProofInvalid());
    }

    /// The keys have the real part first.
    function _point(string memory json, string memory path) private pure returns (Point2 memory) {
        return Point2(
            [_number(json, string.concat(path, ".x[1]")), _number(json, string.concat(path, ".x[0]"))],
            [_number(json, string.concat(path, ".y[1]")), _number(json, string.concat(path, ".y[0]"))]
        );
    }
}

/// What RISC Zero's `RiscZeroGroth16Verifier` of a version checks: that the program ended well with this journal.
contract Risc0Groth16 is Groth16, IRiscZeroVerifier {
    error SelectorMismatch(bytes4 received, bytes4 expected);
    error VerificationFailed();

    /// Digest of the memory of a program that has ended.
    bytes32 private constant ENDED = 0xa3acc27117418996340b84e5a90f3ef4c49d22c79e44aad822ec9c313e1eb8e2;

    bytes32 private immutable _controlRoot;
    uint256 private immutable _controlId;

    constructor(string memory json) {
        _controlRoot = bytes32(_number(json, ".control_root"));
        _controlId = _number(json, ".bn254_control_id_solidity_byte_order");
        selector = bytes4(vm.parseJsonBytes(json, ".verifier.selector"));
        alpha = Point(_number(json, ".groth16_vk.alpha[0]"), _number(json, ".groth16_vk.alpha[1]"));
        beta = _point(json, ".groth16_vk.beta");
        gamma = _point(json, ".groth16_vk.gamma");
        delta = _point(json, ".groth16_vk.delta");
        _readInputs(json, 5);
    }

    function verify(bytes calldata seal, bytes32 imageId, bytes32 journalDigest) external view {
        bytes4 received = bytes4(seal[:4]);
        require(received == selector, SelectorMismatch(received, selector));
        uint256[] memory inputs = new uint256[](5);
        (inputs[0], inputs[1]) = _halves(_controlRoot);
        (inputs[2], inputs[3]) = _halves(_claim(imageId, journalDigest));
        inputs[4] = _controlId;
        require(seal.length == 260 && _holds(abi.decode(seal[4:], (uint256[8])), inputs), VerificationFailed());
    }

    function _claim(bytes32 imageId, bytes32 journalDigest) private pure returns (bytes32) {
        bytes32 output = sha256(abi.encodePacked(sha256("risc0.Output"), journalDigest, bytes32(0), uint16(2) << 8));
        return sha256(
            abi.encodePacked(
                sha256("risc0.ReceiptClaim"), bytes32(0), imageId, ENDED, output, uint32(0), uint32(0), uint16(4) << 8
            )
        );
    }

    /// A digest as two numbers, its bytes from the last to the first.
    function _halves(bytes32 digest) private pure returns (uint256 low, uint256 high) {
        uint256 reversed;
        for (uint256 i = 0; i < 32; ++i) {
            reversed |= uint256(uint8(digest[i])) << (8 * i);
        }
        return (uint128(reversed), reversed >> 128);
    }

    function _point(string memory json, string memory path) private pure returns (Point2 memory) {
        return Point2(
            [_number(json, string.concat(path, "[0][0]")), _number(json, string.concat(path, "[0][1]"))],
            [_number(json, string.concat(path, "[1][0]")), _number(json, string.concat(path, "[1][1]"))]
        );
    }
}
