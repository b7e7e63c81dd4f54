// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {Batch, ChainParameters} from "./Types.sol";

/// @title The bridge of all chains of a deployment: deposits, the queue to L2, claims.
/// @notice Funds are kept in books per (chain, L1 token, L2 token). A chain's own coin has the pair (COIN, COIN),
/// COIN = 0xEeee…EEeE, whatever token it is on L1.
interface ICommonBridge {
    /// @notice What an account or contract of L1 has called on L2.
    struct SendValues {
        address to;
        uint256 gasLimit;
        /// Taken from the sender's balance on L2.
        uint256 value;
        bytes data;
    }

    /// @notice An item of the queue, beside its hash.
    struct QueueSlot {
        uint64 enqueuedAt;
        uint64 deadline;
        /// Gas of all items up to and with this one.
        uint128 gasUpTo;
    }

    /// @notice An item of the queue as it was logged.
    struct QueueItem {
        address from;
        address to;
        uint64 index;
        uint256 value;
        uint256 gasLimit;
        bytes data;
    }

    /// @notice One withdrawal of the chain's coin or of a token.
    struct Withdrawal {
        address tokenL1;
        address tokenL2;
        address receiver;
        uint256 amount;
        uint64 batchNumber;
        uint256 messageId;
    }

    /// @notice An account of the last verified state, shown by its proof.
    struct AccountProof {
        address account;
        /// Where its code delegates to (EIP-7702); zero for an account without code.
        address delegate;
        /// RLP nodes from the state root to the account.
        bytes[] nodes;
    }

    /// @notice A holder's balance of a token in the last verified state, shown by proofs (`eth_getProof`).
    struct TokenProof {
        address tokenL1;
        address tokenL2;
        /// RLP nodes from the state root to the token's account.
        bytes[] nodes;
        /// From the token's storage root to the slot that names the token of L1.
        bytes[] l1AddressNodes;
        /// From the token's storage root to the holder's balance.
        bytes[] balanceNodes;
    }

    /// @notice An item was added to a chain's queue: transaction type 0x7e with nonce `index`.
    /// @param queueHash The queue's hash after this item.
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
    event Deposited(
        uint256 indexed chainId,
        uint64 indexed index,
        address indexed recipient,
        address tokenL1,
        address tokenL2,
        uint256 amount
    );
    event WithdrawalClaimed(
        uint256 indexed chainId,
        uint256 indexed messageId,
        address indexed receiver,
        address tokenL1,
        address tokenL2,
        uint256 amount
    );
    event QueueItemRefunded(
        uint256 indexed chainId, uint64 indexed index, address indexed to, address token, uint256 amount
    );
    event Escaped(
        uint256 indexed chainId,
        address indexed account,
        address indexed to,
        address tokenL1,
        address tokenL2,
        uint256 amount
    );

    error NotProposer(address caller);
    error AmountZero();
    error RecipientZero();
    error TokenInvalid(address token);
    /// @notice The chain's coin is another token: `deposit` is for ether chains, `depositNative` for the others.
    error NativeTokenMismatch(address nativeToken);
    error GasLimitTooLow(uint256 minimum, uint256 got);
    error GasLimitTooHigh(uint256 maximum, uint256 got);
    error DataTooLarge(uint256 maximum, uint256 got);
    error QueueGasExhausted(uint256 left, uint256 got);
    error FeeTooLow(uint256 fee, uint256 got);
    error SystemSender(address sender);
    error QueueIndexUnknown(uint64 index);
    error NotYetClaimable(uint64 claimableAt);
    error AlreadyClaimed(uint256 messageId);
    error ProofInvalid();
    error BookExceeded(uint256 left, uint256 wanted);
    error PaymentFailed(address to, uint256 amount);
    error NotFrozen(uint256 chainId);
    error ItemMismatch(uint64 index);
    error NothingToRefund(uint64 index);
    error AlreadyRefunded(uint64 index);
    error AlreadyEscaped(address account);
    error NotEscapable(address account);
    error AlreadyConnected();
    error GenesisBalanceMissing(uint256 expected, uint256 got);

    /// @notice Ether to an account of a chain whose coin is ether. What the account cannot take comes back to the
    /// depositor as a withdrawal.
    function deposit(uint256 chainId, address recipient) external payable returns (uint64 index);

