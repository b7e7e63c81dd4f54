"""
Take one check after the other away and see that the lying sequencer's test goes red: `make mutations`.

The checks are a table (`RUST`, `CONTRACTS`): where each stands, and by which name it refuses. Both sides are copied beside
the target folder, every check of the copy asks a switch before it is made, and both are built once; then the test
(`node/native/rollup/tests/lies`) runs for each check, with that one off and only the lies that it has to refuse. A check
that can go without a red test has none. Nothing of the switch is in the real sources.

    python scripts/mutations.py [--table] [rust|contracts|NAME ...]
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contract_artifacts import ARTIFACTS, PUBLISHED, artifact
from contract_artifacts import CONTRACTS as CONTRACTS_FOLDER

ROOT: Final = Path(__file__).resolve().parent.parent
NATIVE: Final = ROOT / "node/native"
TEST: Final = "a_lying_sequencer_gets_nothing_verified"

HEADER = "stf/src/header.rs"
ROLLUP_HEADER, ROLLUP_RULES = (f"stf/src/rollup/{name}.rs" for name in ("header", "rules"))
BLOCK, SENDERS, EXECUTE = "stf/src/block.rs", "stf/src/senders.rs", "stf/src/execute.rs"
WITNESS_RUN, WITNESS_FORM, WITNESS_INDEX = (f"stf/src/witness/{name}.rs" for name in ("execute", "encoding", "index"))
PROGRAM, PAYLOAD, QUEUE, INPUT = (f"rollup/src/{name}.rs" for name in ("program", "payload", "queue", "input"))
PROPOSER, REGISTRY, COMMITTEE = (
    f"src/l1/{name}.sol" for name in ("OnChainProposer", "VerifierRegistry", "DataCommittee")
)
BLOBS, ITEMS, ATTESTED = "src/libraries/Blobs.sol", "src/libraries/Queue.sol", "src/l1/AttestedVerifier.sol"


@dataclass(frozen=True)
class Check:
    """`text` is the condition, once in `file`. It refuses where it is true, or (`keeps`) where it is not."""

    name: str
    file: str
    text: str
    keeps: bool = False
    #: Where two conditions refuse by one name.
    part: str = ""

    @property
    def title(self) -> str:
        return f"{self.name} {self.part}".strip()


def kept(name: str, file: str, text: str, part: str = "") -> Check:
    return Check(name, file, text, True, part)


def fixed(field: str, text: str) -> Check:
    return kept(f"RollupField({field})", ROLLUP_HEADER, text)


RUST: Final = (
    # Headers.
    Check("NumberMismatch", HEADER, "header.number != expected"),
    Check("ParentHashMismatch", HEADER, "header.parent_hash != parent_hash"),
    Check("BaseFeeMismatch", HEADER, "got != expected => Err(BlockError::BaseFeeMismatch"),
    Check("FieldMissing(withdrawalsRoot)", HEADER, "(false, true) => return Err(BlockError::FieldMissing"),
    Check("FieldUnexpected(blockAccessListHash)", HEADER, "(true, false) => return Err(BlockError::FieldUnexpected"),
    Check("TimestampNotAfterParent", ROLLUP_HEADER, "header.timestamp < parent.timestamp"),
    kept("RollupField(extraData)", ROLLUP_HEADER, "expected == got"),
    kept("SecondFull", ROLLUP_HEADER, "place < MAX_BLOCKS_PER_SECOND"),
    Check("GasUsedAboveLimit", ROLLUP_HEADER, "header.gas_used > header.gas_limit"),
    fixed("gasLimit", "header.gas_limit == rules.gas_limit"),
    fixed("miner", "header.beneficiary == rules.fee_recipient"),
    fixed("mixHash", "header.mix_hash == prev_randao(header.parent_hash, header.number)"),
    fixed("difficulty", "header.difficulty.is_zero()"),
    fixed("nonce", "header.nonce == B64::ZERO"),
    fixed("sha3Uncles", "header.ommers_hash == EMPTY_OMMER_ROOT_HASH"),
    fixed("parentBeaconBlockRoot", "header.parent_beacon_block_root == Some(B256::ZERO)"),
    fixed("withdrawalsRoot", "header.withdrawals_root == Some(EMPTY_WITHDRAWALS)"),
    fixed("blobGasUsed", "header.blob_gas_used == Some(0)"),
    fixed("excessBlobGas", "header.excess_blob_gas == Some(0)"),
    # Bodies and transactions.
    Check("TrailingBytes", BLOCK, "!rest.is_empty()"),
    Check("TransactionsRootMismatch", BLOCK, "header.transactions_root != expected"),
    kept("WithdrawalsRootMismatch", BLOCK, "got == expected => Ok(()),"),
    Check("WithdrawalsMissing", BLOCK, "None if active =>"),
    Check("Ommers", WITNESS_RUN, "!block.body.ommers.is_empty()"),
    Check("TypeInactive", SENDERS, "BLOB_TYPE if self.rollup =>"),
    Check("ChainIdMismatch", SENDERS, "got != self.chain_id =>"),
    Check("SignatureInvalid", SENDERS, "self.fork >= Fork::Homestead && signature.s() > signature::SECP256K1N_HALF"),
    Check("BlockGasExceeded", EXECUTE, "gas_limit > left"),
    Check("TipBelowOperatorFee", ROLLUP_RULES, "tip < u128::from(operator_fee)"),
    # What execution gives.
    Check("GasUsedMismatch", EXECUTE, "header.gas_used != executed.gas_used"),
    Check("ReceiptsRootMismatch", EXECUTE, "header.receipts_root != executed.receipts_root"),
    Check("LogsBloomMismatch", EXECUTE, "header.logs_bloom != executed.logs_bloom"),
    Check("RequestsHashMismatch", EXECUTE, "got != expected => Err(BlockError::RequestsHashMismatch"),
    Check("StateRootMismatch", WITNESS_RUN, "got != expected"),
    # Witness and input.
    Check("WitnessVersion", WITNESS_FORM, "version != VERSION"),
    Check("Witness(bytes after the witness)", WITNESS_FORM, "!rest.is_empty()"),
    kept("Witness(a list out of order)", WITNESS_FORM, "items.is_sorted_by(|a, b| a < b)"),
    Check("Input(bytes after it)", INPUT, "!rest.is_empty()"),
    Check("Input(of another version)", INPUT, "form.version != VERSION"),
    # The run against the batch before, the queue, the payload.
    *(
        kept(f"Previous({what})", PROGRAM, text)
        for what, text in (
            ("protocol version", "previous.protocol_version == PROTOCOL_VERSION"),
            ("chain id", "previous.chain_id == spec.chain_id"),
            ("block number", "first.header.number == previous.last_block + 1"),
            ("parent hash", "first.header.parent_hash == previous.last_block_hash"),
            ("state root", "before.parent_state_root == previous.new_state_root"),
        )
    ),
    Check("Prices", PROGRAM, "l1_prices(&block.header) != prices"),
    kept("Queue", QUEUE, "item.nonce == self.index"),
    Check("NotPublished", PROGRAM, "published.body != run.diff.encode()"),
    Check("Blobs", PROGRAM, "payload.len() != versioned_hashes.len() * PAYLOAD_BYTES"),
    Check("Payload(Padding)", PAYLOAD, "bytes.len() != payload.len().next_multiple_of(PAYLOAD_BYTES)", part="length"),
    Check("Payload(Padding)", PAYLOAD, "padding.iter().any(|byte| *byte != 0)", part="zeros"),
    Check("Payload(Padding)", PAYLOAD, "!after.is_empty()", part="of a validium"),
)

CONTRACTS: Final = (
    kept("ChainUnknown", PROPOSER, "chain.parameters.chainId != 0"),
    kept("NotCommitter", PROPOSER, "chain.committers[msg.sender]"),
    kept("BatchMismatch(protocolVersion)", PROPOSER, "batch.protocolVersion == Batches.PROTOCOL_VERSION"),
    kept("NumberNotNext", PROPOSER, "batch.number == number"),
    kept("PreviousHashMismatch", PROPOSER, "batch.previousBatchHash == previous.batchHash"),
    kept("ConfigMismatch", PROPOSER, "batch.configHash == configHash"),
    kept("BatchMismatch(outboundHash)", PROPOSER, "batch.outboundHash == 0"),
    kept("BatchMismatch(inboundHash)", PROPOSER, "batch.inboundHash == 0"),
    kept("TimeAhead", PROPOSER, "batch.lastTimestamp <= block.timestamp"),
    kept("QueueBackwards", PROPOSER, "batch.queueIndex >= from"),
    kept("QueueMismatch", PROPOSER, "batch.queueHash == hash"),
    Check("InclusionOverdue", PROPOSER, "require(drains, InclusionOverdue", True),
    kept("FeeTooHigh(l1BaseFee)", PROPOSER, "batch.l1BaseFee <= baseFee * factor"),
    kept("FeeTooHigh(l1BlobBaseFee)", PROPOSER, "batch.l1BlobBaseFee <= blobBaseFee * factor"),
    kept("DataMismatch", PROPOSER, "dataHash == batch.dataHash"),
    kept("BatchMismatch(certificate)", PROPOSER, "certificate.length == 0"),
    kept("BlobCount", PROPOSER, "openings.length == 0", part="of a validium"),
    kept("BlobUnexpected", PROPOSER, "blobhash(0) == 0", part="of a validium"),
    kept("NothingToVerify", PROPOSER, "batches.length > 0"),
    kept("BatchUnknown", PROPOSER, "batchHash == expected"),
    kept("BlobCount", BLOBS, "count > 0 && count <= MAX_BLOBS"),
    kept("BlobUnexpected", BLOBS, "blobhash(count) == 0"),
    kept("BlobMissing", BLOBS, "versionedHash != 0 && versionedHash == opening.versionedHash"),
    kept("OpeningInvalid", BLOBS, "_opens(opening)"),
    kept("QueueIndexUnknown", ITEMS, "index <= self.length"),
    kept("VersionUnknown", REGISTRY, "version.known"),
    kept("VersionIsRevoked", REGISTRY, "!version.revoked"),
    kept("VersionNotActive", REGISTRY, "number >= version.activationBatch"),
    kept("VersionExpired", REGISTRY, "require(!expired, VersionExpired"),
    kept("KindsNotRising", REGISTRY, "kind > before"),
    kept("KindWithoutVerifier", REGISTRY, "verifier != address(0)"),
    kept("ProofRefused", REGISTRY, "require(good, ProofRefused"),
    kept("PolicyNotMet", REGISTRY, "require(met, PolicyNotMet"),
    kept("ProofRefused", ATTESTED, "failure == ECDSA.RecoverError.NoError && isSigner(chainId, programVersion, kind, signer)", part="of a signer"),
    kept("CertificateInvalid", COMMITTEE, "signatures.length == count * SIGNATURE_BYTES && count >= threshold", part="count"),
    kept("CertificateInvalid", COMMITTEE, "signer > before && isMember[signer]", part="members"),
)  # fmt: skip


class TableWrong(Exception):
    """A check does not stand where the table says."""


def patched(source: str, check: Check, switch: str) -> str:
    """The source with a check that asks the switch first: `switch` is the condition for its being made."""
    if source.count(check.text) != 1:
        raise TableWrong(f"{check.title}: {check.text!r} stands {source.count(check.text)} times in {check.file}")
    return source.replace(check.text, _switched(check.text, switch, check.keeps))


def _switched(text: str, switch: str, keeps: bool) -> str:
    if text.startswith("require("):
        condition, rest = text.removeprefix("require(").split(", ", 1)
        return f"require(!{switch} || {condition}, {rest}"
    head, arrow, tail = text.partition(" =>")
    if not arrow:
        return f"(!{switch} || ({text}))" if keeps else f"({switch} && ({text}))"
    # An arm of a match: its guard gets the switch.
    if head.startswith("("):
        return f"{head} if {switch}{arrow}{tail}"
    pattern, conditional, guard = head.rpartition(" if ")
    asked = f"(!{switch} || {guard or head})" if keeps else f"{switch} && {guard or head}"
    return f"{pattern}{conditional}{asked}{arrow}{tail}"


def table() -> list[str]:
    """What the table says that is not so: empty where every check stands at its place."""
    wrong = []
    for checks, folder in ((RUST, NATIVE), (CONTRACTS, CONTRACTS_FOLDER)):
        for check in checks:
            try:
                patched((folder / check.file).read_text(encoding="utf-8"), check, "switch()")
            except TableWrong as error:
                wrong.append(str(error))
    return wrong


def _patch_all(folder: Path, checks: Sequence[Check], switch: Callable[[int, Check], str]) -> None:
    for number, check in enumerate(checks, 1):
        path = folder / check.file
        path.write_text(patched(path.read_text(encoding="utf-8"), check, switch(number, check)), encoding="utf-8")


def _work() -> Path:
    target = os.environ.get("CARGO_TARGET_DIR")
    if target is None:
        raise SystemExit("mutations: run it by `make mutations`, which says where builds go")
    folder = Path(target) / "mutations"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _copied(source: Path, name: str, *leave: str) -> Path:
    to = _work() / name
    shutil.rmtree(to, ignore_errors=True)
    return Path(shutil.copytree(source, to, ignore=shutil.ignore_patterns(*leave), symlinks=True))


def build_rust() -> Path:
    """The test's program over sources whose checks ask MUTANT."""
    folder = _copied(NATIVE, "native")
    _patch_all(folder, RUST, lambda number, check: f"{_crate(check)}::is_made({number})")
    settings = folder / "Cargo.toml"  # what is patched in is no beauty
    settings.write_text(
        settings.read_text(encoding="utf-8").replace('unused = "deny"', 'unused = "allow"'), encoding="utf-8"
    )
    library = folder / "stf/src/lib.rs"
    switch = 'pub fn is_made(number: u32) -> bool {\n    std::env::var("MUTANT").is_ok_and(|off| off == number.to_string()) == false\n}\n'
    library.write_text(library.read_text(encoding="utf-8") + "\n/// In this copy.\n" + switch, encoding="utf-8")
    return _test_program(folder)


