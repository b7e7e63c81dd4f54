// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {Create2} from "@openzeppelin/contracts/utils/Create2.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {ICommonBridge} from "../src/interfaces/ICommonBridge.sol";
import {Batch, DataMode} from "../src/interfaces/Types.sol";
import {AttestedVerifier} from "../src/l1/AttestedVerifier.sol";
import {DataCommittee} from "../src/l1/DataCommittee.sol";
import {Blobs} from "../src/libraries/Blobs.sol";
import {L2} from "../src/libraries/L2.sol";
import {Test} from "./support/Test.sol";

/// `tests/vectors` as this side makes them: a file that differs fails. `VECTORS=write` (make contracts-vectors) writes them.
contract VectorsTest is Test {
    string private constant FOLDER = "../tests/vectors/";
    uint256 private constant CASES = 3;

    function test_batches() public {
        string memory all;
        for (uint256 i = 0; i < CASES; ++i) {
            Batch memory batch = _batch(i);
            all =
                _item(all, _object(_field("encoded", abi.encode(batch)), _field("hash", keccak256(abi.encode(batch)))));
        }
        _hold("batches.json", all);
    }

    function test_deployments() public {
        string memory all;
        for (uint256 i = 0; i < CASES; ++i) {
            (uint256 l1, address proposer, uint256 chain, bytes32 salt) =
                (i + 1, address(_seeded(i, 1)), 65536999 + i, bytes32(_word(i, 2)));
            all = _item(
                all,
                _object(
                    string.concat(_field("l1ChainId", l1), ",", _field("proposer", proposer)),
                    string.concat(_field("chainId", chain), ",", _field("salt", salt)),
                    _field("previousBatchHash", keccak256(abi.encode(l1, proposer, chain, salt)))
                )
            );
        }
        _hold("deployments.json", all);
    }

    function test_queue() public {
        string memory all;
        bytes32 hash;
        for (uint64 i = 0; i < 5; ++i) {
            ICommonBridge.QueueItem memory item = ICommonBridge.QueueItem({
                from: i % 2 == 0 ? L2.BRIDGE : _seeded(i, 0),
                to: _seeded(i, 1),
                index: i,
                value: i == 1 ? 0 : _word(i, 2) >> (i * 40),
                gasLimit: 21_000 + 100_000 * uint256(i),
                data: i == 0 ? bytes("") : abi.encode(_word(i, 3), i)
            });
            bytes32 itemHash = L2.itemHash(65536999, item);
            hash = L2.chained(hash, itemHash);
            all = _item(
                all,
                _object(
                    string.concat(_field("chainId", 65536999), ",", _field("index", i)),
                    string.concat(_field("from", item.from), ",", _field("to", item.to)),
                    string.concat(_field("value", bytes32(item.value)), ",", _field("gasLimit", item.gasLimit)),
                    _field("data", item.data),
                    string.concat(_field("itemHash", itemHash), ",", _field("queueHash", hash))
                )
            );
        }
        _hold("queue.json", all);
    }

    /// Trees of 0 to 9 leaves with the proof of their last one, which is where the odd node is promoted.
    function test_messages() public {
        string memory all;
        for (uint256 count = 0; count < 10; ++count) {
            string memory items;
            bytes32[] memory leaves = new bytes32[](count);
            for (uint256 i = 0; i < count; ++i) {
                bytes32 data = L2.withdrawalData(L2.COIN, L2.COIN, _seeded(count, i), i + 1);
                leaves[i] = L2.messageLeaf(L2.BRIDGE, data, i + 1);
                items = _item(
                    items,
                    _object(
                        string.concat(_field("receiver", _seeded(count, i)), ",", _field("amount", i + 1)),
                        string.concat(_field("data", data), ",", _field("messageId", i + 1)),
                        _field("leaf", leaves[i])
                    )
                );
            }
            (bytes32 root, string memory proof) = _tree(leaves);
            all = _item(
                all,
                _object(
                    string.concat('"messages":[', items, "]"),
                    _field("root", root),
                    string.concat('"proof":[', proof, "]")
                )
            );
        }
        _hold("messages.json", all);
    }

    function test_published_data() public {
        string memory all;
        for (uint256 count = 1; count <= CASES; ++count) {
            Blobs.Point[] memory points = new Blobs.Point[](count);
            string memory items;
            for (uint256 i = 0; i < count; ++i) {
                points[i] =
                    Blobs.Point(bytes32(_word(count, i)), bytes32(_word(count, i + 10)), bytes32(_word(count, i + 20)));
                items = _item(
                    items,
                    _object(
                        _field("versionedHash", points[i].versionedHash),
                        _field("z", points[i].z),
                        _field("y", points[i].y)
                    )
                );
            }
            all = _item(
                all, _object(string.concat('"openings":[', items, "]"), _field("dataHash", Blobs.dataHash(points)))
            );
        }
        _hold("data.json", all);
    }

    function test_what_a_committee_keeps() public {
        address[] memory members = new address[](1);
        members[0] = address(1);
        bytes memory code = address(new DataCommittee(address(1), members, 1)).code;
        string memory all;
        for (uint256 i = 0; i < CASES; ++i) {
            address committee = _seeded(i, 30);
            bytes32 pointer = i == 0 ? bytes32(0) : bytes32(_word(i, 31));
            bytes memory payload = abi.encode(_word(i, 32), i);
            bytes32 dataHash = keccak256(abi.encode(uint8(DataMode.Validium), pointer, keccak256(payload)));
            vm.etch(committee, code);
            vm.chainId(i + 1);
            bytes32 signedHash = DataCommittee(committee).kept(65536999 + i, dataHash);
            all = _item(
                all,
                _object(
                    string.concat(_field("l1ChainId", i + 1), ",", _field("committee", committee)),
                    string.concat(_field("chainId", 65536999 + i), ",", _field("pointer", pointer)),
                    string.concat(
                        string.concat(_field("payload", payload), ",", _field("digest", keccak256(payload))),
                        ",",
                        _field("dataHash", dataHash),
                        ",",
                        _field("signedHash", signedHash)
                    )
                )
            );
        }
        _hold("committee.json", all);
    }

    /// By the deterministic deployment proxy, which takes salt ‖ creation code.
    function test_create2_addresses() public {
        address deployer = 0x4e59b44847b379578588920cA78FbF26c0B4956C;
        string memory all;
        for (uint256 i = 0; i < CASES; ++i) {
            (bytes32 salt, bytes32 codeHash) = (bytes32(_word(i, 0)), keccak256(abi.encode(_word(i, 1))));
            all = _item(
                all,
                _object(
                    string.concat(_field("deployer", deployer), ",", _field("salt", salt)),
                    _field("creationCodeHash", codeHash),
                    _field("address", Create2.computeAddress(salt, codeHash, deployer))
                )
            );
        }
        _hold("create2.json", all);
    }

    function test_attestations_of_the_provers() public {
        string memory file = vm.readFile(string.concat(FOLDER, "attestations.json"));
        bytes memory code = address(new AttestedVerifier()).code;
        uint256 seen;
        for (; vm.keyExistsJson(file, string.concat("$[", vm.toString(seen), "]")); ++seen) {
            string memory at = string.concat("$[", vm.toString(seen), "]");
            address verifier = vm.parseJsonAddress(file, string.concat(at, ".verifier"));
            vm.etch(verifier, code);
            vm.chainId(vm.parseJsonUint(file, string.concat(at, ".l1ChainId")));
            bytes32 digest = AttestedVerifier(verifier)
                .digest(
                    uint8(vm.parseJsonUint(file, string.concat(at, ".kindNumber"))),
                    vm.parseJsonBytes32(file, string.concat(at, ".batchHash"))
                );

            vm.assertEq(digest, vm.parseJsonBytes32(file, string.concat(at, ".digest")));
        }
        vm.assertTrue(seen > 0);
    }

    function _batch(uint256 seed) private pure returns (Batch memory batch) {
        batch.protocolVersion = 1;
        batch.chainId = uint64(_word(seed, 0)) >> 1;
        batch.number = uint64(seed + 1);
        batch.programVersion = uint32(_word(seed, 1));
        batch.previousBatchHash = bytes32(_word(seed, 2));
        batch.previousStateRoot = bytes32(_word(seed, 3));
        batch.newStateRoot = bytes32(_word(seed, 4));
        batch.firstBlock = uint64(_word(seed, 5));
        batch.lastBlock = uint64(_word(seed, 6));
        batch.lastBlockHash = bytes32(_word(seed, 7));
        batch.lastTimestamp = uint64(_word(seed, 8));
        batch.queueIndex = uint64(_word(seed, 9));
        batch.queueHash = bytes32(_word(seed, 10));
        batch.messagesRoot = bytes32(_word(seed, 11));
        batch.dataHash = bytes32(_word(seed, 12));
        batch.configHash = bytes32(_word(seed, 13));
        batch.l1BaseFee = uint64(_word(seed, 14));
        batch.l1BlobBaseFee = uint64(_word(seed, 15));
    }

    /// Sorted pairs, the odd node promoted; the proof is of the last leaf.
    function _tree(bytes32[] memory leaves) private pure returns (bytes32 root, string memory proof) {
        if (leaves.length == 0) return (0, "");
        bytes32[] memory level = leaves;
        bytes32[] memory siblings = new bytes32[](0);
        while (level.length > 1) {
            bytes32[] memory above = new bytes32[]((level.length + 1) / 2);
            for (uint256 i = 0; i < above.length; ++i) {
                bool odd = 2 * i + 1 == level.length;
                above[i] = odd ? level[2 * i] : _parent(level[2 * i], level[2 * i + 1]);
            }
            if (level.length % 2 == 0) {
                siblings = _appended(siblings, level[level.length - 2]);
                proof = _item(proof, string.concat('"', vm.toString(level[level.length - 2]), '"'));
            }
            level = above;
        }
        root = level[0];
        require(MerkleProof.verify(siblings, root, leaves[leaves.length - 1]), "the proof is good");
    }

    function _parent(bytes32 a, bytes32 b) private pure returns (bytes32) {
        return a < b ? keccak256(abi.encode(a, b)) : keccak256(abi.encode(b, a));
    }

    function _appended(bytes32[] memory list, bytes32 item) private pure returns (bytes32[] memory longer) {
        longer = new bytes32[](list.length + 1);
        for (uint256 i = 0; i < list.length; ++i) {
            longer[i] = list[i];
        }
        longer[list.length] = item;
    }

    function _word(uint256 seed, uint256 salt) private pure returns (uint256) {
        return uint256(keccak256(abi.encode("vector", seed, salt)));
    }

    function _seeded(uint256 seed, uint256 salt) private pure returns (address) {
        return address(uint160(_word(seed, salt)));
    }

    // ---- JSON

    function _hold(string memory name, string memory items) private {
        string memory path = string.concat(FOLDER, name);
        string memory made = string.concat("[", items, "]\n");
        if (keccak256(bytes(vm.envOr("VECTORS", string("")))) == keccak256("write")) vm.writeFile(path, made);
        vm.assertEq(bytes(vm.readFile(path)), bytes(made), name);
    }

    function _item(string memory list, string memory item) private pure returns (string memory) {
        return bytes(list).length == 0 ? item : string.concat(list, ",", item);
    }

    function _object(string memory a, string memory b) private pure returns (string memory) {
        return string.concat("{", a, ",", b, "}");
    }

    function _object(string memory a, string memory b, string memory c) private pure returns (string memory) {
        return _object(a, string.concat(b, ",", c));
    }

    function _object(string memory a, string memory b, string memory c, string memory d, string memory e)
        private
        pure
        returns (string memory)
    {
        return _object(a, b, string.concat(c, ",", d, ",", e));
    }

    function _field(string memory name, uint256 value) private pure returns (string memory) {
        return string.concat('"', name, '":', vm.toString(value));
    }

    function _field(string memory name, bytes32 value) private pure returns (string memory) {
        return string.concat('"', name, '":"', vm.toString(value), '"');
    }

    function _field(string memory name, address value) private pure returns (string memory) {
        return string.concat('"', name, '":"', vm.toString(value), '"');
    }

    function _field(string memory name, bytes memory value) private pure returns (string memory) {
        return string.concat('"', name, '":"', vm.toString(value), '"');
    }
}
