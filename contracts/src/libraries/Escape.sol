// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {Memory} from "@openzeppelin/contracts/utils/Memory.sol";
import {RLP} from "@openzeppelin/contracts/utils/RLP.sol";
import {TrieProof} from "@openzeppelin/contracts/utils/cryptography/TrieProof.sol";

import {ICommonBridge} from "../interfaces/ICommonBridge.sol";

/// @title What accounts held in a state of L2, shown by proofs of its trie.
library Escape {
    using RLP for *;

    bytes3 private constant DELEGATION = 0xef0100;
    bytes32 private constant NO_CODE = keccak256("");

    /// @notice Balance of an account that nobody but its key can have moved: without code, or delegating (EIP-7702).
    function balanceOf(bytes32 stateRoot, ICommonBridge.AccountProof calldata proof) internal pure returns (uint256) {
        bytes memory key = abi.encodePacked(keccak256(abi.encodePacked(proof.account)));
        Memory.Slice[] memory fields = TrieProof.traverse(stateRoot, key, proof.nodes).decodeList();
        bytes32 code = proof.delegate == address(0) ? NO_CODE : keccak256(abi.encodePacked(DELEGATION, proof.delegate));
        require(fields[3].readBytes32() == code, ICommonBridge.NotEscapable(proof.account));
        return fields[1].readUint256();
    }

    function isDelegated(bytes memory code) internal pure returns (bool) {
        return code.length == 23 && bytes3(code) == DELEGATION;
    }
}