def _crate(check: Check) -> str:
    return "crate" if check.file.startswith("stf/") else "stf"


def _test_program(folder: Path) -> Path:
    command = [
        "cargo",
        "test",
        "--release",
        "--locked",
        "-p",
        "rollup",
        "--features",
        "host",
        "--test",
        "lies",
        "--no-run",
    ]
    # A target folder of its own: cargo takes the copy's crates for those of the checkout.
    environment = {**os.environ, "CARGO_TARGET_DIR": str(_work() / "target")}
    done = subprocess.run(
        [*command, "--message-format=json"],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        env=environment,
    )
    if done.returncode:
        raise SystemExit("mutations: the copy does not build")
    messages = map(json.loads, done.stdout.splitlines())
    return next(
        Path(one["executable"]) for one in messages if one.get("executable") and one["target"]["name"] == "lies"
    )


def build_contracts() -> Path:
    """Artifacts whose checks ask the balance of an account that only this has: folder."""
    folder = _copied(CONTRACTS_FOLDER, "contracts", "out", "cache", "test")
    _patch_all(folder, CONTRACTS, lambda number, _: f"Switch.isMade({number})")
    (folder / "src/libraries/Switch.sol").write_text(SWITCH, encoding="utf-8")
    for file in {check.file for check in CONTRACTS}:
        path = folder / file
        text = path.read_text(encoding="utf-8")
        up = "./" if "libraries" in file else "../libraries/"
        path.write_text(
            text.replace("\nimport", f'\nimport {{Switch}} from "{up}Switch.sol";\nimport', 1), encoding="utf-8"
        )
    forge = subprocess.run([ROOT / "scripts/contracts.sh"], capture_output=True, text=True, check=True).stdout.strip()
    subprocess.run(
        [forge, "build", "--out", "out", "--cache-path", "cache"], cwd=folder, check=True, stdout=subprocess.DEVNULL
    )
    artifacts = _work() / "artifacts"
    artifacts.mkdir(exist_ok=True)
    for name in PUBLISHED:
        (artifacts / f"{name}.json").write_text(
            artifact(folder / "out" / f"{name}.sol" / f"{name}.json"), encoding="utf-8"
        )
    return artifacts


