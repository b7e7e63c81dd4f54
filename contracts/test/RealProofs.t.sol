// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {ControlID} from "risc0/groth16/ControlID.sol";
import {RiscZeroGroth16Verifier} from "risc0/groth16/RiscZeroGroth16Verifier.sol";

import {IVerifierRegistry} from "../src/interfaces/IVerifierRegistry.sol";
import {IProofVerifier} from "../src/interfaces/IProofVerifier.sol";
import {Batch, Proof} from "../src/interfaces/Types.sol";
import {IRiscZeroVerifier, Risc0Verifier} from "../src/l1/Risc0Verifier.sol";
import {ISP1Verifier, Sp1Verifier} from "../src/l1/Sp1Verifier.sol";
import {Kinds} from "../src/libraries/Kinds.sol";
import {SP1Verifier as PublicGroth16} from "./public/sp1-v5/SP1VerifierGroth16.sol";
import {SP1Verifier as PublicPlonk} from "./public/sp1-v5/SP1VerifierPlonk.sol";
import {Risc0Groth16, Sp1Groth16} from "./support/Groth16.sol";
import {Sp1V6Groth16, Sp1V6Plonk} from "./support/Sp1V6.sol";
import {World} from "./support/World.sol";

/// Real proofs of others' programs, of a kind: the verifier takes them, the adapter refuses them for any batch.
abstract contract RealProofs is World {
    uint32 private constant ZK = 2;

    /// Of the proof: the program, what it is of, and the proof itself.
    bytes32 internal key;
    bytes internal shown;
    bytes internal proof;
    /// The published verifier, and ours before it.
    address internal verifier;
    IProofVerifier internal adapter;
    uint8 internal kind;

    function _read(string memory name) internal view returns (string memory) {
        return vm.readFile(string.concat("test/fixtures/", name, ".json"));
    }

    /// Ask the published verifier itself.
    function _ask(bytes32 key_, bytes memory shown_, bytes memory proof_) internal view virtual;

    /// What the adapter has to ask for a batch.
    function _question(bytes32 batchHash) internal view virtual returns (bytes memory);

    function ask(bytes32 key_, bytes memory shown_, bytes memory proof_) external view {
        _ask(key_, shown_, proof_);
    }

    function test_a_real_proof_is_accepted_as_it_is() public view {
        _ask(key, shown, proof);
    }

    function testFuzz_a_changed_byte_is_refused(uint256 at, uint8 change) public {
        vm.assume(change != 0);
        (bytes memory changedProof, bytes memory changedShown) = (proof, shown);
        uint256 place = at % (proof.length + shown.length);
        bytes memory target = place < proof.length ? changedProof : changedShown;
        if (place >= proof.length) place -= proof.length;
        target[place] = bytes1(uint8(target[place]) ^ change);

        vm.expectRevert();
        this.ask(key, changedShown, changedProof);
    }

    function test_another_program_is_refused() public {
        vm.expectRevert();
        this.ask(bytes32(uint256(key) ^ 1), shown, proof);
    }

    function testFuzz_the_adapter_asks_for_the_batch_hash_and_nothing_else(bytes32 batchHash, bytes32 other) public {
        vm.assume(batchHash != other);
        vm.mockCall(verifier, _question(batchHash), "");

        vm.assertTrue(adapter.verify(CHAIN, ZK, kind, key, batchHash, proof));
        vm.assertFalse(adapter.verify(CHAIN, ZK, kind, key, other, proof));
        vm.assertFalse(adapter.verify(CHAIN, ZK, kind, bytes32(uint256(key) ^ 1), batchHash, proof));
        vm.assertFalse(adapter.verify(CHAIN, ZK, kind, key, batchHash, "other"));
    }

    function test_a_real_proof_of_something_else_verifies_no_batch() public {
        uint8[] memory kinds = new uint8[](1);
        address[] memory verifiers = new address[](1);
        bytes32[] memory keys = new bytes32[](1);
        (kinds[0], verifiers[0], keys[0]) = (kind, address(adapter), key);
        vm.prank(OWNER);
        registry.registerVersion(CHAIN, ZK, 0, 0, kinds, verifiers, keys);
        setPolicy(CHAIN, IVerifierRegistry.Policy(Kinds.bit(kind), 1, true, 0));
        Batch memory batch = next(last);
        batch.programVersion = ZK;
        commit(batch);
        Proof[] memory proofs = new Proof[](1);
        proofs[0] = Proof(kind, proof);

        vm.expectRevert(abi.encodeWithSelector(IVerifierRegistry.ProofRefused.selector, hashOf(batch), kind));
        proposer.verifyBatches(CHAIN, one(batch), one(proofs));
        vm.mockCall(verifier, _question(hashOf(batch)), "");
        proposer.verifyBatches(CHAIN, one(batch), one(proofs));
    }

    /// An address without a verifier is a mistake of the deployment, and accepts nothing.
    function test_where_no_verifier_is_nothing_is_accepted() public {
        vm.etch(verifier, "");

        vm.expectRevert();
        adapter.verify(CHAIN, ZK, kind, key, bytes32(0), proof);
    }
}

