// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {RLP} from "@openzeppelin/contracts/utils/RLP.sol";

/// A Merkle Patricia trie of a few entries under hashed keys, with its proofs. Nodes are as long as a hash or longer:
/// keys are 32 bytes and seldom share more than a few nibbles.
library Tries {
    using RLP for *;

    struct Entry {
        /// Hash of the address or the slot.
        bytes32 key;
        /// What the leaf holds: RLP.
        bytes value;
    }

    function account(address at, uint256 balance, bytes32 storageRoot, bytes32 codeHash)
        internal
        pure
        returns (Entry memory)
    {
        bytes[] memory fields = new bytes[](4);
        (fields[0], fields[1]) = (RLP.encode(uint256(7)), RLP.encode(balance));
        (fields[2], fields[3]) = (_bytes32(storageRoot), _bytes32(codeHash));
        return Entry(keccak256(abi.encodePacked(at)), RLP.encode(fields));
    }

    function slot(bytes32 at, uint256 value) internal pure returns (Entry memory) {
        return Entry(keccak256(abi.encodePacked(at)), RLP.encode(value));
    }

    function root(Entry[] memory entries) internal pure returns (bytes32) {
        return keccak256(_node(entries, 0));
    }

    /// Nodes from the root to where the key is, or would be.
    function prove(Entry[] memory entries, bytes32 key) internal pure returns (bytes[] memory nodes) {
        bytes[] memory found = new bytes[](64);
        uint256 length;
        uint256 depth;
        while (entries.length > 0) {
            found[length++] = _node(entries, depth);
            if (entries.length == 1) break;
            uint256 shared = _shared(entries, depth);
            if (shared > 0) found[length++] = _node(entries, depth += shared);
            entries = _under(entries, depth, _nibble(key, depth));
            ++depth;
        }
        nodes = new bytes[](length);
        for (uint256 i = 0; i < length; ++i) {
            nodes[i] = found[i];
        }
    }

    function _node(Entry[] memory entries, uint256 depth) private pure returns (bytes memory) {
        if (entries.length == 1) return _short(entries[0].key, depth, 64, 2, RLP.encode(entries[0].value));
        uint256 shared = _shared(entries, depth);
        if (shared > 0) {
            return _short(entries[0].key, depth, depth + shared, 0, _bytes32(keccak256(_node(entries, depth + shared))));
        }
        bytes[] memory children = new bytes[](17);
        for (uint256 nibble = 0; nibble < 16; ++nibble) {
            Entry[] memory below = _under(entries, depth, nibble);
            children[nibble] = below.length == 0 ? RLP.encode(bytes("")) : _bytes32(keccak256(_node(below, depth + 1)));
        }
        children[16] = RLP.encode(bytes(""));
        return RLP.encode(children);
    }

    /// A leaf or an extension: nibbles of the key with the prefix that says which, then what is there.
    function _short(bytes32 key, uint256 from, uint256 to, uint8 prefix, bytes memory held)
        private
        pure
        returns (bytes memory)
    {
        bool odd = (to - from) % 2 == 1;
        bytes memory path = abi.encodePacked(odd ? (prefix + 1) * 16 + uint8(_nibble(key, from)) : prefix * 16);
        for (uint256 i = odd ? from + 1 : from; i < to; i += 2) {
            path = abi.encodePacked(path, uint8(_nibble(key, i) * 16 + _nibble(key, i + 1)));
        }
        bytes[] memory both = new bytes[](2);
        (both[0], both[1]) = (RLP.encode(path), held);
        return RLP.encode(both);
    }

    function _shared(Entry[] memory entries, uint256 depth) private pure returns (uint256 count) {
        for (;; ++count) {
            for (uint256 i = 1; i < entries.length; ++i) {
                if (_nibble(entries[i].key, depth + count) != _nibble(entries[0].key, depth + count)) return count;
            }
        }
    }

    function _under(Entry[] memory entries, uint256 depth, uint256 nibble) private pure returns (Entry[] memory below) {
        uint256 count;
        below = new Entry[](entries.length);
        for (uint256 i = 0; i < entries.length; ++i) {
            if (_nibble(entries[i].key, depth) == nibble) below[count++] = entries[i];
        }
        assembly ("memory-safe") {
            mstore(below, count)
        }
    }

    function _nibble(bytes32 key, uint256 at) private pure returns (uint256) {
        return (uint256(key) >> (252 - 4 * at)) & 15;
    }

    function _bytes32(bytes32 word) private pure returns (bytes memory) {
        return RLP.encode(abi.encodePacked(word));
    }
}
