// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {OwnableUpgradeable} from "@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {ICommonBridge} from "../interfaces/ICommonBridge.sol";
import {IDataAvailability} from "../interfaces/IDataAvailability.sol";
import {IOnChainProposer} from "../interfaces/IOnChainProposer.sol";
import {IVerifierRegistry} from "../interfaces/IVerifierRegistry.sol";
import {Batch, BlobOpening, ChainParameters, DataMode, Proof} from "../interfaces/Types.sol";
import {Batches} from "../libraries/Batches.sol";
import {Blobs} from "../libraries/Blobs.sol";

/// @title Settlement of all chains of a deployment. See {IOnChainProposer}.
contract OnChainProposer is IOnChainProposer, OwnableUpgradeable, UUPSUpgradeable, ReentrancyGuardTransient {
    using Batches for Batch;

    uint64 public constant MAX_PAUSE = 7 days;
    uint64 public constant MAX_TAKEOVER_DELAY = 14 days;
    /// A price of L1 up to here is not looked at: an L1 whose fees fell since a batch was sealed takes it even so.
    uint256 public constant PRICE_FLOOR = 1 gwei;
    uint64 private constant NEVER = type(uint64).max;

    struct Chain {
        ChainParameters parameters;
        uint64 lastCommitted;
        uint64 lastVerified;
        uint64 pausedUntil;
        bool frozen;
        /// Highest prices of L1 that commits have seen; an eighth of each is forgotten at every commit.
        uint128 highBaseFee;
        uint128 highBlobBaseFee;
        bytes32 nextConfigHash;
        uint64 nextConfigFrom;
        mapping(uint64 number => Record) records;
        mapping(uint64 number => bytes32) messagesRoots;
        mapping(address account => bool) committers;
    }

    /// @custom:storage-location erc7201:ethrex.storage.OnChainProposer
    struct Storage {
        ICommonBridge bridge;
        IVerifierRegistry registry;
        address guardian;
        mapping(uint256 chainId => Chain) chains;
    }

    bytes32 private constant STORAGE =
        keccak256(abi.encode(uint256(keccak256("ethrex.storage.OnChainProposer")) - 1)) & ~bytes32(uint256(0xff));

    constructor() {
        _disableInitializers();
    }

    function initialize(address owner) external initializer {
        __Ownable_init(owner);
    }

    /// @notice Name the other contracts of the deployment, once.
    function connect(ICommonBridge bridge_, IVerifierRegistry registry_) external onlyOwner {
        Storage storage $ = _storage();
        require(address($.bridge) == address(0), AlreadyConnected());
        require(address(bridge_) != address(0), ParameterInvalid("bridge"));
        require(address(registry_) != address(0), ParameterInvalid("registry"));
        ($.bridge, $.registry) = (bridge_, registry_);
    }

    // ---- Chains

    /// @inheritdoc IOnChainProposer
    function registerChain(ChainParameters calldata parameters, bytes32 salt)
        external
        payable
        onlyOwner
        returns (bytes32 genesisBatchHash)
    {
        Chain storage chain = _storage().chains[parameters.chainId];
        require(chain.parameters.chainId == 0, ChainExists(parameters.chainId));
        _requireValid(parameters);
        chain.parameters = parameters;
        chain.committers[parameters.committer] = true;
        genesisBatchHash = Batches.genesisHash(parameters, address(this), salt);
        Record storage first = chain.records[0];
        (first.batchHash, first.committedAt, first.claimableAt) =
        (genesisBatchHash, uint64(block.timestamp), uint64(block.timestamp));
        emit ChainRegistered(parameters.chainId, genesisBatchHash, parameters, salt);
        emit CommitterChanged(parameters.chainId, parameters.committer, true);
        _storage().bridge.openChain{value: msg.value}(parameters, msg.sender);
    }

    function _requireValid(ChainParameters calldata parameters) private pure {
        require(parameters.chainId != 0, ParameterInvalid("chainId"));
        require(parameters.admin != address(0), ParameterInvalid("admin"));
        require(parameters.genesisStateRoot != 0, ParameterInvalid("genesisStateRoot"));
        require(parameters.genesisBlockHash != 0, ParameterInvalid("genesisBlockHash"));
        require(parameters.configHash != 0, ParameterInvalid("configHash"));
        require(parameters.blockGasLimit >= 4_000_000, ParameterInvalid("blockGasLimit"));
        require(parameters.drainItems > 0, ParameterInvalid("drainItems"));
        require(parameters.drainGas > 0, ParameterInvalid("drainGas"));
        require(parameters.feeFactor > 0, ParameterInvalid("feeFactor"));
        require(parameters.proofWindow > 0, ParameterInvalid("proofWindow"));
        require(
            parameters.takeoverDelay > parameters.inclusionDelay && parameters.takeoverDelay < MAX_TAKEOVER_DELAY,
            ParameterInvalid("takeoverDelay")
        );
        bool certified = parameters.dataAvailability != address(0);
        require(certified == (parameters.dataMode == DataMode.Validium), ParameterInvalid("dataAvailability"));
    }

    /// @inheritdoc IOnChainProposer
    function scheduleConfig(uint256 chainId, bytes32 configHash, uint64 fromBatch) external onlyOwner {
        Chain storage chain = _known(chainId);
        require(configHash != 0, ParameterInvalid("configHash"));
        require(fromBatch > chain.lastCommitted, ParameterInvalid("fromBatch"));
        chain.parameters.configHash = _configOf(chain, chain.lastCommitted);
        (chain.nextConfigHash, chain.nextConfigFrom) = (configHash, fromBatch);
        emit ConfigScheduled(chainId, configHash, fromBatch);
    }

    /// @inheritdoc IOnChainProposer
    function setCommitter(uint256 chainId, address committer, bool allowed) external {
        Chain storage chain = _known(chainId);
        require(msg.sender == chain.parameters.admin, NotAdmin(msg.sender));
        chain.committers[committer] = allowed;
        emit CommitterChanged(chainId, committer, allowed);
    }

    /// @inheritdoc IOnChainProposer
    function setGuardian(address newGuardian) external onlyOwner {
        _storage().guardian = newGuardian;
        emit GuardianChanged(newGuardian);
    }

    // ---- Commit

    /// @inheritdoc IOnChainProposer
    function commitBatch(Batch calldata batch, BlobOpening[] calldata openings, bytes calldata certificate)
        external
        nonReentrant
    {
        Chain storage chain = _open(batch.chainId);
        require(chain.committers[msg.sender], NotCommitter(msg.sender));
        _commit(chain, batch, openings, certificate);
    }

    function _commit(
        Chain storage chain,
        Batch calldata batch,
        BlobOpening[] calldata openings,
        bytes calldata certificate
    ) private returns (bytes32 batchHash) {
        Record storage previous = chain.records[chain.lastCommitted];
        _requireNext(chain, previous, batch);
        _requireQueue(chain, previous.queueIndex, batch);
        _requirePrices(chain, batch);
        bytes32 dataHash = _dataHash(chain, openings, certificate);
        require(dataHash == batch.dataHash, DataMismatch(dataHash, batch.dataHash));

        batchHash = batch.hash();
        chain.lastCommitted = batch.number;
        chain.records[batch.number] = Record({
            batchHash: batchHash,
            committedAt: uint64(block.timestamp),
            queueIndex: batch.queueIndex,
            claimableAt: 0,
            policy: _storage().registry.requireActive(batch.chainId, batch.programVersion, batch.number),
            programVersion: batch.programVersion
        });
        emit BatchCommitted(batch.chainId, batch.number, batchHash, batch.newStateRoot, batch.queueIndex);
    }

    function _requireNext(Chain storage chain, Record storage previous, Batch calldata batch) private view {
        require(batch.protocolVersion == Batches.PROTOCOL_VERSION, BatchMismatch("protocolVersion"));
        uint64 number = chain.lastCommitted + 1;
        require(batch.number == number, NumberNotNext(number, batch.number));
        require(
            batch.previousBatchHash == previous.batchHash,
            PreviousHashMismatch(previous.batchHash, batch.previousBatchHash)
        );
        bytes32 configHash = _configOf(chain, number);
        require(batch.configHash == configHash, ConfigMismatch(configHash, batch.configHash));
        require(batch.outboundHash == 0, BatchMismatch("outboundHash"));
        require(batch.inboundHash == 0, BatchMismatch("inboundHash"));
        require(batch.lastTimestamp <= block.timestamp, TimeAhead(batch.lastTimestamp, block.timestamp));
    }

    /// Forced inclusion runs in the time of L2: a batch that was sealed in time may be committed late, and a batch that
    /// takes its share of a long queue goes through, so that the queue drains.
    function _requireQueue(Chain storage chain, uint64 from, Batch calldata batch) private view {
        require(batch.queueIndex >= from, QueueBackwards(from, batch.queueIndex));
        (bytes32 hash, uint64 headDeadline, uint256 gasTaken) =
            _storage().bridge.queueRange(batch.chainId, from, batch.queueIndex);
        require(batch.queueHash == hash, QueueMismatch(hash, batch.queueHash));
        if (headDeadline > batch.lastTimestamp) return;
        bool drains = batch.queueIndex - from >= chain.parameters.drainItems || gasTaken >= chain.parameters.drainGas;
        require(drains, InclusionOverdue(batch.queueIndex, headDeadline));
    }

    /// Users pay what the batch names; a sealed batch may come after prices fell, so what was seen lately counts too.
    function _requirePrices(Chain storage chain, Batch calldata batch) private {
        (uint256 baseFee, uint256 blobBaseFee) = _highest(chain);
        uint256 factor = chain.parameters.feeFactor;
        require(batch.l1BaseFee <= baseFee * factor, FeeTooHigh("l1BaseFee", baseFee * factor, batch.l1BaseFee));
        require(
            batch.l1BlobBaseFee <= blobBaseFee * factor,
            FeeTooHigh("l1BlobBaseFee", blobBaseFee * factor, batch.l1BlobBaseFee)
        );
        chain.highBaseFee = uint128(Math.max(block.basefee, baseFee - baseFee / 8));
        chain.highBlobBaseFee = uint128(Math.max(block.blobbasefee, blobBaseFee - blobBaseFee / 8));
    }

    function _highest(Chain storage chain) private view returns (uint256 baseFee, uint256 blobBaseFee) {
        baseFee = Math.max(Math.max(block.basefee, chain.highBaseFee), PRICE_FLOOR);
        blobBaseFee = Math.max(Math.max(block.blobbasefee, chain.highBlobBaseFee), PRICE_FLOOR);
    }

    function _dataHash(Chain storage chain, BlobOpening[] calldata openings, bytes calldata certificate)
        private
        view
        returns (bytes32)
    {
        if (chain.parameters.dataMode == DataMode.Rollup) {
            require(certificate.length == 0, BatchMismatch("certificate"));
            return Blobs.requireOpened(openings);
        }
        require(openings.length == 0, BlobCount(openings.length));
        require(blobhash(0) == 0, BlobUnexpected(0));
        IDataAvailability availability = IDataAvailability(chain.parameters.dataAvailability);
        return availability.requireAvailable(chain.parameters.chainId, certificate);
    }

    // ---- Verify

    /// @inheritdoc IOnChainProposer
    function verifyBatches(uint256 chainId, Batch[] calldata batches, Proof[][] calldata proofs) external nonReentrant {
        Chain storage chain = _alive(chainId);
        require(batches.length > 0, NothingToVerify());
        require(batches.length == proofs.length, LengthMismatch());
        IVerifierRegistry.Claim[] memory claims = new IVerifierRegistry.Claim[](batches.length);
        uint64 number = chain.lastVerified;
        for (uint256 i = 0; i < batches.length; ++i) {
            claims[i] = _claimed(chain, number + uint64(i) + 1, batches[i]);
        }
        uint64[] memory delays = _storage().registry.requireProven(chainId, claims, proofs);
        uint64 claimableAt = chain.records[number].claimableAt;
        for (uint256 i = 0; i < batches.length; ++i) {
            claimableAt = _settle(chain, batches[i], claims[i].batchHash, claimableAt, delays[i]);
        }
        chain.lastVerified = number + uint64(batches.length);
    }

    /// What has to be proven of a batch: that it is the committed one is seen here.
    function _claimed(Chain storage chain, uint64 number, Batch calldata batch)
        private
        view
        returns (IVerifierRegistry.Claim memory)
    {
        Record storage committed = chain.records[number];
        bytes32 expected = number <= chain.lastCommitted ? committed.batchHash : bytes32(0);
        bytes32 batchHash = batch.hashAsItLies();
        require(batchHash == expected, BatchUnknown(number, expected, batchHash));
        return IVerifierRegistry.Claim(batchHash, committed.programVersion, committed.policy);
    }

    /// A batch is never claimable before the one that it builds on.
    function _settle(
        Chain storage chain,
        Batch calldata batch,
        bytes32 batchHash,
        uint64 previousClaimableAt,
        uint64 delay
    ) private returns (uint64 claimableAt) {
        claimableAt = uint64(Math.max(previousClaimableAt, block.timestamp + delay));
        uint64 number = batch.number;
        bytes32 root = batch.messagesRoot;
        chain.records[number].claimableAt = claimableAt;
        if (chain.messagesRoots[number] != root) chain.messagesRoots[number] = root;
        emit BatchVerified(batch.chainId, number, batchHash, root, claimableAt);
    }

    // ---- Revert

    /// @inheritdoc IOnChainProposer
    function revertBatches(uint256 chainId, uint64 lastKept) external nonReentrant {
        Chain storage chain = _alive(chainId);
        bool guarded = msg.sender == _storage().guardian;
        require(guarded || msg.sender == chain.parameters.admin, NotAdmin(msg.sender));
        if (lastKept < chain.lastVerified) {
            require(guarded, NotGuardian(msg.sender));
            require(chain.records[lastKept + 1].claimableAt > block.timestamp, RevertTooLate(lastKept + 1));
        }
        _revertTo(chain, chainId, lastKept);
    }

    /// @inheritdoc IOnChainProposer
    function revertUnproven(uint256 chainId) external nonReentrant {
        Chain storage chain = _alive(chainId);
        require(chain.lastCommitted > chain.lastVerified, NothingToRevert());
        uint64 openAt = _later(chain.records[chain.lastVerified + 1].committedAt, chain.parameters.proofWindow);
        require(block.timestamp >= openAt, NotStalled(openAt));
        _revertTo(chain, chainId, chain.lastVerified);
    }

    /// @inheritdoc IOnChainProposer
    function revertRevoked(uint256 chainId) external {
        require(msg.sender == address(_storage().registry), NotRegistry(msg.sender));
        Chain storage chain = _storage().chains[chainId];
        if (chain.lastCommitted > chain.lastVerified) _revertTo(chain, chainId, chain.lastVerified);
    }

    function _revertTo(Chain storage chain, uint256 chainId, uint64 lastKept) private {
        uint64 lastCommitted = chain.lastCommitted;
        require(lastKept < lastCommitted, NothingToRevert());
        chain.lastCommitted = lastKept;
        if (lastKept < chain.lastVerified) chain.lastVerified = lastKept;
        emit BatchesReverted(chainId, lastKept, lastCommitted);
    }

    // ---- Where nobody acts

    /// @inheritdoc IOnChainProposer
    function takeover(
        Batch calldata batch,
        BlobOpening[] calldata openings,
        bytes calldata certificate,
        Proof[] calldata proofs
    ) external nonReentrant {
        uint256 chainId = batch.chainId;
        Chain storage chain = _open(chainId);
        uint64 openAt = _takeoverOpensAt(chain, chainId);
        require(block.timestamp >= openAt, NotStalled(openAt));
        if (chain.lastCommitted > chain.lastVerified) _revertTo(chain, chainId, chain.lastVerified);
        _commit(chain, batch, openings, certificate);
        IVerifierRegistry.Claim[] memory claims = new IVerifierRegistry.Claim[](1);
        Proof[][] memory each = new Proof[][](1);
        (claims[0], each[0]) = (_claimed(chain, batch.number, batch), proofs);
        uint64[] memory delays = _storage().registry.requireProven(chainId, claims, each);
        _settle(chain, batch, claims[0].batchHash, chain.records[chain.lastVerified].claimableAt, delays[0]);
        chain.lastVerified = batch.number;
        emit TakenOver(chainId, batch.number, msg.sender);
    }

    /// @inheritdoc IOnChainProposer
    function freeze(uint256 chainId) external nonReentrant {
        Chain storage chain = _alive(chainId);
        uint64 openAt = _freezeOpensAt(chain, chainId);
        require(block.timestamp >= openAt, NotStalled(openAt));
        if (chain.lastCommitted > chain.lastVerified) _revertTo(chain, chainId, chain.lastVerified);
        chain.frozen = true;
        emit ChainFrozen(chainId, chain.lastVerified);
    }

    /// @inheritdoc IOnChainProposer
    function pause(uint256 chainId, uint64 seconds_) external {
        require(msg.sender == _storage().guardian, NotGuardian(msg.sender));
        require(seconds_ <= MAX_PAUSE, ParameterInvalid("seconds"));
        _pauseUntil(chainId, uint64(block.timestamp) + seconds_);
    }

    /// @inheritdoc IOnChainProposer
    function unpause(uint256 chainId) external {
        require(msg.sender == _storage().guardian || msg.sender == owner(), NotGuardian(msg.sender));
        _pauseUntil(chainId, 0);
    }

    function _pauseUntil(uint256 chainId, uint64 until) private {
        _known(chainId).pausedUntil = until;
        emit ChainPaused(chainId, until);
    }

    /// What waits longest: a commitment for its proof, or an item that no verified batch took.
    function _takeoverOpensAt(Chain storage chain, uint256 chainId) private view returns (uint64) {
        uint64 verified = chain.lastVerified;
        uint64 since = _storage().bridge.queuedAt(chainId, chain.records[verified].queueIndex);
        if (chain.lastCommitted > verified) {
            since = uint64(Math.min(since, chain.records[verified + 1].committedAt));
        }
        return _later(since, chain.parameters.takeoverDelay);
    }

    /// Where outsiders can take over, they have another delay for it.
    function _freezeOpensAt(Chain storage chain, uint256 chainId) private view returns (uint64) {
        uint64 openAt = _takeoverOpensAt(chain, chainId);
        bool outsiders = _storage().registry.openToOutsiders(chainId);
        return outsiders ? _later(openAt, chain.parameters.takeoverDelay) : openAt;
    }

    function _later(uint64 since, uint64 delay) private pure returns (uint64) {
        return since == NEVER ? NEVER : since + delay;
    }

    // ---- Views

    function bridge() external view returns (ICommonBridge) {
        return _storage().bridge;
    }

    function registry() external view returns (IVerifierRegistry) {
        return _storage().registry;
    }

    /// @inheritdoc IOnChainProposer
    function guardian() external view returns (address) {
        return _storage().guardian;
    }

    /// @inheritdoc IOnChainProposer
    function chainStatus(uint256 chainId) external view returns (ChainStatus memory) {
        Chain storage chain = _known(chainId);
        return ChainStatus({
            lastCommitted: chain.lastCommitted,
            lastVerified: chain.lastVerified,
            pausedUntil: chain.pausedUntil,
            frozen: chain.frozen,
            dataMode: chain.parameters.dataMode,
            dataAvailability: chain.parameters.dataAvailability,
            admin: chain.parameters.admin,
            configHash: _configOf(chain, chain.lastCommitted + 1)
        });
    }

    /// @inheritdoc IOnChainProposer
    function parametersOf(uint256 chainId) external view returns (ChainParameters memory) {
        return _known(chainId).parameters;
    }

    /// @inheritdoc IOnChainProposer
    function record(uint256 chainId, uint64 number) external view returns (Record memory) {
        Chain storage chain = _known(chainId);
        require(number <= chain.lastCommitted, BatchUnknown(number, 0, 0));
        return chain.records[number];
    }

    /// @inheritdoc IOnChainProposer
    function isCommitter(uint256 chainId, address account) external view returns (bool) {
        return _known(chainId).committers[account];
    }

    /// @inheritdoc IOnChainProposer
    function messagesRoot(uint256 chainId, uint64 number) external view returns (bytes32 root, uint64 claimableAt) {
        Chain storage chain = _known(chainId);
        require(number <= chain.lastVerified, BatchUnknown(number, 0, 0));
        return (chain.messagesRoots[number], chain.records[number].claimableAt);
    }

    /// @inheritdoc IOnChainProposer
    function takeoverOpensAt(uint256 chainId) external view returns (uint64) {
        return _takeoverOpensAt(_known(chainId), chainId);
    }

    /// @inheritdoc IOnChainProposer
    function freezeOpensAt(uint256 chainId) external view returns (uint64) {
        return _freezeOpensAt(_known(chainId), chainId);
    }

    /// @inheritdoc IOnChainProposer
    function feeLimits(uint256 chainId) external view returns (uint256 baseFee, uint256 blobBaseFee) {
        Chain storage chain = _known(chainId);
        (baseFee, blobBaseFee) = _highest(chain);
        uint256 factor = chain.parameters.feeFactor;
        return (baseFee * factor, blobBaseFee * factor);
    }

    /// @inheritdoc IOnChainProposer
    function requireOpen(uint256 chainId) external view {
        _open(chainId);
    }

    // ---- Storage

    function _configOf(Chain storage chain, uint64 number) private view returns (bytes32) {
        bool changed = chain.nextConfigFrom != 0 && number >= chain.nextConfigFrom;
        return changed ? chain.nextConfigHash : chain.parameters.configHash;
    }

    function _known(uint256 chainId) private view returns (Chain storage chain) {
        chain = _storage().chains[chainId];
        require(chain.parameters.chainId != 0, ChainUnknown(chainId));
    }

    function _alive(uint256 chainId) private view returns (Chain storage chain) {
        chain = _known(chainId);
        require(!chain.frozen, ChainIsFrozen(chainId));
    }

    function _open(uint256 chainId) private view returns (Chain storage chain) {
        chain = _alive(chainId);
        require(chain.pausedUntil <= block.timestamp, ChainIsPaused(chainId, chain.pausedUntil));
    }

    function _storage() private pure returns (Storage storage $) {
        bytes32 slot = STORAGE;
        assembly ("memory-safe") {
            $.slot := slot
        }
    }

    function _authorizeUpgrade(address) internal override onlyOwner {}
}
