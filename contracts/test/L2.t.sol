// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {ICommonBridgeL2} from "../src/interfaces/ICommonBridgeL2.sol";
import {IERC20L2} from "../src/interfaces/IERC20L2.sol";
import {IFeeTokenPricer, IFeeTokenRegistry} from "../src/interfaces/IFeeTokens.sol";
import {IGasPriceOracle} from "../src/interfaces/IGasPriceOracle.sol";
import {IL1Info} from "../src/interfaces/IL1Info.sol";
import {IMessenger} from "../src/interfaces/IMessenger.sol";
import {IPredeployProxy} from "../src/interfaces/IPredeployProxy.sol";
import {CommonBridgeL2} from "../src/l2/CommonBridgeL2.sol";
import {ERC20L2} from "../src/l2/ERC20L2.sol";
import {FeeTokenPricer} from "../src/l2/FeeTokenPricer.sol";
import {FeeTokenRegistry} from "../src/l2/FeeTokenRegistry.sol";
import {GasPriceOracle} from "../src/l2/GasPriceOracle.sol";
import {L1Info} from "../src/l2/L1Info.sol";
import {Messenger} from "../src/l2/Messenger.sol";
import {PredeployProxy} from "../src/l2/PredeployProxy.sol";
import {L2} from "../src/libraries/L2.sol";
import {Test} from "./support/Test.sol";

/// Takes no coin, and tries to use all gas in refusing it.
contract Refuser {
    receive() external payable {
        while (true) {}
    }
}

/// Says that it stands for a token, and mints nothing.
contract BrokenToken {
    address public l1Address = address(0x11);

    function crosschainMint(address, uint256) external pure {
        revert("no");
    }
}

