// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {RLP} from "@openzeppelin/contracts/utils/RLP.sol";

import {ICommonBridge} from "../src/interfaces/ICommonBridge.sol";
import {Batch} from "../src/interfaces/Types.sol";
import {L2} from "../src/libraries/L2.sol";
import {World} from "./support/World.sol";

/// A contract of L1 that has coin on L2 at its alias.
contract Holder {
    function escape(address bridge, bytes calldata call) external {
        (bool done, bytes memory why) = bridge.call(call);
        if (!done) {
            assembly ("memory-safe") {
                revert(add(why, 32), mload(why))
            }
        }
    }

    receive() external payable {}
}

contract EscapeTest is World {
    using RLP for *;

    uint256 private constant BALANCE = 3 ether;

    /// A frozen chain whose last verified state holds one account with this code.
    function _frozenWith(address account, bytes memory code)
        private
        returns (Batch memory batch, bytes[] memory nodes)
    {
        vm.prank(BOB);
        bridge.deposit{value: 10 ether}(CHAIN, ALICE);
        nodes = new bytes[](1);
        nodes[0] = _leaf(account, keccak256(code));
        batch = next(last);
        batch.newStateRoot = keccak256(nodes[0]);
        commit(batch);
        verify(batch);
        vm.prank(BOB);
        bridge.deposit{value: 1}(CHAIN, ALICE);
        vm.warp(block.timestamp + TAKEOVER_DELAY);
        proposer.freeze(CHAIN);
    }

    /// The trie of one account: a leaf, whose path is the whole key.
    function _leaf(address account, bytes32 codeHash) private pure returns (bytes memory) {
        bytes[] memory fields = new bytes[](4);
        (fields[0], fields[1]) = (RLP.encode(uint256(7)), RLP.encode(BALANCE));
        (fields[2], fields[3]) =
        (RLP.encode(abi.encodePacked(bytes32(uint256(1)))), RLP.encode(abi.encodePacked(codeHash)));
        bytes[] memory leaf = new bytes[](2);
        leaf[0] = RLP.encode(abi.encodePacked(bytes1(0x20), keccak256(abi.encodePacked(account))));
        leaf[1] = RLP.encode(RLP.encode(fields));
        return RLP.encode(leaf);
    }

    function test_an_account_takes_what_it_held_once() public {
        (Batch memory batch, bytes[] memory nodes) = _frozenWith(ALICE, "");
        uint256 before = ALICE.balance;

        vm.startPrank(ALICE);
        bridge.escapeCoin(CHAIN, batch, ICommonBridge.AccountProof(ALICE, address(0), nodes));

        vm.assertEq(ALICE.balance, before + BALANCE);
        vm.expectRevert(abi.encodeWithSelector(ICommonBridge.AlreadyEscaped.selector, ALICE));
        bridge.escapeCoin(CHAIN, batch, ICommonBridge.AccountProof(ALICE, address(0), nodes));
        vm.stopPrank();
    }

    function test_nobody_takes_for_another() public {
        (Batch memory batch, bytes[] memory nodes) = _frozenWith(ALICE, "");

        vm.expectRevert(abi.encodeWithSelector(ICommonBridge.NotEscapable.selector, ALICE));
        bridge.escapeCoin(CHAIN, batch, ICommonBridge.AccountProof(ALICE, address(0), nodes));
        vm.prank(BOB);
        vm.expectRevert();
        bridge.escapeCoin(CHAIN, batch, ICommonBridge.AccountProof(BOB, address(0), nodes));
    }

    function test_a_delegating_account_escapes_a_contract_does_not() public {
        address delegate = address(0xde1e);
        (Batch memory batch, bytes[] memory nodes) = _frozenWith(ALICE, abi.encodePacked(hex"ef0100", delegate));

        vm.startPrank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(ICommonBridge.NotEscapable.selector, ALICE));
        bridge.escapeCoin(CHAIN, batch, ICommonBridge.AccountProof(ALICE, address(0), nodes));
        vm.expectRevert(abi.encodeWithSelector(ICommonBridge.NotEscapable.selector, ALICE));
        bridge.escapeCoin(CHAIN, batch, ICommonBridge.AccountProof(ALICE, address(1), nodes));
        bridge.escapeCoin(CHAIN, batch, ICommonBridge.AccountProof(ALICE, delegate, nodes));
        vm.stopPrank();
    }

    function test_a_contract_takes_what_its_alias_held() public {
        Holder holder = new Holder();
        address alias_ = L2.aliasOf(address(holder));
        (Batch memory batch, bytes[] memory nodes) = _frozenWith(alias_, "");

        holder.escape(
            address(bridge),
            abi.encodeCall(bridge.escapeCoin, (CHAIN, batch, ICommonBridge.AccountProof(alias_, address(0), nodes)))
        );

        vm.assertEq(address(holder).balance, BALANCE);
    }

    function test_only_the_last_verified_state_of_a_frozen_chain_counts() public {
        bytes[] memory nodes = new bytes[](1);
        nodes[0] = _leaf(ALICE, keccak256(""));
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(ICommonBridge.NotFrozen.selector, CHAIN));
        bridge.escapeCoin(CHAIN, last, ICommonBridge.AccountProof(ALICE, address(0), nodes));

        (Batch memory batch,) = _frozenWith(BOB, "");
        batch.newStateRoot = keccak256(nodes[0]);
        vm.prank(ALICE);
        vm.expectRevert(ICommonBridge.ProofInvalid.selector);
        bridge.escapeCoin(CHAIN, batch, ICommonBridge.AccountProof(ALICE, address(0), nodes));
    }
}