abstract contract Sp1Proofs is RealProofs {
    function _load(string memory name) internal {
        _load(name, new Sp1Groth16(_read(name)));
    }

    function _load(string memory name, ISP1Verifier published) internal {
        string memory json = _read(name);
        (key, shown) = (vm.parseJsonBytes32(json, ".program_vkey"), vm.parseJsonBytes(json, ".public_values"));
        proof = vm.parseJsonBytes(json, ".proof");
        (verifier, adapter, kind) = (address(published), new Sp1Verifier(published), Kinds.SP1);
    }

    function _ask(bytes32 key_, bytes memory shown_, bytes memory proof_) internal view override {
        ISP1Verifier(verifier).verifyProof(key_, shown_, proof_);
    }

    function _question(bytes32 batchHash) internal view override returns (bytes memory) {
        return abi.encodeCall(ISP1Verifier.verifyProof, (key, bytes.concat(batchHash), proof));
    }
}

contract Sp1V5Test is Sp1Proofs {
    function setUp() public override {
        super.setUp();
        _load("sp1-v5");
    }
}

/// Succinct's own contracts, as they are on public chains.
contract Sp1V5PublicGroth16Test is Sp1Proofs {
    function setUp() public override {
        super.setUp();
        _load("sp1-v5", new PublicGroth16());
    }

    /// Tests over processes deploy this file.
    function test_the_file_of_its_code_is_what_is_compiled() public view {
        bytes memory kept = vm.parseBytes(_text("sp1-v5-groth16.hex"));
        vm.assertEq(keccak256(kept), keccak256(type(PublicGroth16).creationCode));
    }

    /// Without the end of the line.
    function _text(string memory name) private view returns (string memory) {
        bytes memory read = bytes(vm.readFile(string.concat("test/fixtures/", name)));
        bytes memory text = new bytes(read.length - 1);
        for (uint256 i = 0; i < text.length; ++i) {
            text[i] = read[i];
        }
        return string(text);
    }
}

contract Sp1V5PublicPlonkTest is Sp1Proofs {
    function setUp() public override {
        super.setUp();
        _load("sp1-v5-plonk", new PublicPlonk());
    }
}

contract Sp1V6Groth16Test is Sp1Proofs {
    function setUp() public override {
        super.setUp();
        _load("sp1-v6-groth16", new Sp1V6Groth16());
    }
}

contract Sp1V6PlonkTest is Sp1Proofs {
    function setUp() public override {
        super.setUp();
        _load("sp1-v6-plonk", new Sp1V6Plonk());
    }
}

abstract contract Risc0Proofs is RealProofs {
    function _load(string memory name) internal {
        _load(name, new Risc0Groth16(_read(name)));
    }

    function _load(string memory name, IRiscZeroVerifier published) internal {
        string memory json = _read(name);
        (key, shown) = (vm.parseJsonBytes32(json, ".image_id"), vm.parseJsonBytes(json, ".journal"));
        proof = vm.parseJsonBytes(json, ".seal");
        (verifier, adapter, kind) = (address(published), new Risc0Verifier(published), Kinds.RISC0);
    }

    function _ask(bytes32 key_, bytes memory shown_, bytes memory proof_) internal view override {
        IRiscZeroVerifier(verifier).verify(proof_, key_, sha256(shown_));
    }

    function _question(bytes32 batchHash) internal view override returns (bytes memory) {
        return abi.encodeCall(IRiscZeroVerifier.verify, (proof, key, sha256(bytes.concat(batchHash))));
    }
}

contract Risc0V2Test is Risc0Proofs {
    function setUp() public override {
        super.setUp();
        _load("risc0-v2.1");
    }
}

contract Risc0V3Test is Risc0Proofs {
    function setUp() public override {
        super.setUp();
        _load("risc0-v3.0");
    }
}

/// RISC Zero's own contract, as it is on public chains.
contract Risc0V3PublicTest is Risc0Proofs {
    function setUp() public override {
        super.setUp();
        RiscZeroGroth16Verifier published =
            new RiscZeroGroth16Verifier(ControlID.CONTROL_ROOT, ControlID.BN254_CONTROL_ID);
        _load("risc0-v3.0", IRiscZeroVerifier(address(published)));
    }
}
