// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {IVerifierRegistry} from "../src/interfaces/IVerifierRegistry.sol";
import {Batch} from "../src/interfaces/Types.sol";
import {Kinds} from "../src/libraries/Kinds.sol";
import {L2} from "../src/libraries/L2.sol";
import {Actors, IWorld} from "./support/Actors.sol";
import {FeeToken, RebasingToken, ReentrantToken, Token} from "./support/Tokens.sol";
import {World} from "./support/World.sol";

/// The bridge stays solvent whatever sequencers, users and tokens do.
contract SolvencyInvariants is World, IWorld {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    Actors private actors;
    mapping(uint256 chainId => Batch) private heads;
    mapping(uint256 chainId => mapping(uint64 number => Batch)) private batches;

    function setUp() public override {
        super.setUp();
        RebasingToken rebasing = new RebasingToken();
        ReentrantToken reentrant = new ReentrantToken(bridge, 101);
        Token[4] memory tokens = [new Token(), Token(new FeeToken()), Token(rebasing), Token(reentrant)];
        actors = new Actors(this, bridge, proposer, tokens);
        for (uint256 i = 0; i < 2; ++i) {
            uint256 chainId = actors.chains(i);
            setPolicy(chainId, IVerifierRegistry.Policy(Kinds.bit(Kinds.ATTESTED), 1, false, EXECUTION_DELAY));
            registerVersion(chainId, VERSION);
            register(parameters(chainId));
            heads[chainId] = genesis(parameters(chainId));
            batches[chainId][0] = heads[chainId];
        }
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(actors);
    }

    /// What is called out of payments only.
    function excludeSelectors() external view returns (FuzzSelector[] memory excluded) {
        excluded = new FuzzSelector[](1);
        excluded[0] = FuzzSelector(address(actors), new bytes4[](1));
        excluded[0].selectors[0] = actors.reenter.selector;
    }

    function batchOf(uint256 chainId, uint64 number) external view returns (Batch memory) {
        return batches[chainId][number];
    }

    function commitFor(uint256 chainId, bytes32 messagesRoot, bytes32 stateRoot) external returns (uint64 number) {
        Batch memory batch = next(heads[chainId]);
        if (stateRoot != 0) batch.newStateRoot = stateRoot;
        (batch.queueIndex, batch.queueHash) = _partOfQueue(chainId, batch);
        batch.messagesRoot = messagesRoot;
        commit(batch);
        heads[chainId] = batch;
        batches[chainId][batch.number] = batch;
        return batch.number;
    }

    function verifyFor(uint256 chainId) external {
        verify(batches[chainId][proposer.chainStatus(chainId).lastVerified + 1]);
    }

    function verifyForeign(uint256 chainId, uint256 other) external {
        Batch memory batch = batches[other][proposer.chainStatus(chainId).lastVerified + 1];
        proposer.verifyBatches(chainId, one(batch), one(proven(batch)));
    }

    /// Some of what is queued, so that a freeze finds both kinds of deposits.
    function _partOfQueue(uint256 chainId, Batch memory batch) private view returns (uint64 index, bytes32 hash) {
        uint64 from = proposer.record(chainId, batch.number - 1).queueIndex;
        uint64 waiting = batch.queueIndex - from;
        index = waiting > DRAIN_ITEMS ? batch.queueIndex - waiting / 4 : batch.queueIndex;
        hash = bridge.queueHash(chainId, index);
    }

    function revertFor(uint256 chainId, uint64 lastKept) external {
        vm.prank(GUARDIAN);
        proposer.revertBatches(chainId, lastKept);
        heads[chainId] = batches[chainId][lastKept];
    }

    function freezeFor(uint256 chainId) external {
        vm.warp(block.timestamp + TAKEOVER_DELAY);
        proposer.freeze(chainId);
        heads[chainId] = batches[chainId][proposer.chainStatus(chainId).lastVerified];
    }

    function invariant_the_bridge_is_solvent() public view {
        _booksAreBalanced();
        _fundsAreThere();
        _nobodyEntersTwice();
        _escapesAreSingle();
        _claimsAreHonest();
        vm.assertEq(actors.afterFreeze(), 0, "a frozen chain went on");
    }

    function _claimsAreHonest() private view {
        vm.assertEq(actors.claimedTwice(), 0, "a message was claimed twice");
        vm.assertEq(actors.claimedOutOfNowhere(), 0, "claimed from no standing, verified batch of the chain");
        vm.assertEq(actors.foreignCalls(), 0, "another chain's batch was verified");
    }

    /// Of the one frozen chain and its one last state.
    function _escapesAreSingle() private view {
        vm.assertLe(actors.escapedCoinCalls(), 1, "coin escaped twice");
        vm.assertLe(actors.escapedTokenCalls(), 1, "a token escaped twice");
    }

    /// Of each pair nothing was released that was not booked.
    function _booksAreBalanced() private view {
        for (uint256 chain = 0; chain < 2; ++chain) {
            uint256 chainId = actors.chains(chain);
            _balanced(chainId, L2.COIN, L2.COIN);
            for (uint256 token = 0; token < 4; ++token) {
                for (uint256 pair = 0; pair < 2; ++pair) {
                    _balanced(chainId, address(actors.tokens(token)), actors.pairs(pair));
                }
            }
        }
    }

    function _balanced(uint256 chainId, address tokenL1, address tokenL2) private view {
        uint256 booked = actors.booked(chainId, tokenL1, tokenL2);
        uint256 released = actors.released(chainId, tokenL1, tokenL2);
        vm.assertLe(released, booked, "released above booked");
        vm.assertEq(bridge.book(chainId, tokenL1, tokenL2), booked - released, "the book is what is left");
    }

    /// Of each token the bridge holds what all books say.
    function _fundsAreThere() private view {
        uint256 coin;
        for (uint256 chain = 0; chain < 2; ++chain) {
            coin += bridge.book(actors.chains(chain), L2.COIN, L2.COIN);
        }
        vm.assertLe(coin, address(bridge).balance, "coin");
        for (uint256 token = 0; token < 4; ++token) {
            uint256 held;
            for (uint256 at = 0; at < 4; ++at) {
                held += bridge.book(actors.chains(at % 2), address(actors.tokens(token)), actors.pairs(at / 2));
            }
            vm.assertLe(held, actors.tokens(token).balanceOf(address(bridge)), "token");
        }
    }

    /// No call out of a transfer or a payment got anything.
    function _nobodyEntersTwice() private view {
        vm.assertEq(actors.reentered(), 0, "paid from inside of a payment");
        vm.assertEq(ReentrantToken(address(actors.tokens(3))).entered(), 0, "deposited from inside of a transfer");
    }

    /// That each actor gets something done is seen here: an invariant over calls that all fail says nothing.
    function test_the_actors_can_do_everything() public {
        actors.depositCoin(0, 10 ether);
        actors.depositToken(0, 1, 1, 1000);
        actors.lie(0, 4, 0, 1 ether);
        actors.wait(1 hours);
        actors.claim(0, 0);
        actors.lie(0, 1, 1, 1);
        actors.goBack(0, 0);
        actors.rebase(2);
        for (uint256 token = 0; token < 4; ++token) {
            actors.depositToken(0, token, 0, 1000);
            actors.lie(0, token, 0, 100);
        }
        actors.wait(1 hours);
        for (uint256 made = 2; made < 6; ++made) {
            actors.claim(made, 0);
        }
        actors.call(0, 4, 0);
        actors.call(0, 5, 0);
        actors.commitOnly(0, 1, 1, 1);
        actors.goBack(0, 0);
        actors.commitOnly(0, 1, 1, 1);
        actors.prove(0);
        actors.depositCoin(1, 10 ether);
        actors.depositToken(1, 3, 0, 1000);
        actors.lie(1, 3, 0, 99);
        actors.depositCoin(1, 10 ether);
        actors.depositToken(1, 2, 0, 1000);
        actors.end(0);
        actors.refund(1, 2);
        actors.refund(1, 3);
        actors.escapeCoin();
        actors.escapeToken();

        vm.assertEq(actors.sentCalls(), 2);
        vm.assertEq(actors.claimedCalls(), 5);
        vm.assertEq(actors.refundedCalls(), 2);
        vm.assertEq(actors.escapedCoinCalls() + actors.escapedTokenCalls(), 2);
        invariant_the_bridge_is_solvent();
    }
}
