// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {Memory} from "@openzeppelin/contracts/utils/Memory.sol";
import {RLP} from "@openzeppelin/contracts/utils/RLP.sol";
import {TrieProof} from "@openzeppelin/contracts/utils/cryptography/TrieProof.sol";

import {ICommonBridge} from "../interfaces/ICommonBridge.sol";
import {L2} from "./L2.sol";

/// @title What accounts held in a state of L2, shown by proofs of its tries.
library Escape {
    using RLP for *;

    bytes3 private constant DELEGATION = 0xef0100;
    bytes32 private constant NO_CODE = keccak256("");

    /// Where {ERC20L2} keeps balances, and the token of L1 that it stands for.
    uint256 private constant BALANCES = 0;
    uint256 private constant L1_ADDRESS = 5;

    /// An account of the state, as far as it is looked at.
    struct Account {
        uint256 balance;
        bytes32 storageRoot;
        bytes32 codeHash;
    }

    /// @notice Balance of an account that nobody but its key can have moved: without code, or delegating (EIP-7702).
    function balanceOf(bytes32 stateRoot, ICommonBridge.AccountProof calldata proof) internal pure returns (uint256) {
        Account memory account = _account(stateRoot, proof.account, proof.nodes);
        bytes32 code = proof.delegate == address(0) ? NO_CODE : keccak256(abi.encodePacked(DELEGATION, proof.delegate));
        require(account.codeHash == code, ICommonBridge.NotEscapable(proof.account));
        return account.balance;
    }

    /// @notice Balance of a holder of a token that has the bridge's own code: of other tokens nobody knows what their
    /// storage means.
    function tokenBalanceOf(bytes32 stateRoot, ICommonBridge.TokenProof calldata proof, address holder)
        internal
        pure
        returns (uint256)
    {
        Account memory token = _account(stateRoot, proof.tokenL2, proof.nodes);
        require(token.codeHash == L2.TOKEN_CODE_HASH, ICommonBridge.TokenInvalid(proof.tokenL2));
        uint256 named = _slot(token.storageRoot, bytes32(L1_ADDRESS), proof.l1AddressNodes);
        require(address(uint160(named)) == proof.tokenL1, ICommonBridge.TokenInvalid(proof.tokenL1));
        return _slot(token.storageRoot, keccak256(abi.encode(holder, BALANCES)), proof.balanceNodes);
    }

    function isDelegated(bytes memory code) internal pure returns (bool) {
        return code.length == 23 && bytes3(code) == DELEGATION;
    }

    function _account(bytes32 stateRoot, address account, bytes[] calldata nodes)
        private
        pure
        returns (Account memory)
    {
        bytes memory key = abi.encodePacked(keccak256(abi.encodePacked(account)));
        Memory.Slice[] memory fields = TrieProof.traverse(stateRoot, key, nodes).decodeList();
        return Account(fields[1].readUint256(), fields[2].readBytes32(), fields[3].readBytes32());
    }

    function _slot(bytes32 storageRoot, bytes32 slot, bytes[] calldata nodes) private pure returns (uint256) {
        bytes memory key = abi.encodePacked(keccak256(abi.encodePacked(slot)));
        return TrieProof.traverse(storageRoot, key, nodes).decodeUint256();
    }
}