    /// @notice The chain's own coin where that is a token of L1.
    function depositNative(uint256 chainId, address recipient, uint256 amount) external returns (uint64 index);

    /// @notice A token of L1, to be minted by `tokenL2`. What arrives counts, not what was asked for.
    function depositERC20(uint256 chainId, address tokenL1, address tokenL2, address recipient, uint256 amount)
        external
        returns (uint64 index);

    /// @notice Call a contract of L2. Its gas is paid here: `queueFee`; what is sent beyond comes back.
    function sendToL2(uint256 chainId, SendValues calldata values) external payable returns (uint64 index);

    /// @notice Tell L2 of this block of L1 (`IL1Info`). Anybody may; the gas of it is paid here as with {sendToL2}.
    function sendL1Info(uint256 chainId) external payable returns (uint64 index);

    /// @notice Take what was withdrawn on L2. Anyone may call; the receiver is paid, once.
    /// @param withdrawal Coin: tokenL1 = tokenL2 = COIN.
    /// @param proof Siblings from the message's leaf to the batch's root (OpenZeppelin `MerkleProof`).
    function claimWithdrawal(uint256 chainId, Withdrawal calldata withdrawal, bytes32[] calldata proof) external;

    /// @notice After a freeze: an item that no verified batch took goes back to who paid for it. Open to all, once.
    function refundQueueItem(uint256 chainId, QueueItem calldata item) external;

    /// @notice After a freeze: the coin that an account held in the last verified state. The account itself calls, or
    /// the contract whose alias it is; once.
    /// @param last The last verified batch.
    function escapeCoin(uint256 chainId, Batch calldata last, AccountProof calldata account) external;

    /// @notice After a freeze: what an account held of a token of the bridge in the last verified state. Called as
    /// {escapeCoin} is; once for each token.
    /// @param last The last verified batch.
    /// @param holder Its nodes may be left out by an account with a key and by the contract whose alias it is; a
    /// contract of L1 that calls for its own address has to show that nobody's code was there on L2.
    /// @param token A token that has the code of the bridge's tokens, whoever deployed it.
    function escapeToken(uint256 chainId, Batch calldata last, AccountProof calldata holder, TokenProof calldata token)
        external;

    /// @notice Upgrade a predeploy of L2: a privileged call of its proxy's admin. Owner only.
    function upgradeL2Contract(
        uint256 chainId,
        address proxy,
        address implementation,
        uint256 gasLimit,
        bytes calldata data
    ) external returns (uint64 index);

    /// @notice Call an L2 predeploy as the bridge of L2 (fee tokens, their prices, what the gas-price oracle says). Owner only.
    function callAsL2Bridge(uint256 chainId, address to, uint256 gasLimit, bytes calldata data)
        external
        returns (uint64 index);

    /// @notice Open a chain's queue and book its genesis balance. Proposer only.
    function openChain(ChainParameters calldata parameters, address payer) external payable;

    /// @notice Number of items that were ever queued.
    function queueLength(uint256 chainId) external view returns (uint64);

    /// @notice Hash of the queue's first `index` items; zero at 0; reverts beyond the end.
    function queueHash(uint256 chainId, uint64 index) external view returns (bytes32);
    function queueSlot(uint256 chainId, uint64 index) external view returns (QueueSlot memory);

    /// @notice What a commit has to know of the queue, in one call.
    /// @return hash Hash of the first `to` items.
    /// @return headDeadline Deadline of item `to`; the last moment of time where there is none.
    /// @return gasTaken Gas of items `from` to `to`.
    function queueRange(uint256 chainId, uint64 from, uint64 to)
        external
        view
        returns (bytes32 hash, uint64 headDeadline, uint256 gasTaken);

    /// @notice When item `index` was queued; the last moment of time where there is none.
    function queuedAt(uint256 chainId, uint64 index) external view returns (uint64);

    /// @notice What `sendToL2` charges in this block for so much gas.
    function queueFee(uint256 gasLimit) external view returns (uint256);

    /// @notice What a book holds.
    function book(uint256 chainId, address tokenL1, address tokenL2) external view returns (uint256);
    function nativeToken(uint256 chainId) external view returns (address);
    function isClaimed(uint256 chainId, uint256 messageId) external view returns (bool);
}
