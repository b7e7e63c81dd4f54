// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {ICommonBridge} from "../../src/interfaces/ICommonBridge.sol";
import {ICommonBridgeL2} from "../../src/interfaces/ICommonBridgeL2.sol";
import {Batch, BlobOpening, Proof} from "../../src/interfaces/Types.sol";
import {CommonBridge} from "../../src/l1/CommonBridge.sol";
import {OnChainProposer} from "../../src/l1/OnChainProposer.sol";
import {L2} from "../../src/libraries/L2.sol";
import {Test} from "./Test.sol";
import {IReentrant, RebasingToken, Token} from "./Tokens.sol";
import {Tries} from "./Tries.sol";

/// What the world offers to its actors.
interface IWorld {
    function commitFor(uint256 chainId, bytes32 messagesRoot, bytes32 stateRoot) external returns (uint64 number);
    /// Verify a chain's next batch.
    function verifyFor(uint256 chainId) external;
    /// Have a chain verify another's next batch as its own.
    function verifyForeign(uint256 chainId, uint256 other) external;
    function batchOf(uint256 chainId, uint64 number) external view returns (Batch memory);
    function revertFor(uint256 chainId, uint64 lastKept) external;
    function freezeFor(uint256 chainId) external;
}

/// Users of two chains and their sequencers, who lie: any withdrawal and any balance that they like is in a verified
/// batch. They know coin, plain, fee-taking, re-entrant and rebasing tokens, and good and false pairs on L2. What was
/// booked and paid is noted beside the bridge.
contract Actors is Test, IReentrant {
    using Tries for Tries.Entry[];

    /// What a batch says that the actors hold on L2.
    struct State {
        address tokenL1;
        address tokenL2;
        uint256 tokens;
        uint256 coin;
    }

    uint256[2] public chains = [uint256(101), 102];
    Token[4] public tokens;
    address[2] public pairs = [address(0xa1), address(0xbad)];
    uint256 public depositedCalls;
    uint256 public sentCalls;
    uint256 public claimedCalls;
    uint256 public refundedCalls;
    uint256 public escapedCoinCalls;
    uint256 public escapedTokenCalls;
    /// Payments that were got from inside of a payment.
    uint256 public reentered;

    // What may never go up: claims of the same message again, of a batch that does not stand (any more, yet, or on this
    // chain), batches of another chain that were verified, and what a frozen chain took or did.
    uint256 public claimedTwice;
    uint256 public claimedOutOfNowhere;
    uint256 public foreignCalls;
    uint256 public afterFreeze;
    bool public frozen;

    mapping(uint256 chainId => mapping(address => mapping(address => uint256))) public booked;
    mapping(uint256 chainId => mapping(address => mapping(address => uint256))) public released;

    IWorld private immutable _world;
    CommonBridge private immutable _bridge;
    OnChainProposer private immutable _proposer;
    mapping(uint256 chainId => uint256) private _messages;
    mapping(uint256 chainId => mapping(uint256 messageId => bool)) private _claimed;
    /// The one message of each batch that stands on L1.
    mapping(uint256 chainId => mapping(uint64 number => bytes32)) private _leaves;
    ICommonBridge.Withdrawal[] private _withdrawals;
    uint256[] private _withdrawalChains;
    mapping(uint256 chainId => ICommonBridge.QueueItem[]) private _deposits;
    /// Of the second chain, which is the one that is frozen.
    mapping(uint64 number => State) private _states;

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
        _went(chainId);
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
        _went(chainId);
    }

    /// Calls of L2, and word of L1, for more than they cost: the rest is paid back. No book is touched.
    function call(uint256 chainSeed, uint256 value, uint256 gasLimit) external {
        uint256 chainId = chains[chainSeed % 2];
        gasLimit = _within(gasLimit, 30_000, 1_000_000);
        vm.deal(address(this), 1 ether);
        if (value % 4 == 0) {
            _bridge.sendL1Info{value: 0.1 ether}(chainId);
        } else {
            _bridge.sendToL2{value: 0.5 ether}(chainId, ICommonBridge.SendValues(pairs[1], gasLimit, value, ""));
        }
        ++sentCalls;
        _went(chainId);
    }

    /// Something that a frozen chain has to refuse went through.
    function _went(uint256 chainId) private {
        if (frozen && chainId == chains[1]) ++afterFreeze;
    }

    /// A verified batch with one withdrawal, of whatever the chain says that it owes.
    function lie(uint256 chainSeed, uint256 tokenSeed, uint256 pairSeed, uint256 amount) external {
        uint64 number = _promise(chainSeed, tokenSeed, pairSeed, amount);
        uint256 chainId = chains[chainSeed % 2];
        for (uint64 next = _proposer.chainStatus(chainId).lastVerified; next < number; ++next) {
            _world.verifyFor(chainId);
        }
    }

    /// The same, and nobody has proven it yet.
    function commitOnly(uint256 chainSeed, uint256 tokenSeed, uint256 pairSeed, uint256 amount) external {
        _promise(chainSeed, tokenSeed, pairSeed, amount);
    }

    function prove(uint256 chainSeed) external {
        uint256 chainId = chains[chainSeed % 2];
        _world.verifyFor(chainId);
        _went(chainId);
    }

    function proveForeign(uint256 chainSeed) external {
        _world.verifyForeign(chains[chainSeed % 2], chains[(chainSeed + 1) % 2]);
        ++foreignCalls;
    }

    function _promise(uint256 chainSeed, uint256 tokenSeed, uint256 pairSeed, uint256 amount)
        private
        returns (uint64 number)
    {
        uint256 chainId = chains[chainSeed % 2];
        bool coin = tokenSeed % 5 == 4;
        address tokenL1 = coin ? L2.COIN : address(tokens[tokenSeed % 4]);
        address tokenL2 = coin ? L2.COIN : pairs[pairSeed % 2];
        amount = _within(amount, 1, 2 * _bridge.book(chainId, tokenL1, tokenL2) + 1);
        uint256 messageId = ++_messages[chainId];
        ICommonBridge.Withdrawal memory made =
            ICommonBridge.Withdrawal(tokenL1, tokenL2, address(this), amount, 0, messageId);
        bytes32 data = L2.withdrawalData(tokenL1, tokenL2, address(this), amount);
        State memory state = State(address(tokens[tokenSeed % 4]), pairs[pairSeed % 2], amount, amount);
        bytes32 stateRoot = chainId == chains[1] ? _accounts(state).root() : bytes32(0);
        bytes32 leaf = L2.messageLeaf(L2.BRIDGE, data, messageId);
        number = _world.commitFor(chainId, leaf, stateRoot);
        made.batchNumber = number;
        _withdrawals.push(made);
        _withdrawalChains.push(chainId);
        _leaves[chainId][number] = leaf;
        if (stateRoot != 0) _states[number] = state;
        _went(chainId);
    }

    /// The actors' account on L2 and a token of the bridge.
    function _accounts(State memory state) private view returns (Tries.Entry[] memory accounts) {
        accounts = new Tries.Entry[](2);
        accounts[0] = Tries.account(L2.aliasOf(address(this)), state.coin, 0, keccak256(""));
        accounts[1] = Tries.account(state.tokenL2, 0, _slots(state).root(), L2.TOKEN_CODE_HASH);
    }

    function _slots(State memory state) private view returns (Tries.Entry[] memory slots) {
        slots = new Tries.Entry[](2);
        slots[0] = Tries.slot(keccak256(abi.encode(L2.aliasOf(address(this)), 0)), state.tokens);
        slots[1] = Tries.slot(bytes32(uint256(5)), uint160(state.tokenL1));
    }

    function escapeCoin() external {
        (Batch memory last, State memory state) = _lastState();
        _bridge.escapeCoin(chains[1], last, _self(_accounts(state)));
        released[chains[1]][L2.COIN][L2.COIN] += state.coin;
        ++escapedCoinCalls;
    }

    function escapeToken() external {
        (Batch memory last, State memory state) = _lastState();
        Tries.Entry[] memory accounts = _accounts(state);
        Tries.Entry[] memory slots = _slots(state);
        ICommonBridge.TokenProof memory proof = ICommonBridge.TokenProof(
            state.tokenL1,
            state.tokenL2,
            accounts.prove(accounts[1].key),
            slots.prove(slots[1].key),
            slots.prove(slots[0].key)
        );
        _bridge.escapeToken(chains[1], last, _self(accounts), proof);
        released[chains[1]][state.tokenL1][state.tokenL2] += state.tokens;
        ++escapedTokenCalls;
    }

    function _lastState() private view returns (Batch memory last, State memory state) {
        uint64 number = _proposer.chainStatus(chains[1]).lastVerified;
        return (_world.batchOf(chains[1], number), _states[number]);
    }

    function _self(Tries.Entry[] memory accounts) private view returns (ICommonBridge.AccountProof memory) {
        return ICommonBridge.AccountProof(L2.aliasOf(address(this)), address(0), accounts.prove(accounts[0].key));
    }

    function claim(uint256 seed, uint8 place) external {
        uint256 at = seed % _withdrawals.length;
        ICommonBridge.Withdrawal memory made = _withdrawals[at];
        uint256 chainId = _withdrawalChains[at];
        if (place % 8 == 7) chainId = chainId == chains[0] ? chains[1] : chains[0];
        _bridge.claimWithdrawal(chainId, made, new bytes32[](0));
        released[chainId][made.tokenL1][made.tokenL2] += made.amount;
        ++claimedCalls;
        _noteClaim(chainId, made);
    }

    /// The message is the standing, verified batch's of this very chain, and it is paid for the first time.
    function _noteClaim(uint256 chainId, ICommonBridge.Withdrawal memory made) private {
        bytes32 data = L2.withdrawalData(made.tokenL1, made.tokenL2, made.receiver, made.amount);
        bool stands = _leaves[chainId][made.batchNumber] == L2.messageLeaf(L2.BRIDGE, data, made.messageId);
        bool verified = made.batchNumber <= _proposer.chainStatus(chainId).lastVerified;
        if (!stands || !verified) ++claimedOutOfNowhere;
        if (_claimed[chainId][made.messageId]) ++claimedTwice;
        _claimed[chainId][made.messageId] = true;
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
        uint64 last = _proposer.chainStatus(chainId).lastCommitted;
        uint64 kept = last - 1 - seed % 2;
        _world.revertFor(chainId, kept);
        _dropped(chainId, kept, last);
        _went(chainId);
    }

    function _dropped(uint256 chainId, uint64 kept, uint64 last) private {
        for (uint64 number = kept + 1; number <= last; ++number) {
            delete _leaves[chainId][number];
        }
    }

    function wait(uint256 seconds_) external {
        vm.warp(block.timestamp + _within(seconds_, 30 minutes, 3 hours));
    }

    /// Seldom, since nothing comes after it.
    function end(uint256 seed) external {
        if (seed % 32 != 0) return;
        uint64 last = _proposer.chainStatus(chains[1]).lastCommitted;
        _world.freezeFor(chains[1]);
        _dropped(chains[1], _proposer.chainStatus(chains[1]).lastVerified, last);
        frozen = true;
    }

    function rebase(uint256 percent) external {
        RebasingToken(address(tokens[2])).rebase(percent % 3);
    }

    function _within(uint256 seed, uint256 least, uint256 most) private pure returns (uint256) {
        return least + seed % (most - least + 1);
    }

    /// Whoever is paid, in coin or in a token that calls back, asks for everything again.
    function reenter() public {
        if (msg.sender != address(_bridge) && msg.sender != address(tokens[3])) return;
        (Batch memory last, State memory state) = _lastState();
        if (_withdrawals.length > 0) {
            uint256 at = _withdrawals.length - 1;
            try _bridge.claimWithdrawal(_withdrawalChains[at], _withdrawals[at], new bytes32[](0)) {
                ++reentered;
            } catch {}
        }
        if (_states[last.number].coin == 0) return;
        try _bridge.escapeCoin(chains[1], last, _self(_accounts(state))) {
            ++reentered;
        } catch {}
    }

    receive() external payable override {
        reenter();
    }
}
