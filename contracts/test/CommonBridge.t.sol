// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {ICommonBridge} from "../src/interfaces/ICommonBridge.sol";
import {ICommonBridgeL2} from "../src/interfaces/ICommonBridgeL2.sol";
import {IOnChainProposer} from "../src/interfaces/IOnChainProposer.sol";
import {IVerifierRegistry} from "../src/interfaces/IVerifierRegistry.sol";
import {ChainParameters} from "../src/interfaces/Types.sol";
import {Kinds} from "../src/libraries/Kinds.sol";
import {L2} from "../src/libraries/L2.sol";
import {FeeToken, ReentrantToken, Token} from "./support/Tokens.sol";
import {World} from "./support/World.sol";

contract DepositTest is World {
    event PrivilegedTxSent(
        uint256 indexed chainId,
        uint64 indexed index,
        address indexed l1From,
        address from,
        address to,
        uint256 value,
        uint256 gasLimit,
        bytes data,
        uint64 deadline,
        bytes32 queueHash
    );

    function test_a_deposit_is_an_item_of_the_queue_and_booked() public {
        bytes memory data = abi.encodeCall(ICommonBridgeL2.mintETH, (BOB, ALICE));
        bytes32 item = keccak256(
            abi.encodePacked(
                CHAIN, L2.BRIDGE, L2.BRIDGE, uint256(0), uint256(3 ether), bridge.DEPOSIT_GAS(), keccak256(data)
            )
        );
        bytes32 hash = keccak256(abi.encode(bytes32(0), item));
        uint64 deadline = uint64(block.timestamp) + INCLUSION_DELAY;
        uint256 gasLimit = bridge.DEPOSIT_GAS();
        vm.expectEmit(address(bridge));
        emit PrivilegedTxSent(CHAIN, 0, ALICE, L2.BRIDGE, L2.BRIDGE, 3 ether, gasLimit, data, deadline, hash);

        vm.prank(ALICE);
        bridge.deposit{value: 3 ether}(CHAIN, BOB);

        vm.assertEq(bridge.queueHash(CHAIN, 1), hash);
        vm.assertEq(bridge.queueLength(CHAIN), 1);
        vm.assertEq(bridge.book(CHAIN, L2.COIN, L2.COIN), 3 ether);
    }

    function test_nothing_and_nobody_and_unknown_chains_are_refused() public {
        vm.expectRevert(ICommonBridge.AmountZero.selector);
        bridge.deposit(CHAIN, BOB);
        vm.prank(ALICE);
        vm.expectRevert(ICommonBridge.RecipientZero.selector);
        bridge.deposit{value: 1}(CHAIN, address(0));
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(IOnChainProposer.ChainUnknown.selector, 8));
        bridge.deposit{value: 1}(8, BOB);
    }

    function test_of_a_token_what_arrives_is_booked_and_minted() public {
        FeeToken token = new FeeToken();
        token.mint(ALICE, 100);
        vm.startPrank(ALICE);
        token.approve(address(bridge), 100);
        bridge.depositERC20(CHAIN, address(token), BOB, ALICE, 100);
        vm.stopPrank();

        vm.assertEq(bridge.book(CHAIN, address(token), BOB), 90);
    }

    function test_a_token_cannot_pass_for_the_coin_nor_nothing_for_a_token() public {
        Token token = new Token();
        vm.expectRevert(abi.encodeWithSelector(ICommonBridge.TokenInvalid.selector, L2.COIN));
        bridge.depositERC20(CHAIN, L2.COIN, BOB, ALICE, 1);
        vm.expectRevert(abi.encodeWithSelector(ICommonBridge.TokenInvalid.selector, L2.COIN));
        bridge.depositERC20(CHAIN, address(token), L2.COIN, ALICE, 1);
    }

    function test_a_token_that_calls_back_deposits_nothing_twice() public {
        ReentrantToken token = new ReentrantToken(bridge, CHAIN);
        token.mint(ALICE, 100);
        vm.startPrank(ALICE);
        token.approve(address(bridge), 100);
        bridge.depositERC20(CHAIN, address(token), BOB, ALICE, 100);
        vm.stopPrank();

        vm.assertEq(token.entered(), 0);
        vm.assertEq(bridge.queueLength(CHAIN), 1);
        vm.assertEq(bridge.book(CHAIN, address(token), BOB), 100);
    }

    function test_a_chain_with_a_native_token_takes_that_and_no_ether() public {
        Token token = new Token();
        ChainParameters memory chain = parameters(7);
        chain.nativeToken = address(token);
        register(chain);
        token.mint(ALICE, 10);
        vm.startPrank(ALICE);
        token.approve(address(bridge), 10);
        vm.expectRevert(abi.encodeWithSelector(ICommonBridge.NativeTokenMismatch.selector, address(token)));
        bridge.deposit{value: 1}(7, ALICE);
        vm.expectRevert(abi.encodeWithSelector(ICommonBridge.NativeTokenMismatch.selector, address(0)));
        bridge.depositNative(CHAIN, ALICE, 1);

        bridge.depositNative(7, ALICE, 10);

        vm.stopPrank();
        vm.assertEq(bridge.book(7, L2.COIN, L2.COIN), 10);
        vm.assertEq(token.balanceOf(address(bridge)), 10);
    }

    function test_genesis_balances_are_paid_in_but_on_a_dev_l1() public {
        ChainParameters memory chain = parameters(7);
        chain.genesisBalance = 5 ether;
        register(chain);
        vm.assertEq(bridge.book(7, L2.COIN, L2.COIN), 0);

        vm.chainId(1);
        chain.chainId = 8;
        vm.prank(OWNER);
        vm.expectRevert(abi.encodeWithSelector(ICommonBridge.GenesisBalanceMissing.selector, 5 ether, 0));
        proposer.registerChain(chain, SALT);
        vm.deal(OWNER, 5 ether);
        vm.prank(OWNER);
        proposer.registerChain{value: 5 ether}(chain, SALT);
        vm.assertEq(bridge.book(8, L2.COIN, L2.COIN), 5 ether);
    }
}

