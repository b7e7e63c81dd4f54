// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {ICommonBridge} from "../../src/interfaces/ICommonBridge.sol";
import {ICommonBridgeL2} from "../../src/interfaces/ICommonBridgeL2.sol";
import {Batch, BlobOpening, Proof} from "../../src/interfaces/Types.sol";
import {CommonBridge} from "../../src/l1/CommonBridge.sol";
import {OnChainProposer} from "../../src/l1/OnChainProposer.sol";
import {L2} from "../../src/libraries/L2.sol";
import {Test} from "./Test.sol";
import {Token} from "./Tokens.sol";

/// What the world offers to its actors.
interface IWorld {
    function settleFor(uint256 chainId, bytes32 messagesRoot) external returns (uint64 number);
    function revertFor(uint256 chainId, uint64 lastKept) external;
    function freezeFor(uint256 chainId) external;
}

/// Users of two chains and their sequencers, who lie: any withdrawal that they like is in a verified batch. They know
/// coin, plain, fee-taking, re-entrant and rebasing tokens, and good and false pairs on L2. What was booked and paid is
/// noted beside the bridge.
contract Actors is Test {
    uint256[2] public chains = [uint256(101), 102];
    Token[4] public tokens;
    address[2] public pairs = [address(0xa1), address(0xbad)];
    uint256 public depositedCalls;
    uint256 public claimedCalls;
    uint256 public refundedCalls;

    mapping(uint256 chainId => mapping(address => mapping(address => uint256))) public booked;
    mapping(uint256 chainId => mapping(address => mapping(address => uint256))) public released;

    IWorld private immutable _world;
    CommonBridge private immutable _bridge;
    OnChainProposer private immutable _proposer;
    mapping(uint256 chainId => uint256) private _messages;
    ICommonBridge.Withdrawal[] private _withdrawals;
    uint256[] private _withdrawalChains;
    mapping(uint256 chainId => ICommonBridge.QueueItem[]) private _deposits;

    constructor(IWorld world, CommonBridge bridge, OnChainProposer proposer, Token[4] memory tokens_) {
        (_world, _bridge, _proposer, tokens) = (world, bridge, proposer, tokens_);
        for (uint256 i = 0; i < tokens_.length; ++i) {
            tokens_[i].approve(address(bridge), type(uint256).max);
        }
    }

    function depositCoin(uint256 chainSeed, uint256 amount) external {
        uint256 chainId = chains[chainSeed % 2];
        amount = _within(amount, 1, 100 ether);
        vm.deal(address(this), amount);
        uint64 index = _bridge.deposit{value: amount}(chainId, address(this));
        booked[chainId][L2.COIN][L2.COIN] += amount;
        bytes memory data = abi.encodeCall(ICommonBridgeL2.mintETH, (address(this), address(this)));
        _deposits[chainId].push(
            ICommonBridge.QueueItem(L2.BRIDGE, L2.BRIDGE, index, amount, _bridge.DEPOSIT_GAS(), data)
        );
        ++depositedCalls;
    }

    function depositToken(uint256 chainSeed, uint256 tokenSeed, uint256 pairSeed, uint256 amount) external {
        uint256 chainId = chains[chainSeed % 2];
        Token token = tokens[tokenSeed % 4];
        address pair = pairs[pairSeed % 2];
        amount = _within(amount, 1, 1e24);
        token.mint(address(this), amount);
        uint256 before = _bridge.book(chainId, address(token), pair);
        uint64 index = _bridge.depositERC20(chainId, address(token), pair, address(this), amount);
        uint256 arrived = _bridge.book(chainId, address(token), pair) - before;
        booked[chainId][address(token)][pair] += arrived;
        bytes memory data =
            abi.encodeCall(ICommonBridgeL2.mintERC20, (address(token), pair, address(this), address(this), arrived));
        _deposits[chainId].push(
            ICommonBridge.QueueItem(L2.BRIDGE, L2.BRIDGE, index, 0, _bridge.DEPOSIT_ERC20_GAS(), data)
        );
        ++depositedCalls;
    }

    /// A batch with one withdrawal, of whatever the chain says that it owes.
    function lie(uint256 chainSeed, uint256 tokenSeed, uint256 pairSeed, uint256 amount) external {
        uint256 chainId = chains[chainSeed % 2];
        bool coin = tokenSeed % 5 == 4;
        address tokenL1 = coin ? L2.COIN : address(tokens[tokenSeed % 4]);
        address tokenL2 = coin ? L2.COIN : pairs[pairSeed % 2];
        amount = _within(amount, 1, 2 * _bridge.book(chainId, tokenL1, tokenL2) + 1);
        uint256 messageId = ++_messages[chainId];
        ICommonBridge.Withdrawal memory made =
            ICommonBridge.Withdrawal(tokenL1, tokenL2, address(this), amount, 0, messageId);
        made.batchNumber = _world.settleFor(
            chainId, L2.messageLeaf(L2.BRIDGE, L2.withdrawalData(tokenL1, tokenL2, address(this), amount), messageId)
        );
        _withdrawals.push(made);
        _withdrawalChains.push(chainId);
    }

    function claim(uint256 seed, uint8 place) external {
        uint256 at = seed % _withdrawals.length;
        ICommonBridge.Withdrawal memory made = _withdrawals[at];
        uint256 chainId = _withdrawalChains[at];
        if (place % 8 == 7) chainId = chainId == chains[0] ? chains[1] : chains[0];
        _bridge.claimWithdrawal(chainId, made, new bytes32[](0));
        released[chainId][made.tokenL1][made.tokenL2] += made.amount;
        ++claimedCalls;
    }

    function refund(uint256 chainSeed, uint256 seed) external {
        uint256 chainId = chains[chainSeed % 2];
        ICommonBridge.QueueItem memory item = _deposits[chainId][seed % _deposits[chainId].length];
        bool coin = item.value > 0;
        (address tokenL1, address tokenL2, uint256 amount) = (L2.COIN, L2.COIN, item.value);
        if (!coin) {
            bytes memory arguments = new bytes(item.data.length - 4);
            for (uint256 i = 0; i < arguments.length; ++i) {
                arguments[i] = item.data[i + 4];
            }
            (tokenL1, tokenL2,,, amount) = abi.decode(arguments, (address, address, address, address, uint256));
        }
        _bridge.refundQueueItem(chainId, item);
        released[chainId][tokenL1][tokenL2] += amount;
        ++refundedCalls;
    }

    function goBack(uint256 chainSeed, uint64 seed) external {
        uint256 chainId = chains[chainSeed % 2];
        _world.revertFor(chainId, _proposer.chainStatus(chainId).lastCommitted - 1 - seed % 2);
    }

    function wait(uint256 seconds_) external {
        vm.warp(block.timestamp + _within(seconds_, 30 minutes, 3 hours));
    }

    /// Seldom, since nothing comes after it.
    function end(uint256 seed) external {
        if (seed % 32 == 0) _world.freezeFor(chains[1]);
    }

    function _within(uint256 seed, uint256 least, uint256 most) private pure returns (uint256) {
        return least + seed % (most - least + 1);
    }

    /// Held by whoever calls back out of a payment: claims again.
    receive() external payable override {
        if (_withdrawals.length == 0) return;
        ICommonBridge.Withdrawal memory made = _withdrawals[_withdrawals.length - 1];
        try _bridge.claimWithdrawal(_withdrawalChains[_withdrawals.length - 1], made, new bytes32[](0)) {
            revert("claimed from inside of a payment");
        } catch {}
    }
}
