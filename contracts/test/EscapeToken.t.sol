// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {TrieProof} from "@openzeppelin/contracts/utils/cryptography/TrieProof.sol";

import {ICommonBridge} from "../src/interfaces/ICommonBridge.sol";
import {Batch} from "../src/interfaces/Types.sol";
import {L2} from "../src/libraries/L2.sol";
import {World} from "./support/World.sol";
import {Holder} from "./Escape.t.sol";
import {Token} from "./support/Tokens.sol";
import {Tries} from "./support/Tries.sol";

contract EscapeTokenTest is World {
    using Tries for Tries.Entry[];

    address private constant TOKEN_L2 = address(0x70ce2);
    uint256 private constant BOOKED = 100 ether;
    uint256 private constant HELD = 30 ether;
    bytes32 private constant EMPTY = keccak256("");

    Token private token;
    /// The last verified batch, and what its state holds.
    Batch private batch;
    Tries.Entry[] private accounts;
    Tries.Entry[] private slots;

    function setUp() public override {
        super.setUp();
        token = new Token();
        token.mint(BOB, 2 * BOOKED);
        vm.startPrank(BOB);
        token.approve(address(bridge), 2 * BOOKED);
        bridge.depositERC20(CHAIN, address(token), TOKEN_L2, BOB, BOOKED);
        vm.stopPrank();
    }

    /// A holder's balance in the storage of the token, and the token in the state.
    function _hold(address holder, uint256 amount) private {
        slots.push(Tries.slot(_balanceSlot(holder), amount));
    }

    function _tokenOf(address tokenL1, bytes32 codeHash) private {
        slots.push(Tries.slot(bytes32(uint256(5)), 18 << 160 | uint160(tokenL1)));
        accounts.push(Tries.account(TOKEN_L2, 0, slots.root(), codeHash));
    }

    function _freeze() private {
        batch = next(last);
        batch.newStateRoot = accounts.root();
        commit(batch);
        verify(batch);
        vm.prank(BOB);
        bridge.deposit{value: 1}(CHAIN, ALICE);
        vm.warp(block.timestamp + TAKEOVER_DELAY);
        proposer.freeze(CHAIN);
    }

    /// Frozen with one holder of a token of the bridge.
    function _frozenWith(address holder, uint256 amount) private {
        _hold(holder, amount);
        _tokenOf(address(token), L2.TOKEN_CODE_HASH);
        _freeze();
    }

    function _balanceSlot(address holder) private pure returns (bytes32) {
        return keccak256(abi.encode(holder, 0));
    }

    function _proof(address holder) private view returns (ICommonBridge.TokenProof memory) {
        return ICommonBridge.TokenProof({
            tokenL1: address(token),
            tokenL2: TOKEN_L2,
            nodes: accounts.prove(keccak256(abi.encodePacked(TOKEN_L2))),
            l1AddressNodes: slots.prove(keccak256(abi.encode(5))),
            balanceNodes: slots.prove(keccak256(abi.encodePacked(_balanceSlot(holder))))
        });
    }

    function _account(address holder) private pure returns (ICommonBridge.AccountProof memory) {
        return ICommonBridge.AccountProof(holder, address(0), new bytes[](0));
    }

    function _shown(address holder, address delegate) private view returns (ICommonBridge.AccountProof memory) {
        return ICommonBridge.AccountProof(holder, delegate, accounts.prove(keccak256(abi.encodePacked(holder))));
    }

    /// From a transaction of the account itself.
    function _escape(address holder, ICommonBridge.TokenProof memory proof) private {
        vm.prank(holder, holder);
        bridge.escapeToken(CHAIN, batch, _account(holder), proof);
    }

    function _expectRefused(address holder, ICommonBridge.TokenProof memory proof, bytes memory reason) private {
        vm.prank(holder, holder);
        vm.expectRevert(reason);
        bridge.escapeToken(CHAIN, batch, _account(holder), proof);
    }

    function test_a_holder_takes_what_it_held_once() public {
        _frozenWith(ALICE, HELD);
        ICommonBridge.TokenProof memory proof = _proof(ALICE);

        vm.expectEmit(address(bridge));
        emit ICommonBridge.Escaped(CHAIN, ALICE, ALICE, address(token), TOKEN_L2, HELD);
        _escape(ALICE, proof);

        vm.assertEq(token.balanceOf(ALICE), HELD);
        vm.assertEq(bridge.book(CHAIN, address(token), TOKEN_L2), BOOKED - HELD);
        _expectRefused(ALICE, proof, abi.encodeWithSelector(ICommonBridge.AlreadyEscaped.selector, ALICE));
    }

    function test_every_holder_and_every_token_counts_for_itself() public {
        _hold(ALICE, HELD);
        _hold(BOB, 2 * HELD);
        _tokenOf(address(token), L2.TOKEN_CODE_HASH);
        accounts.push(Tries.account(ALICE, 0.5 ether, 0, EMPTY));
        vm.prank(BOB);
        bridge.deposit{value: 1 ether}(CHAIN, ALICE);
        _freeze();
        ICommonBridge.AccountProof memory shown = _shown(ALICE, address(0));

        vm.prank(ALICE);
        bridge.escapeCoin(CHAIN, batch, shown);
        _escape(ALICE, _proof(ALICE));
        _escape(BOB, _proof(BOB));

        vm.assertEq(token.balanceOf(ALICE), HELD);
        vm.assertEq(token.balanceOf(BOB), BOOKED + 2 * HELD);
        vm.assertEq(bridge.book(CHAIN, address(token), TOKEN_L2), BOOKED - 3 * HELD);
    }

    function test_nobody_takes_for_another() public {
        _frozenWith(ALICE, HELD);
        ICommonBridge.TokenProof memory proof = _proof(ALICE);

        vm.prank(BOB, BOB);
        vm.expectRevert(abi.encodeWithSelector(ICommonBridge.NotEscapable.selector, ALICE));
        bridge.escapeToken(CHAIN, batch, _account(ALICE), proof);
        vm.prank(BOB, BOB);
        vm.expectRevert();
        bridge.escapeToken(CHAIN, batch, _account(BOB), proof);
    }

    function test_a_contract_takes_what_its_alias_held() public {
        Holder holder = new Holder();
        address alias_ = L2.aliasOf(address(holder));
        _frozenWith(alias_, HELD);

        holder.escape(
            address(bridge), abi.encodeCall(bridge.escapeToken, (CHAIN, batch, _account(alias_), _proof(alias_)))
        );

        vm.assertEq(token.balanceOf(address(holder)), HELD);
    }

    /// The address of a contract of L1 may be another contract's on L2: whose tokens those are is not known.
    function test_a_contract_takes_what_its_address_held_only_where_no_code_was_on_l2() public {
        Holder holder = new Holder();
        Holder stranger = new Holder();
        _hold(address(holder), HELD);
        _hold(address(stranger), HELD);
        _tokenOf(address(token), L2.TOKEN_CODE_HASH);
        accounts.push(Tries.account(address(holder), 1, 0, EMPTY));
        accounts.push(Tries.account(address(stranger), 1, 0, keccak256("code")));
        _freeze();

        vm.expectRevert(abi.encodeWithSelector(TrieProof.TrieProofTraversalError.selector, 13));
        _by(holder, _account(address(holder)));
        bytes memory refused = abi.encodeWithSelector(ICommonBridge.NotEscapable.selector, address(stranger));
        ICommonBridge.AccountProof memory shown = _shown(address(stranger), address(0));
        vm.expectRevert(refused);
        _by(stranger, shown);
        _by(holder, _shown(address(holder), address(0)));

        vm.assertEq(token.balanceOf(address(holder)), HELD);
        vm.assertEq(token.balanceOf(address(stranger)), 0);
    }

    function _by(Holder holder, ICommonBridge.AccountProof memory account) private {
        ICommonBridge.TokenProof memory proof = _proof(address(holder));
        holder.escape(address(bridge), abi.encodeCall(bridge.escapeToken, (CHAIN, batch, account, proof)));
    }

    function test_a_delegating_account_is_itself() public {
        _frozenWith(ALICE, HELD);
        vm.etch(ALICE, abi.encodePacked(hex"ef0100", address(0xde1e)));
        ICommonBridge.TokenProof memory proof = _proof(ALICE);

        vm.prank(ALICE, BOB);
        bridge.escapeToken(CHAIN, batch, _account(ALICE), proof);

        vm.assertEq(token.balanceOf(ALICE), HELD);
    }

    function test_a_token_with_other_code_has_no_escape() public {
        _hold(ALICE, HELD);
        _tokenOf(address(token), keccak256("a token whose slot 0 may be anything"));
        _freeze();

        _expectRefused(ALICE, _proof(ALICE), abi.encodeWithSelector(ICommonBridge.TokenInvalid.selector, TOKEN_L2));
    }

    function test_a_token_pays_in_the_token_that_it_stands_for() public {
        _hold(ALICE, HELD);
        _tokenOf(address(0x07e4), L2.TOKEN_CODE_HASH);
        _freeze();

        _expectRefused(
            ALICE, _proof(ALICE), abi.encodeWithSelector(ICommonBridge.TokenInvalid.selector, address(token))
        );
    }

    /// A token of the bridge whose deployer wrote balances into it empties its own pair, and no other.
    function test_no_pair_pays_more_than_it_took() public {
        _hold(ALICE, BOOKED + 1);
        _hold(BOB, BOOKED);
        _tokenOf(address(token), L2.TOKEN_CODE_HASH);
        vm.startPrank(BOB);
        bridge.depositERC20(CHAIN, address(token), address(1), BOB, BOOKED);
        vm.stopPrank();
        _freeze();

        _expectRefused(
            ALICE, _proof(ALICE), abi.encodeWithSelector(ICommonBridge.BookExceeded.selector, BOOKED, BOOKED + 1)
        );
        _escape(BOB, _proof(BOB));
        vm.assertEq(bridge.book(CHAIN, address(token), TOKEN_L2), 0);
        vm.assertEq(bridge.book(CHAIN, address(token), address(1)), BOOKED);
    }

    function test_a_slot_that_is_not_the_holder_s_shows_nothing() public {
        _hold(BOB, HELD);
        _frozenWith(ALICE, HELD);
        ICommonBridge.TokenProof memory proof = _proof(ALICE);
        proof.balanceNodes = _proof(BOB).balanceNodes;

        vm.prank(ALICE, ALICE);
        vm.expectRevert();
        bridge.escapeToken(CHAIN, batch, _account(ALICE), proof);
    }

    function test_only_the_last_verified_state_of_a_frozen_chain_counts() public {
        _hold(ALICE, HELD);
        _tokenOf(address(token), L2.TOKEN_CODE_HASH);
        batch = last;
        _expectRefused(ALICE, _proof(ALICE), abi.encodeWithSelector(ICommonBridge.NotFrozen.selector, CHAIN));

        _freeze();
        batch.newStateRoot = bytes32(uint256(1));
        _expectRefused(ALICE, _proof(ALICE), abi.encodeWithSelector(ICommonBridge.ProofInvalid.selector));
    }

    function testFuzz_whatever_a_holder_held_comes_out(uint256 key, uint256 amount, uint160 other) public {
        address holder = vm.addr(key % (type(uint128).max) + 1);
        amount = amount % BOOKED + 1;
        vm.assume(address(other) != holder);
        _hold(address(other), BOOKED);
        _frozenWith(holder, amount);

        _escape(holder, _proof(holder));

        vm.assertEq(token.balanceOf(holder), amount);
        vm.assertEq(bridge.book(CHAIN, address(token), TOKEN_L2), BOOKED - amount);
        vm.assertEq(token.balanceOf(address(bridge)), BOOKED - amount);
    }

    function testFuzz_a_changed_byte_of_a_proof_is_refused(uint256 where, uint8 change) public {
        vm.assume(change != 0);
        _hold(BOB, HELD);
        _frozenWith(ALICE, HELD);
        ICommonBridge.TokenProof memory proof = _proof(ALICE);
        bytes[] memory nodes = [proof.nodes, proof.l1AddressNodes, proof.balanceNodes][where % 3];
        bytes memory node = nodes[(where >> 8) % nodes.length];
        uint256 at = (where >> 16) % node.length;
        node[at] = bytes1(uint8(node[at]) ^ change);

        vm.prank(ALICE, ALICE);
        vm.expectRevert();
        bridge.escapeToken(CHAIN, batch, _account(ALICE), proof);
    }

    /// The constant of the bridge is the code that `deploy-token` puts on L2.
    function test_the_code_of_the_bridge_s_tokens_is_the_published_one() public view {
        string memory artifact = vm.readFile("../node/src/ethrex_node/rollup/artifacts/ERC20L2.json");

        vm.assertEq(L2.TOKEN_CODE_HASH, keccak256(vm.parseJsonBytes(artifact, ".deployedBytecode")));
    }
}