contract SendTest is World {
    function test_accounts_keep_their_address_contracts_get_an_alias() public {
        _send(ALICE, ALICE, ALICE);
        address contract_ = address(new Token());
        vm.deal(contract_, 1 ether);
        unchecked {
            _send(contract_, ALICE, address(uint160(contract_) + uint160(0xEe110000000000000000000000000000000011Ff)));
        }
        vm.etch(BOB, abi.encodePacked(hex"ef0100", contract_));
        _send(BOB, ALICE, BOB);
    }

    function test_gas_is_paid_for_and_the_rest_comes_back() public {
        uint256 fee = bridge.queueFee(100_000);
        vm.assertEq(fee, 100_000 * 10 gwei);
        vm.startPrank(ALICE, ALICE);
        vm.expectRevert(abi.encodeWithSelector(ICommonBridge.FeeTooLow.selector, fee, fee - 1));
        bridge.sendToL2{value: fee - 1}(CHAIN, _values(100_000, ""));
        bridge.sendToL2{value: 1 ether}(CHAIN, _values(100_000, ""));
        vm.stopPrank();

        vm.assertEq(ALICE.balance, 1_000 ether - fee);
        vm.assertEq(bridge.book(CHAIN, L2.COIN, L2.COIN), 0);
    }

    function test_what_l2_or_a_prover_could_not_run_is_refused() public {
        vm.deal(ALICE, 1e9 ether);
        _refused(abi.encodeWithSelector(ICommonBridge.GasLimitTooLow.selector, 21_040, 21_039), 21_039, "x");
        _refused(abi.encodeWithSelector(ICommonBridge.GasLimitTooHigh.selector, 7_500_000, 7_500_001), 7_500_001, "");
        _refused(
            abi.encodeWithSelector(ICommonBridge.DataTooLarge.selector, 32_768, 32_769), 7_000_000, new bytes(32_769)
        );
    }

    function test_a_block_of_l1_asks_for_half_a_block_at_most() public {
        vm.deal(ALICE, 1e9 ether);
        vm.startPrank(ALICE, ALICE);
        bridge.sendToL2{value: 1 ether}(CHAIN, _values(7_500_000, ""));
        bridge.sendToL2{value: 1 ether}(CHAIN, _values(7_400_000, ""));
        vm.stopPrank();
        _refused(abi.encodeWithSelector(ICommonBridge.QueueGasExhausted.selector, 100_000, 100_001), 100_001, "");
        vm.roll(block.number + 1);
        vm.prank(ALICE, ALICE);
        bridge.sendToL2{value: 1 ether}(CHAIN, _values(7_500_000, ""));
    }

    function test_anybody_tells_l2_of_this_block_of_l1_for_what_the_gas_costs() public {
        vm.roll(77);
        vm.blobBaseFee(50_000_000); // forge takes it for the excess of blob gas
        uint256 gasLimit = bridge.L1_INFO_GAS();
        uint256 fee = bridge.queueFee(gasLimit);
        vm.startPrank(BOB);
        vm.expectRevert(abi.encodeWithSelector(ICommonBridge.FeeTooLow.selector, fee, fee - 1));
        bridge.sendL1Info{value: fee - 1}(CHAIN);
        bridge.sendL1Info{value: 1 ether}(CHAIN);
        vm.stopPrank();

        bytes memory data = abi.encodeWithSignature(
            "setL1Block(uint64,uint64,uint256,uint256,bytes32)",
            77,
            block.timestamp,
            10 gwei,
            block.blobbasefee,
            blockhash(76)
        );
        bytes32 item = keccak256(
            abi.encodePacked(CHAIN, L2.BRIDGE, L2.L1_INFO, uint256(0), uint256(0), gasLimit, keccak256(data))
        );
        vm.assertTrue(blockhash(76) != 0 && block.blobbasefee > 1);
        vm.assertEq(bridge.queueHash(CHAIN, 1), keccak256(abi.encode(bytes32(0), item)));
        vm.assertEq(BOB.balance, 1_000 ether - fee);
        vm.assertEq(bridge.book(CHAIN, L2.COIN, L2.COIN), 0);
    }

    function test_telling_of_l1_counts_towards_what_a_block_of_l1_may_ask_for() public {
        vm.deal(ALICE, 1e9 ether);
        vm.startPrank(ALICE, ALICE);
        bridge.sendToL2{value: 1 ether}(CHAIN, _values(7_500_000, ""));
        bridge.sendToL2{value: 1 ether}(CHAIN, _values(7_499_999, ""));
        vm.expectRevert(abi.encodeWithSelector(ICommonBridge.QueueGasExhausted.selector, 1, 150_000));
        bridge.sendL1Info{value: 1 ether}(CHAIN);
        vm.stopPrank();
    }

    function test_the_owner_calls_as_the_bridge_what_keeps_prices_and_nothing_else() public {
        address[3] memory keepers = [L2.FEE_TOKEN_REGISTRY, L2.FEE_TOKEN_PRICER, L2.GAS_PRICE_ORACLE];
        vm.startPrank(OWNER);
        for (uint256 i = 0; i < keepers.length; ++i) {
            bridge.callAsL2Bridge(CHAIN, keepers[i], 100_000, "");
        }
        vm.expectRevert(abi.encodeWithSelector(ICommonBridge.TokenInvalid.selector, L2.L1_INFO));
        bridge.callAsL2Bridge(CHAIN, L2.L1_INFO, 100_000, "");
        vm.stopPrank();

        vm.assertEq(bridge.queueLength(CHAIN), 3);
        vm.expectRevert();
        bridge.callAsL2Bridge(CHAIN, L2.GAS_PRICE_ORACLE, 100_000, "");
    }

    function test_predeploys_are_upgraded_by_the_owner_as_their_admin() public {
        vm.expectRevert();
        bridge.upgradeL2Contract(CHAIN, L2.BRIDGE, BOB, 100_000, "");

        vm.prank(OWNER);
        bridge.upgradeL2Contract(CHAIN, L2.BRIDGE, BOB, 100_000, "");

        bytes memory data = abi.encodeWithSignature("upgradeToAndCall(address,bytes)", BOB, "");
        bytes32 item = keccak256(
            abi.encodePacked(
                CHAIN, L2.PROXY_ADMIN, L2.BRIDGE, uint256(0), uint256(0), uint256(100_000), keccak256(data)
            )
        );
        vm.assertEq(bridge.queueHash(CHAIN, 1), keccak256(abi.encode(bytes32(0), item)));
    }

    function _refused(bytes memory reason, uint256 gasLimit, bytes memory data) private {
        vm.prank(ALICE, ALICE);
        vm.expectRevert(reason);
        bridge.sendToL2{value: 1 ether}(CHAIN, _values(gasLimit, data));
    }

    function _send(address sender, address origin, address expected) private {
        uint64 index = bridge.queueLength(CHAIN);
        bytes32 before = bridge.queueHash(CHAIN, index);
        uint256 fee = bridge.queueFee(100_000);
        vm.prank(sender, origin);
        bridge.sendToL2{value: fee}(CHAIN, _values(100_000, "data"));
        bytes32 item = keccak256(
            abi.encodePacked(
                CHAIN, expected, BOB, uint256(index), uint256(4), uint256(100_000), keccak256(bytes("data"))
            )
        );

        vm.assertEq(bridge.queueHash(CHAIN, index + 1), keccak256(abi.encode(before, item)));
    }

    function _values(uint256 gasLimit, bytes memory data) private view returns (ICommonBridge.SendValues memory) {
        return ICommonBridge.SendValues(BOB, gasLimit, 4, data);
    }
}

