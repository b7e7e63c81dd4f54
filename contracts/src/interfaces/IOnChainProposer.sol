// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {Batch, BlobOpening, ChainParameters, DataMode, Proof} from "./Types.sol";

/// @title Where rollups settle: batches are committed, verified, reverted; one deployment serves many chains.
/// @notice Of a batch only the hash is kept. Whoever acts on a batch later hands the struct in again.
interface IOnChainProposer {
    /// @notice What is kept of a batch.
    struct Record {
        bytes32 batchHash;
        uint64 committedAt;
        uint64 queueIndex;
        /// When its messages can be claimed; 0 before it is verified.
        uint64 claimableAt;
        /// Policy of the registry that its proofs have to meet, as it was at commit.
        uint32 policy;
        uint32 programVersion;
    }

    /// @notice Where a chain stands.
    struct ChainStatus {
        uint64 lastCommitted;
        uint64 lastVerified;
        /// The guardian's pause ends by itself then.
        uint64 pausedUntil;
        bool frozen;
        DataMode dataMode;
        address dataAvailability;
        address admin;
        bytes32 configHash;
    }

    event ChainRegistered(
        uint256 indexed chainId, bytes32 indexed genesisBatchHash, ChainParameters parameters, bytes32 salt
    );
    /// @notice The batch is in the call data of this transaction, its payload in the blobs.
    event BatchCommitted(
        uint256 indexed chainId,
        uint64 indexed number,
        bytes32 indexed batchHash,
        bytes32 newStateRoot,
        uint64 queueIndex
    );
    event BatchVerified(
        uint256 indexed chainId,
        uint64 indexed number,
        bytes32 indexed batchHash,
        bytes32 messagesRoot,
        uint64 claimableAt
    );
    /// @notice All batches above `lastKept` are gone.
    event BatchesReverted(uint256 indexed chainId, uint64 indexed lastKept, uint64 lastCommitted);
    event TakenOver(uint256 indexed chainId, uint64 indexed number, address by);
    event ChainFrozen(uint256 indexed chainId, uint64 indexed lastVerified);
    event ChainPaused(uint256 indexed chainId, uint64 until);
    event ConfigScheduled(uint256 indexed chainId, bytes32 configHash, uint64 fromBatch);
    event CommitterChanged(uint256 indexed chainId, address indexed committer, bool allowed);
    event GuardianChanged(address indexed guardian);

    error ChainUnknown(uint256 chainId);
    error ChainExists(uint256 chainId);
    error ChainIsFrozen(uint256 chainId);
    error ChainIsPaused(uint256 chainId, uint64 until);
    error ParameterInvalid(bytes32 name);
    error NotCommitter(address caller);
    error NotAdmin(address caller);
    error NotGuardian(address caller);
    error NotRegistry(address caller);
    /// @notice A batch that is not of the chain the call is about, or of another protocol.
    error BatchMismatch(bytes32 field);
    error NumberNotNext(uint64 expected, uint64 got);
    error PreviousHashMismatch(bytes32 expected, bytes32 got);
    error ConfigMismatch(bytes32 expected, bytes32 got);
    error QueueMismatch(bytes32 expected, bytes32 got);
    error QueueBackwards(uint64 from, uint64 to);
    /// @notice The first item that the batch leaves in the queue was due before the batch ends.
    error InclusionOverdue(uint64 index, uint64 deadline);
    error TimeAhead(uint64 lastTimestamp, uint256 now_);
    error FeeTooHigh(bytes32 which, uint256 limit, uint256 got);
    error BlobMissing(uint256 index, bytes32 expected, bytes32 got);
    error BlobUnexpected(uint256 index);
    error BlobCount(uint256 count);
    error OpeningInvalid(uint256 index);
    error DataMismatch(bytes32 expected, bytes32 got);
    error BatchUnknown(uint64 number, bytes32 expected, bytes32 got);
    error LengthMismatch();
    error AlreadyConnected();
    error NothingToVerify();
    error NothingToRevert();
    error RevertTooLate(uint64 number);
    error NotStalled(uint64 openAt);
    /// @notice Outsiders can meet the chain's policy: takeover comes before a freeze.
    error TakeoverPossible(uint64 openAt);

    /// @notice Open a chain. Owner only; the coin of its genesis state is paid in here.
    /// @param salt Binds every proof to this deployment; may be any value.
    /// @return genesisBatchHash What the first batch names as its previous one.
    function registerChain(ChainParameters calldata parameters, bytes32 salt)
        external
        payable
        returns (bytes32 genesisBatchHash);

    /// @notice Commit the next batch, with its blobs in the same transaction. Committers only.
    /// @param openings One per blob of the transaction, in order; empty for a validium.
    /// @param certificate For a validium `abi.encode(bytes32 pointer, bytes32 digest, bytes signatures)`; else empty.
    function commitBatch(Batch calldata batch, BlobOpening[] calldata openings, bytes calldata certificate) external;

    /// @notice Verify the next batches, in order. Open to all: the proofs decide.
    /// @param proofs For each batch its proofs, by kind, rising.
    function verifyBatches(uint256 chainId, Batch[] calldata batches, Proof[][] calldata proofs) external;

    /// @notice Drop all commitments above `lastKept`. Admin and guardian; verified batches only by the guardian, and only
    /// until their messages can be claimed.
    function revertBatches(uint256 chainId, uint64 lastKept) external;

    /// @notice Drop the unverified commitments once the oldest is past the proof window. Open to all.
    function revertUnproven(uint256 chainId) external;

    /// @notice Drop the unverified commitments, since a version was revoked. Registry only.
    function revertRevoked(uint256 chainId) external;

    /// @notice Commit and verify the next batch in one call. Open to all once the chain stands still; unverified
    /// commitments are dropped before.
    function takeover(
        Batch calldata batch,
        BlobOpening[] calldata openings,
        bytes calldata certificate,
        Proof[] calldata proofs
    ) external;

    /// @notice End a chain that stands still. Open to all; terminal.
    function freeze(uint256 chainId) external;

    /// @notice Block deposits and commits for a while, never claims. Guardian only.
    function pause(uint256 chainId, uint64 seconds_) external;
    function unpause(uint256 chainId) external;

    /// @notice Batches from `fromBatch` on have to name this configuration. Owner only.
    function scheduleConfig(uint256 chainId, bytes32 configHash, uint64 fromBatch) external;
    function setCommitter(uint256 chainId, address committer, bool allowed) external;
    function setGuardian(address newGuardian) external;

    /// @notice Who may pause, and revert what cannot be claimed yet.
    function guardian() external view returns (address);
    function chainStatus(uint256 chainId) external view returns (ChainStatus memory);
    function parametersOf(uint256 chainId) external view returns (ChainParameters memory);
    function record(uint256 chainId, uint64 number) external view returns (Record memory);
    function isCommitter(uint256 chainId, address account) external view returns (bool);

    /// @notice Root of the messages of a verified batch, and when they can be claimed; reverts for any other batch.
    function messagesRoot(uint256 chainId, uint64 number) external view returns (bytes32 root, uint64 claimableAt);

    /// @notice From when on takeover is open; the last moment of time while nothing waits.
    function takeoverOpensAt(uint256 chainId) external view returns (uint64);

    /// @notice From when on `freeze` is open.
    function freezeOpensAt(uint256 chainId) external view returns (uint64);

    /// @notice Highest prices that a batch committed in this block may name.
    function feeLimits(uint256 chainId) external view returns (uint256 baseFee, uint256 blobBaseFee);

    /// @notice Whether the chain is known, and takes deposits.
    function requireOpen(uint256 chainId) external view;
}
