// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {OwnableUpgradeable} from "@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";

import {ICommonBridge} from "../src/interfaces/ICommonBridge.sol";
import {IVerifierRegistry} from "../src/interfaces/IVerifierRegistry.sol";
import {Batch} from "../src/interfaces/Types.sol";
import {AttestedVerifier} from "../src/l1/AttestedVerifier.sol";
import {CommonBridge} from "../src/l1/CommonBridge.sol";
import {OnChainProposer} from "../src/l1/OnChainProposer.sol";
import {Timelock} from "../src/l1/Timelock.sol";
import {VerifierRegistry} from "../src/l1/VerifierRegistry.sol";
import {Kinds} from "../src/libraries/Kinds.sol";
import {World} from "./support/World.sol";

/// Who may change what, and what nobody may stop.
contract PowersTest is World {
    struct Power {
        string name;
        address on;
        bytes call;
    }

    uint256 private constant DELAY = 10;

    /// Everything that changes code, keys, policies, configuration, predeploys or roles of the deployment.
    function _owners() private returns (Power[] memory powers) {
        powers = new Power[](14);
        bytes memory none = "";
        powers[0] = _upgrade(address(proposer), address(new OnChainProposer()), none);
        powers[1] = _upgrade(address(bridge), address(new CommonBridge()), none);
        powers[2] = _upgrade(address(registry), address(new VerifierRegistry()), none);
        powers[3] = _upgrade(address(attested), address(new AttestedVerifier()), none);
        IVerifierRegistry.Policy memory policy = IVerifierRegistry.Policy(Kinds.bit(Kinds.SP1), 1, true, 0);
        powers[4] = Power("policy", address(registry), abi.encodeCall(registry.setPolicy, (CHAIN, policy)));
        uint8[] memory kinds = new uint8[](1);
        address[] memory verifiers = new address[](1);
        (kinds[0], verifiers[0]) = (Kinds.ATTESTED, address(attested));
        powers[5] = Power(
            "version",
            address(registry),
            abi.encodeCall(registry.registerVersion, (CHAIN, 9, 0, 0, kinds, verifiers, new bytes32[](1)))
        );
        powers[6] = Power("expiry", address(registry), abi.encodeCall(registry.expireVersion, (CHAIN, VERSION, 1)));
        powers[7] = Power(
            "signer",
            address(attested),
            abi.encodeCall(attested.registerSigner, (CHAIN, VERSION, Kinds.ATTESTED, BOB, 0, true))
        );
        powers[8] = Power(
            "configuration", address(proposer), abi.encodeCall(proposer.scheduleConfig, (CHAIN, bytes32(uint256(1)), 9))
        );
        powers[9] = Power("guardian", address(proposer), abi.encodeCall(proposer.setGuardian, (BOB)));
        powers[10] = Power("chain", address(proposer), abi.encodeCall(proposer.registerChain, (parameters(77), SALT)));
        powers[11] = Power(
            "predeploy",
            address(bridge),
            abi.encodeCall(bridge.upgradeL2Contract, (CHAIN, address(0xfffe), BOB, 100_000, none))
        );
        bytes memory call = abi.encodeCall(bridge.callAsL2Bridge, (CHAIN, address(0xfffb), 100_000, none));
        powers[13] = Power("bridge's call", address(bridge), call);
        powers[12] = Power("owner", address(proposer), abi.encodeCall(OwnableUpgradeable.transferOwnership, (BOB)));
    }

    function _upgrade(address proxy, address implementation, bytes memory data) private pure returns (Power memory) {
        return Power("upgrade", proxy, abi.encodeCall(UUPSUpgradeable.upgradeToAndCall, (implementation, data)));
    }

    function _succeeds(address caller, Power memory power) private returns (bool done) {
        uint256 before = vm.snapshotState();
        vm.prank(caller);
        (done,) = power.on.call(power.call);
        vm.revertToState(before);
    }

    function test_what_is_the_owner_s_is_nobody_else_s() public {
        address[5] memory others = [GUARDIAN, ADMIN, COMMITTER, ALICE, address(registry)];
        Power[] memory powers = _owners();
        for (uint256 i = 0; i < powers.length; ++i) {
            vm.assertTrue(_succeeds(OWNER, powers[i]), powers[i].name);
            for (uint256 at = 0; at < others.length; ++at) {
                vm.assertFalse(_succeeds(others[at], powers[i]), powers[i].name);
            }
        }
    }

    /// Once it is handed over, each of them takes the delay, also for whoever had it before.
    function test_under_a_timelock_every_power_of_the_owner_waits() public {
        address[] memory council = new address[](1);
        council[0] = OWNER;
        Timelock lock = new Timelock(DELAY, council, council);
        vm.startPrank(OWNER);
        proposer.transferOwnership(address(lock));
        bridge.transferOwnership(address(lock));
        registry.transferOwnership(address(lock));
        attested.transferOwnership(address(lock));
        vm.stopPrank();
        Power[] memory powers = _owners();

        for (uint256 i = 0; i < powers.length; ++i) {
            vm.assertFalse(_succeeds(OWNER, powers[i]), powers[i].name);
            uint256 before = vm.snapshotState();
            vm.startPrank(OWNER);
            lock.schedule(powers[i].on, 0, powers[i].call, 0, 0, DELAY);
            vm.warp(block.timestamp + DELAY - 1);
            vm.expectRevert();
            lock.execute(powers[i].on, 0, powers[i].call, 0, 0);
            vm.warp(block.timestamp + 1);
            lock.execute(powers[i].on, 0, powers[i].call, 0, 0);
            vm.stopPrank();
            vm.revertToState(before);
        }
    }

    function test_a_pause_stops_no_claim() public {
        vm.prank(ALICE);
        bridge.deposit{value: 5 ether}(CHAIN, ALICE);
        ICommonBridge.Withdrawal memory withdrawal = coinWithdrawal(BOB, 1 ether, 1, 1);
        settle(leafOf(withdrawal));
        vm.warp(block.timestamp + EXECUTION_DELAY);
        vm.prank(GUARDIAN);
        proposer.pause(CHAIN, 7 days);
        uint256 before = BOB.balance;

        bridge.claimWithdrawal(CHAIN, withdrawal, new bytes32[](0));

        vm.assertEq(BOB.balance - before, 1 ether);
    }

    /// Its clocks go on: a guardian who pauses again and again does not keep a chain from its end, nor refunds from it.
    function test_a_pause_stops_neither_freeze_nor_refunds() public {
        vm.prank(ALICE);
        uint64 index = bridge.deposit{value: 5 ether}(CHAIN, ALICE);
        uint64 opens = proposer.freezeOpensAt(CHAIN);
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(GUARDIAN);
            proposer.pause(CHAIN, 7 days);
            vm.assertEq(proposer.freezeOpensAt(CHAIN), opens);
            vm.warp(opens - 1 + i);
        }

        proposer.freeze(CHAIN);
        bytes memory data = abi.encodeWithSignature("mintETH(address,address)", ALICE, ALICE);
        uint256 before = ALICE.balance;
        bridge.refundQueueItem(
            CHAIN, ICommonBridge.QueueItem(address(0xffff), address(0xffff), index, 5 ether, bridge.DEPOSIT_GAS(), data)
        );

        vm.assertEq(ALICE.balance - before, 5 ether);
    }

    /// What a guardian cannot revert any more: a batch whose messages can be claimed.
    function test_the_guardian_reverts_within_the_execution_delay_and_not_after_it() public {
        Batch memory first = settle(0);
        vm.warp(block.timestamp + EXECUTION_DELAY - 1);
        uint256 before = vm.snapshotState();
        vm.prank(GUARDIAN);
        proposer.revertBatches(CHAIN, 0);
        vm.assertEq(proposer.chainStatus(CHAIN).lastVerified, 0);
        vm.revertToState(before);
        vm.warp(block.timestamp + 1);

        vm.prank(GUARDIAN);
        vm.expectRevert();
        proposer.revertBatches(CHAIN, 0);
        vm.assertEq(proposer.chainStatus(CHAIN).lastVerified, first.number);
    }
}