contract ClaimTest is World {
    function test_a_withdrawal_is_paid_once_after_the_delay_whoever_calls() public {
        ICommonBridge.Withdrawal memory withdrawal = _withdrawn(1 ether, 1);
        uint64 claimableAt = uint64(block.timestamp) + EXECUTION_DELAY;
        vm.expectRevert(abi.encodeWithSelector(ICommonBridge.NotYetClaimable.selector, claimableAt));
        bridge.claimWithdrawal(CHAIN, withdrawal, new bytes32[](0));
        vm.warp(claimableAt);

        bridge.claimWithdrawal(CHAIN, withdrawal, new bytes32[](0));

        vm.assertEq(BOB.balance, 1_001 ether);
        vm.assertEq(bridge.book(CHAIN, L2.COIN, L2.COIN), 9 ether);
        vm.assertTrue(bridge.isClaimed(CHAIN, 1));
        vm.expectRevert(abi.encodeWithSelector(ICommonBridge.AlreadyClaimed.selector, 1));
        bridge.claimWithdrawal(CHAIN, withdrawal, new bytes32[](0));
    }

    function test_every_part_of_a_withdrawal_is_proven() public {
        ICommonBridge.Withdrawal memory good = _withdrawn(1 ether, 1);
        vm.warp(block.timestamp + EXECUTION_DELAY);
        ICommonBridge.Withdrawal[5] memory others = [_copy(good), _copy(good), _copy(good), _copy(good), _copy(good)];
        others[0].amount += 1;
        others[1].receiver = ALICE;
        others[2].messageId = 2;
        others[3].tokenL1 = ALICE;
        others[4].tokenL2 = ALICE;
        for (uint256 i = 0; i < others.length; ++i) {
            vm.expectRevert(ICommonBridge.ProofInvalid.selector);
            bridge.claimWithdrawal(CHAIN, others[i], new bytes32[](0));
        }
        bridge.claimWithdrawal(CHAIN, good, new bytes32[](0));
    }

    function test_a_batch_without_messages_pays_nothing() public {
        settle(0);
        vm.warp(block.timestamp + EXECUTION_DELAY);

        vm.expectRevert(ICommonBridge.ProofInvalid.selector);
        bridge.claimWithdrawal(CHAIN, coinWithdrawal(BOB, 1, 1, 1), new bytes32[](0));
    }

    function test_unverified_and_reverted_batches_pay_nothing() public {
        ICommonBridge.Withdrawal memory withdrawal = _withdrawn(1 ether, 1);
        vm.prank(GUARDIAN);
        proposer.revertBatches(CHAIN, 0);
        vm.warp(block.timestamp + EXECUTION_DELAY);

        vm.expectRevert(abi.encodeWithSelector(IOnChainProposer.BatchUnknown.selector, 1, 0, 0));
        bridge.claimWithdrawal(CHAIN, withdrawal, new bytes32[](0));
    }

    function test_a_chain_cannot_touch_another_s_books() public {
        register(parameters(7));
        setPolicy(7, IVerifierRegistry.Policy(Kinds.bit(Kinds.ATTESTED), 1, false, 0));
        registerVersion(7, VERSION);
        vm.prank(ALICE);
        bridge.deposit{value: 10 ether}(CHAIN, ALICE);
        last = genesis(parameters(7));
        ICommonBridge.Withdrawal memory withdrawal = coinWithdrawal(BOB, 1 ether, 1, 1);
        settle(leafOf(withdrawal));

        vm.expectRevert(abi.encodeWithSelector(ICommonBridge.BookExceeded.selector, 0, 1 ether));
        bridge.claimWithdrawal(7, withdrawal, new bytes32[](0));
        vm.expectRevert(abi.encodeWithSelector(IOnChainProposer.BatchUnknown.selector, 1, 0, 0));
        bridge.claimWithdrawal(CHAIN, withdrawal, new bytes32[](0));
    }

    function test_a_false_token_of_l2_drains_its_own_pair_only() public {
        Token token = new Token();
        token.mint(ALICE, 100);
        address good = address(0xa1);
        address bad = address(0xbad);
        vm.startPrank(ALICE);
        token.approve(address(bridge), 100);
        bridge.depositERC20(CHAIN, address(token), good, ALICE, 60);
        bridge.depositERC20(CHAIN, address(token), bad, ALICE, 40);
        vm.stopPrank();
        ICommonBridge.Withdrawal memory withdrawal = ICommonBridge.Withdrawal(address(token), bad, BOB, 41, 1, 1);
        settle(leafOf(withdrawal));
        vm.warp(block.timestamp + EXECUTION_DELAY);

        vm.expectRevert(abi.encodeWithSelector(ICommonBridge.BookExceeded.selector, 40, 41));
        bridge.claimWithdrawal(CHAIN, withdrawal, new bytes32[](0));
        vm.assertEq(bridge.book(CHAIN, address(token), good), 60);
    }

    function test_the_native_token_is_paid_out_for_the_coin() public {
        Token token = new Token();
        ChainParameters memory chain = parameters(7);
        chain.nativeToken = address(token);
        register(chain);
        setPolicy(7, IVerifierRegistry.Policy(Kinds.bit(Kinds.ATTESTED), 1, false, 0));
        registerVersion(7, VERSION);
        token.mint(ALICE, 10);
        vm.startPrank(ALICE);
        token.approve(address(bridge), 10);
        bridge.depositNative(7, ALICE, 10);
        vm.stopPrank();
        last = genesis(chain);
        ICommonBridge.Withdrawal memory withdrawal = coinWithdrawal(BOB, 4, 1, 1);
        settle(leafOf(withdrawal));

        bridge.claimWithdrawal(7, withdrawal, new bytes32[](0));

        vm.assertEq(token.balanceOf(BOB), 4);
    }

    function test_a_receiver_that_refuses_can_be_paid_later() public {
        address receiver = address(new Token());
        vm.prank(ALICE);
        bridge.deposit{value: 1 ether}(CHAIN, ALICE);
        ICommonBridge.Withdrawal memory withdrawal = coinWithdrawal(receiver, 1 ether, 1, 1);
        settle(leafOf(withdrawal));
        vm.warp(block.timestamp + EXECUTION_DELAY);

        vm.expectRevert(abi.encodeWithSelector(ICommonBridge.PaymentFailed.selector, receiver, 1 ether));
        bridge.claimWithdrawal(CHAIN, withdrawal, new bytes32[](0));
        vm.assertFalse(bridge.isClaimed(CHAIN, 1));
    }

    /// A verified batch that holds one withdrawal, of ten deposited ether.
    function _withdrawn(uint256 amount, uint256 messageId) private returns (ICommonBridge.Withdrawal memory made) {
        vm.prank(ALICE);
        bridge.deposit{value: 10 ether}(CHAIN, ALICE);
        made = coinWithdrawal(BOB, amount, last.number + 1, messageId);
        settle(leafOf(made));
    }

    function _copy(ICommonBridge.Withdrawal memory of_) private pure returns (ICommonBridge.Withdrawal memory) {
        return
            ICommonBridge.Withdrawal(of_.tokenL1, of_.tokenL2, of_.receiver, of_.amount, of_.batchNumber, of_.messageId);
    }
}