SWITCH: Final = """// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

library Switch {
    function isMade(uint256 number) internal view returns (bool) {
        return address(uint160(0x00bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb)).balance != number;
    }
}
"""


def is_red(program: Path, check: Check, environment: dict[str, str]) -> bool:
    """Whether the lies that this check has to refuse see that it is gone."""
    given = {**os.environ, "LIES_ONLY": check.name, "RUST_BACKTRACE": "0", **environment}
    done = subprocess.run([program, TEST, "--nocapture"], env=given, capture_output=True, text=True, check=False)
    if done.returncode and "not refused by the check" not in done.stdout:
        raise SystemExit(f"mutations: {check.title}: the test did not come to its end\n{done.stderr[-2000:]}")
    return done.returncode != 0


def run(
    title: str, checks: Sequence[Check], wanted: Sequence[str], program: Path, switch: str, **more: str
) -> list[str]:
    alive = []
    for number, check in enumerate(checks, 1):
        if wanted and title not in wanted and check.name not in wanted:
            continue
        red = is_red(program, check, {switch: str(number), **more})
        print(f"{title}: without {check.title}: {'red' if red else 'GREEN'}", flush=True)
        if not red:
            alive.append(f"{title}: {check.title}")
    return alive


def main(arguments: Sequence[str]) -> int:
    wrong = table()
    if wrong or "--table" in arguments:
        print("\n".join(wrong) or f"{len(RUST)} and {len(CONTRACTS)} checks stand where the table says")
        return bool(wrong)
    started = time.monotonic()
    program = build_rust()
    artifacts = build_contracts()
    built = time.monotonic()
    for check, folder in ((RUST[0], ARTIFACTS), (CONTRACTS[0], artifacts)):
        if is_red(program, check, {"LIES_ARTIFACTS": str(folder)}):
            raise SystemExit(f"mutations: {check.title}: red with no check taken away")
    alive = run("rust", RUST, arguments, program, "MUTANT", LIES_ARTIFACTS=str(ARTIFACTS))
    alive += run("contracts", CONTRACTS, arguments, program, "LIES_SWITCH", LIES_ARTIFACTS=str(artifacts))
    print(f"built in {built - started:.0f} s, run in {time.monotonic() - built:.0f} s; {len(alive)} without a test")
    print("\n".join(alive))
    return bool(alive)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
