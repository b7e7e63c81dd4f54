// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";

import {ICommonBridge} from "../../src/interfaces/ICommonBridge.sol";
import {IOnChainProposer} from "../../src/interfaces/IOnChainProposer.sol";
import {IVerifierRegistry} from "../../src/interfaces/IVerifierRegistry.sol";
import {Batch, BlobOpening, ChainParameters, DataMode, Proof} from "../../src/interfaces/Types.sol";
import {AttestedVerifier} from "../../src/l1/AttestedVerifier.sol";
import {CommonBridge} from "../../src/l1/CommonBridge.sol";
import {OnChainProposer} from "../../src/l1/OnChainProposer.sol";
import {VerifierRegistry} from "../../src/l1/VerifierRegistry.sol";
import {Blobs} from "../../src/libraries/Blobs.sol";
import {Kinds} from "../../src/libraries/Kinds.sol";
import {L2} from "../../src/libraries/L2.sol";
import {Test} from "./Test.sol";

/// A deployment on a dev L1 with one chain, whose batches are proven by one signer. Tests extend it and change one thing.
abstract contract World is Test {
    uint256 internal constant CHAIN = 65536999;
    uint256 internal constant SIGNER_KEY = 0xa77e57;
    uint32 internal constant VERSION = 1;
    bytes32 internal constant SALT = bytes32(uint256(5));
    uint64 internal constant GENESIS_TIME = 1_000_000;
    uint64 internal constant INCLUSION_DELAY = 1 hours;
    uint64 internal constant TAKEOVER_DELAY = 7 days;
    uint64 internal constant PROOF_WINDOW = 1 days;
    uint64 internal constant EXECUTION_DELAY = 1 hours;
    uint32 internal constant DRAIN_ITEMS = 3;
    uint64 internal constant DRAIN_GAS = 2_000_000;

    address internal immutable OWNER = _named("owner");
    address internal immutable ADMIN = _named("admin");
    address internal immutable COMMITTER = _named("committer");
    address internal immutable GUARDIAN = _named("guardian");
    address internal immutable ALICE = _named("alice");
    address internal immutable BOB = _named("bob");

    OnChainProposer internal proposer;
    CommonBridge internal bridge;
    VerifierRegistry internal registry;
    AttestedVerifier internal attested;
    /// The chain's last batch; the next one is made from it.
    Batch internal last;

    function setUp() public virtual {
        vm.chainId(31337);
        vm.warp(GENESIS_TIME + 100);
        vm.fee(10 gwei);
        deploy();
        setPolicy(CHAIN, IVerifierRegistry.Policy(Kinds.bit(Kinds.ATTESTED), 1, false, EXECUTION_DELAY));
        registerVersion(CHAIN, VERSION);
        register(parameters(CHAIN));
        last = genesis(parameters(CHAIN));
        vm.deal(ALICE, 1_000 ether);
        vm.deal(BOB, 1_000 ether);
    }

    // ---- Deployment

    function deploy() internal {
        proposer = OnChainProposer(_proxy(address(new OnChainProposer())));
        bridge = CommonBridge(payable(_proxy(address(new CommonBridge()))));
        registry = VerifierRegistry(_proxy(address(new VerifierRegistry())));
        attested = AttestedVerifier(_proxy(address(new AttestedVerifier())));
        vm.startPrank(OWNER);
        proposer.connect(bridge, registry);
        bridge.connect(proposer);
        registry.connect(proposer);
        attested.connect(proposer, registry);
        proposer.setGuardian(GUARDIAN);
        vm.stopPrank();
    }

    function _proxy(address implementation) private returns (address) {
        return address(new ERC1967Proxy(implementation, abi.encodeCall(OnChainProposer.initialize, (OWNER))));
    }

    function setPolicy(uint256 chainId, IVerifierRegistry.Policy memory policy) internal {
        vm.prank(OWNER);
        registry.setPolicy(chainId, policy);
    }

    function registerVersion(uint256 chainId, uint32 version) internal {
        uint8[] memory kinds = new uint8[](1);
        address[] memory verifiers = new address[](1);
        (kinds[0], verifiers[0]) = (Kinds.ATTESTED, address(attested));
        vm.startPrank(OWNER);
        registry.registerVersion(chainId, version, 0, 0, kinds, verifiers, new bytes32[](1));
        attested.registerSigner(chainId, version, Kinds.ATTESTED, vm.addr(SIGNER_KEY), 0, false);
        vm.stopPrank();
    }

    function parameters(uint256 chainId) internal view returns (ChainParameters memory) {
        return ChainParameters({
            chainId: chainId,
            dataMode: DataMode.Rollup,
            dataAvailability: address(0),
            nativeToken: address(0),
            admin: ADMIN,
            committer: COMMITTER,
            genesisStateRoot: bytes32(uint256(0x9e57a7e)),
            genesisBlockHash: bytes32(uint256(0x9eb10c)),
            genesisTimestamp: GENESIS_TIME,
            configHash: bytes32(uint256(0xc0f)),
            blockGasLimit: 30_000_000,
            inclusionDelay: INCLUSION_DELAY,
            takeoverDelay: TAKEOVER_DELAY,
            proofWindow: PROOF_WINDOW,
            drainItems: DRAIN_ITEMS,
            drainGas: DRAIN_GAS,
            feeFactor: 4,
            genesisBalance: 0
        });
    }

    function register(ChainParameters memory chain) internal {
        vm.prank(OWNER);
        proposer.registerChain(chain, SALT);
    }

    function genesis(ChainParameters memory chain) internal view returns (Batch memory batch) {
        batch.protocolVersion = 1;
        batch.chainId = chain.chainId;
        batch.previousBatchHash = keccak256(abi.encode(block.chainid, proposer, chain.chainId, SALT));
        batch.newStateRoot = chain.genesisStateRoot;
        batch.lastBlockHash = chain.genesisBlockHash;
        batch.lastTimestamp = chain.genesisTimestamp;
        batch.configHash = chain.configHash;
    }

    // ---- Batches

    /// A good batch after `previous` that takes the whole queue and publishes one blob.
    function next(Batch memory previous) internal view returns (Batch memory batch) {
        uint64 length = bridge.queueLength(previous.chainId);
        batch = Batch({
            protocolVersion: 1,
            chainId: previous.chainId,
            number: previous.number + 1,
            programVersion: VERSION,
            previousBatchHash: hashOf(previous),
            previousStateRoot: previous.newStateRoot,
            newStateRoot: keccak256(abi.encode(previous.newStateRoot)),
            firstBlock: previous.lastBlock + 1,
            lastBlock: previous.lastBlock + 10,
            lastBlockHash: keccak256(abi.encode(previous.lastBlockHash)),
            lastTimestamp: uint64(block.timestamp),
            queueIndex: length,
            queueHash: bridge.queueHash(previous.chainId, length),
            messagesRoot: 0,
            outboundHash: 0,
            inboundHash: 0,
            dataHash: dataHashOf(openings(1)),
            configHash: previous.configHash,
            l1BaseFee: 10 gwei,
            l1BlobBaseFee: block.blobbasefee
        });
    }

    function hashOf(Batch memory batch) internal pure returns (bytes32) {
        return keccak256(abi.encode(batch));
    }

    /// Blobs of the polynomial zero: their commitment and every proof are the point at infinity, their value is 0
    /// everywhere.
    function openings(uint256 count) internal pure returns (BlobOpening[] memory all) {
        all = new BlobOpening[](count);
        bytes memory infinity = abi.encodePacked(bytes1(0xc0), bytes31(0), bytes16(0));
        bytes32 versionedHash = (sha256(infinity) & ~bytes32(bytes1(0xff))) | bytes32(bytes1(0x01));
        for (uint256 i = 0; i < count; ++i) {
            all[i] = BlobOpening(versionedHash, bytes32(i + 7), 0, infinity, infinity);
        }
    }

    function dataHashOf(BlobOpening[] memory blobs) internal pure returns (bytes32) {
        Blobs.Point[] memory points = new Blobs.Point[](blobs.length);
        for (uint256 i = 0; i < blobs.length; ++i) {
            points[i] = Blobs.Point(blobs[i].versionedHash, blobs[i].z, blobs[i].y);
        }
        return keccak256(abi.encode(uint8(0), blobs.length, points));
    }

    function carry(BlobOpening[] memory blobs) internal {
        bytes32[] memory hashes = new bytes32[](blobs.length);
        for (uint256 i = 0; i < blobs.length; ++i) {
            hashes[i] = blobs[i].versionedHash;
        }
        vm.blobhashes(hashes);
    }

    function commit(Batch memory batch) internal {
        BlobOpening[] memory blobs = openings(1);
        carry(blobs);
        vm.prank(COMMITTER);
        proposer.commitBatch(batch, blobs, "");
    }

    function expectCommitRevert(Batch memory batch, bytes memory reason) internal {
        BlobOpening[] memory blobs = openings(1);
        carry(blobs);
        vm.prank(COMMITTER);
        vm.expectRevert(reason);
        proposer.commitBatch(batch, blobs, "");
    }

    function signature(uint256 key, bytes32 batchHash) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, attested.digest(Kinds.ATTESTED, batchHash));
        return abi.encodePacked(r, s, v);
    }

    function proven(Batch memory batch) internal view returns (Proof[] memory proofs) {
        proofs = new Proof[](1);
        proofs[0] = Proof(Kinds.ATTESTED, signature(SIGNER_KEY, hashOf(batch)));
    }

    function one(Batch memory batch) internal pure returns (Batch[] memory batches) {
        batches = new Batch[](1);
        batches[0] = batch;
    }

    function one(Proof[] memory proof) internal pure returns (Proof[][] memory proofs) {
        proofs = new Proof[][](1);
        proofs[0] = proof;
    }

    function verify(Batch memory batch) internal {
        proposer.verifyBatches(batch.chainId, one(batch), one(proven(batch)));
    }

    /// Commit and verify the next batch with these messages.
    function settle(bytes32 messagesRoot) internal returns (Batch memory batch) {
        batch = next(last);
        batch.messagesRoot = messagesRoot;
        commit(batch);
        verify(batch);
        last = batch;
    }

    // ---- Withdrawals

    function coinWithdrawal(address receiver, uint256 amount, uint64 batchNumber, uint256 messageId)
        internal
        pure
        returns (ICommonBridge.Withdrawal memory)
    {
        return ICommonBridge.Withdrawal(L2.COIN, L2.COIN, receiver, amount, batchNumber, messageId);
    }

    function leafOf(ICommonBridge.Withdrawal memory withdrawal) internal pure returns (bytes32) {
        bytes32 data =
            keccak256(abi.encodePacked(withdrawal.tokenL1, withdrawal.tokenL2, withdrawal.receiver, withdrawal.amount));
        return keccak256(abi.encode(keccak256(abi.encode(L2.BRIDGE, data, withdrawal.messageId))));
    }

    function _named(string memory name) private pure returns (address) {
        return vm.addr(uint256(keccak256(bytes(name))));
    }
}