contract RefundTest is World {
    function test_after_a_freeze_deposits_that_no_verified_batch_took_go_back_once() public {
        vm.prank(ALICE);
        bridge.deposit{value: 1 ether}(CHAIN, BOB);
        settle(0);
        Token token = new Token();
        token.mint(ALICE, 50);
        vm.startPrank(ALICE);
        token.approve(address(bridge), 50);
        bridge.depositERC20(CHAIN, address(token), BOB, BOB, 50);
        bridge.deposit{value: 2 ether}(CHAIN, BOB);
        vm.stopPrank();
        vm.prank(BOB, BOB);
        bridge.sendToL2{value: 1 ether}(CHAIN, ICommonBridge.SendValues(ALICE, 100_000, 7, ""));
        ICommonBridge.QueueItem memory taken = _coin(0, 1 ether);
        ICommonBridge.QueueItem memory coin = _coin(2, 2 ether);
        ICommonBridge.QueueItem memory called = ICommonBridge.QueueItem(BOB, ALICE, 3, 7, 100_000, "");
        bytes memory mint = abi.encodeCall(ICommonBridgeL2.mintERC20, (address(token), BOB, BOB, ALICE, 50));
        ICommonBridge.QueueItem memory tokens =
            ICommonBridge.QueueItem(L2.BRIDGE, L2.BRIDGE, 1, 0, bridge.DEPOSIT_ERC20_GAS(), mint);
        _refused(coin, abi.encodeWithSelector(ICommonBridge.NotFrozen.selector, CHAIN));
        vm.warp(block.timestamp + TAKEOVER_DELAY);
        proposer.freeze(CHAIN);

        _refused(taken, abi.encodeWithSelector(ICommonBridge.NothingToRefund.selector, 0));
        _refused(called, abi.encodeWithSelector(ICommonBridge.NothingToRefund.selector, 3));
        coin.value = 3 ether;
        _refused(coin, abi.encodeWithSelector(ICommonBridge.ItemMismatch.selector, 2));
        coin.value = 2 ether;
        uint256 before = ALICE.balance;
        bridge.refundQueueItem(CHAIN, coin);
        bridge.refundQueueItem(CHAIN, tokens);

        vm.assertEq(ALICE.balance, before + 2 ether);
        vm.assertEq(token.balanceOf(ALICE), 50);
        vm.assertEq(bridge.book(CHAIN, L2.COIN, L2.COIN), 1 ether);
        _refused(coin, abi.encodeWithSelector(ICommonBridge.AlreadyRefunded.selector, 2));
    }

    function _refused(ICommonBridge.QueueItem memory item, bytes memory reason) private {
        vm.expectRevert(reason);
        bridge.refundQueueItem(CHAIN, item);
    }

    function _coin(uint64 index, uint256 value) private view returns (ICommonBridge.QueueItem memory) {
        bytes memory data = abi.encodeCall(ICommonBridgeL2.mintETH, (BOB, ALICE));
        return ICommonBridge.QueueItem(L2.BRIDGE, L2.BRIDGE, index, value, bridge.DEPOSIT_GAS(), data);
    }
}