/// The predeploys as a genesis has them: code at their addresses, behind proxies.
contract PredeploysTest is Test {
    CommonBridgeL2 private constant BRIDGE = CommonBridgeL2(L2.BRIDGE);
    address private constant TOKEN_L1 = address(0x11);
    address private constant ALICE = address(0xa11ce0000);
    address private constant DEPOSITOR = address(0xde90517);
    bytes32 private constant IMPLEMENTATION = 0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc;

    ERC20L2 private token;

    event L1Message(address indexed sender, bytes32 indexed data, uint256 indexed messageId);

    function setUp() public {
        bytes memory proxy = address(new PredeployProxy()).code;
        _predeploy(L2.BRIDGE, proxy, address(new CommonBridgeL2()));
        _predeploy(L2.MESSENGER, proxy, address(new Messenger()));
        _predeploy(L2.FEE_TOKEN_REGISTRY, proxy, address(new FeeTokenRegistry()));
        _predeploy(L2.FEE_TOKEN_PRICER, proxy, address(new FeeTokenPricer()));
        _predeploy(L2.L1_INFO, proxy, address(new L1Info()));
        _predeploy(L2.GAS_PRICE_ORACLE, proxy, address(new GasPriceOracle()));
        token = new ERC20L2("Token", "TOK", 6, TOKEN_L1);
        vm.deal(ALICE, 10 ether);
        vm.deal(L2.BRIDGE, 10 ether);
    }

    function _predeploy(address at, bytes memory proxy, address code) private {
        address implementation = address(uint160(at) ^ 0x1000);
        vm.etch(implementation, code.code);
        vm.etch(at, proxy);
        vm.store(at, IMPLEMENTATION, bytes32(uint256(uint160(implementation))));
    }

    function test_withdrawn_coin_is_burned_and_told_to_l1() public {
        _expectMessage(L2.COIN, L2.COIN, ALICE, 3 ether, 1);
        vm.prank(ALICE);
        BRIDGE.withdraw{value: 3 ether}(ALICE);

        vm.assertEq(L2.BRIDGE.balance, 10 ether);
        vm.assertEq(address(0).balance, 3 ether);
        _expectMessage(L2.COIN, L2.COIN, DEPOSITOR, 1 ether, 2);
        vm.prank(ALICE);
        BRIDGE.withdraw{value: 1 ether}(DEPOSITOR);
    }

    function test_nothing_is_not_withdrawn_nor_to_nobody() public {
        vm.expectRevert(ICommonBridgeL2.AmountZero.selector);
        BRIDGE.withdraw(ALICE);
        vm.expectRevert(ICommonBridgeL2.ReceiverZero.selector);
        BRIDGE.withdraw{value: 1}(address(0));
    }

    function test_a_deposit_reaches_its_recipient() public {
        vm.prank(L2.BRIDGE);
        BRIDGE.mintETH{value: 2 ether}(DEPOSITOR, ALICE);

        vm.assertEq(DEPOSITOR.balance, 2 ether);
    }

    function test_coin_that_is_refused_goes_back_to_the_depositor_within_the_item_s_gas() public {
        address refuser = address(new Refuser());
        _expectMessage(L2.COIN, L2.COIN, DEPOSITOR, 2 ether, 1);

        vm.prank(L2.BRIDGE);
        BRIDGE.mintETH{value: 2 ether, gas: 270_000}(refuser, DEPOSITOR);

        vm.assertEq(refuser.balance, 0);
    }

    function test_only_the_queue_mints() public {
        vm.expectRevert(abi.encodeWithSelector(ICommonBridgeL2.NotQueue.selector, address(this)));
        BRIDGE.mintETH{value: 1}(ALICE, ALICE);
        vm.expectRevert(abi.encodeWithSelector(ICommonBridgeL2.NotQueue.selector, address(this)));
        BRIDGE.mintERC20(TOKEN_L1, address(token), ALICE, ALICE, 1);
        vm.expectRevert(abi.encodeWithSelector(ICommonBridgeL2.NotQueue.selector, address(this)));
        BRIDGE.tryMint(TOKEN_L1, address(token), ALICE, 1);
        vm.expectRevert(abi.encodeWithSelector(IERC20L2.NotBridge.selector, address(this)));
        token.crosschainMint(ALICE, 1);
        vm.expectRevert(abi.encodeWithSelector(IMessenger.NotBridge.selector, address(this)));
        IMessenger(L2.MESSENGER).sendMessageToL1(0);
    }

    function test_a_deposit_s_recipient_cannot_be_the_bridge_itself() public {
        _expectMessage(L2.COIN, L2.COIN, DEPOSITOR, 1 ether, 1);
        vm.prank(L2.BRIDGE);
        BRIDGE.mintETH{value: 1 ether}(L2.BRIDGE, DEPOSITOR);
    }

    function test_tokens_come_and_go() public {
        vm.prank(L2.BRIDGE);
        BRIDGE.mintERC20(TOKEN_L1, address(token), ALICE, DEPOSITOR, 5);
        vm.assertEq(token.balanceOf(ALICE), 5);
        vm.assertEq(token.decimals(), 6);

        _expectMessage(TOKEN_L1, address(token), DEPOSITOR, 4, 1);
        vm.prank(ALICE);
        BRIDGE.withdrawERC20(TOKEN_L1, address(token), DEPOSITOR, 4);
        vm.assertEq(token.balanceOf(ALICE), 1);
    }

    function test_tokens_that_cannot_be_minted_go_back() public {
        address[4] memory bad = [address(new BrokenToken()), address(0x99), L2.BRIDGE, address(new Refuser())];
        for (uint256 i = 0; i < bad.length; ++i) {
            _expectMessage(TOKEN_L1, bad[i], DEPOSITOR, 5, i + 1);
            vm.prank(L2.BRIDGE);
            BRIDGE.mintERC20{gas: 470_000}(TOKEN_L1, bad[i], ALICE, DEPOSITOR, 5);
        }
        address other = address(0x12);
        _expectMessage(other, address(token), DEPOSITOR, 5, 5);
        vm.prank(L2.BRIDGE);
        BRIDGE.mintERC20(other, address(token), ALICE, DEPOSITOR, 5);
    }

    function test_a_token_is_not_withdrawn_as_another_one() public {
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(ICommonBridgeL2.TokenMismatch.selector, TOKEN_L1, ALICE));
        BRIDGE.withdrawERC20(ALICE, address(token), ALICE, 1);
        vm.expectRevert(abi.encodeWithSelector(ICommonBridgeL2.TokenInvalid.selector, L2.COIN));
        BRIDGE.withdrawERC20(L2.COIN, L2.COIN, ALICE, 1);
    }

    function test_only_the_admin_upgrades_and_it_does_nothing_else() public {
        address changed = address(new FeeTokenPricer());
        vm.expectRevert();
        IPredeployProxy(L2.FEE_TOKEN_REGISTRY).upgradeToAndCall(changed, "");
        vm.prank(L2.PROXY_ADMIN);
        vm.expectRevert(IPredeployProxy.OnlyUpgrades.selector);
        IFeeTokenRegistry(L2.FEE_TOKEN_REGISTRY).isFeeToken(ALICE);

        vm.prank(L2.PROXY_ADMIN);
        IPredeployProxy(L2.FEE_TOKEN_REGISTRY).upgradeToAndCall(changed, "");

        vm.expectRevert(abi.encodeWithSelector(IFeeTokenPricer.RatioUnset.selector, ALICE));
        IFeeTokenPricer(L2.FEE_TOKEN_REGISTRY).getFeeTokenRatio(ALICE);
    }

    function test_fee_tokens_and_their_prices_are_the_bridge_s() public {
        IFeeTokenRegistry tokens = IFeeTokenRegistry(L2.FEE_TOKEN_REGISTRY);
        IFeeTokenPricer pricer = IFeeTokenPricer(L2.FEE_TOKEN_PRICER);
        vm.expectRevert(abi.encodeWithSelector(IFeeTokenRegistry.NotBridge.selector, address(this)));
        tokens.registerFeeToken(ALICE);
        vm.expectRevert(abi.encodeWithSelector(IFeeTokenPricer.NotBridge.selector, address(this)));
        pricer.setFeeTokenRatio(ALICE, 1);
        vm.startPrank(L2.BRIDGE);
        tokens.registerFeeToken(ALICE);
        pricer.setFeeTokenRatio(ALICE, 2e18);
        vm.assertTrue(tokens.isFeeToken(ALICE));
        vm.assertEq(pricer.getFeeTokenRatio(ALICE), 2e18);

        tokens.unregisterFeeToken(ALICE);
        pricer.unsetFeeTokenRatio(ALICE);
        vm.stopPrank();
        vm.assertFalse(tokens.isFeeToken(ALICE));
    }

    function test_l1_is_known_as_the_bridge_tells_it() public {
        IL1Info info = IL1Info(L2.L1_INFO);
        vm.expectRevert(abi.encodeWithSelector(IL1Info.NotBridge.selector, address(this)));
        info.setL1Block(1, 2, 3, 4, bytes32(uint256(5)));

        vm.prank(L2.BRIDGE);
        info.setL1Block(1, 2, 3, 4, bytes32(uint256(5)));

        vm.assertEq(info.number(), 1);
        vm.assertEq(info.timestamp(), 2);
        vm.assertEq(info.baseFee(), 3);
        vm.assertEq(info.blobBaseFee(), 4);
        vm.assertEq(info.parentHash(), bytes32(uint256(5)));
    }

    function test_the_oracle_adds_the_fees_up() public {
        IGasPriceOracle oracle = IGasPriceOracle(L2.GAS_PRICE_ORACLE);
        vm.assertEq(oracle.dataFee(1_000), 0);
        vm.expectRevert(abi.encodeWithSelector(IGasPriceOracle.NotBridge.selector, address(this)));
        oracle.setOperatorFeePerGas(1);
        vm.startPrank(L2.BRIDGE);
        oracle.setOperatorFeePerGas(2 gwei);
        IL1Info(L2.L1_INFO).setL1Block(1, 2, 30 gwei, 7, 0);
        vm.stopPrank();
        vm.fee(5 gwei);

        vm.assertEq(oracle.gasPrice(), 7 gwei);
        vm.assertEq(oracle.baseFee(), 5 gwei);
        vm.assertEq(oracle.operatorFeePerGas(), 2 gwei);
        vm.assertEq(oracle.l1BaseFee(), 30 gwei);
        vm.assertEq(oracle.l1BlobBaseFee(), 7);
        vm.assertEq(oracle.dataFee(126_976), 7 * 131_072);
        vm.assertEq(oracle.dataFee(1), 8);
    }

    function _expectMessage(address tokenL1, address tokenL2, address receiver, uint256 amount, uint256 id) private {
        vm.expectEmit(L2.MESSENGER);
        emit L1Message(L2.BRIDGE, keccak256(abi.encodePacked(tokenL1, tokenL2, receiver, amount)), id);
    }
}
