"""A rollup whose sequencer is gone: its state and its withdrawals come back from L1 and the blobs."""

from __future__ import annotations

import json
import subprocess
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bench import servers
from ethrex_node import _native
from ethrex_node.dev import accounts
from unit.rollup.whole import processes, roles
from unit.rollup.whole.deployment import text
from unit.rollup.whole.processes import CHAIN_ID, COMMAND, LIMIT_SECONDS, Running, answer, until

ALICE = 3


@dataclass
class Settled:
    """A rollup with withdrawals in verified batches, and what its node said while it ran."""

    running: Running
    head: dict[str, Any]
    proofs: list[dict[str, Any]]
    balance: int

    def recover(self, command: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
        line = self.line(command, *words)
        return subprocess.run(line, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)

    def line(self, command: str, *words: str | Path) -> list[str]:
        given = ("--deployment", self.running.folder / "deployment" / f"{CHAIN_ID}.json")
        return list(
            map(str, [COMMAND, "l2", command, *given, "--eth-rpc-url", self.running.said["L1"], "--json", *words])
        )

    @property
    def beacon(self) -> tuple[str, str]:
        return "--beacon", self.running.said["L1"]


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settled]:
    with processes.rollup(tmp_path_factory.mktemp("rollup")) as running:
        sent = [
            answer(running, "withdraw", f"{amount}gwei", "--wait", account=ALICE)["l2_transaction"] for amount in (1, 2)
        ]
        until(lambda: running.status().last_verified == running.status().last_committed)
        batches = running.status().last_verified
        last = running.l2("ethrex_getBatchByNumber", hex(batches), False)
        head = running.l2("eth_getBlockByNumber", hex(last["last_block"]), False)
        proofs = [one for transaction in sent for one in answer(running, "message-proof", transaction)]
        address = text(accounts.derive()[ALICE].address)
        balance = int(running.l2("eth_getBalance", address, hex(last["last_block"])), 16)
        yield Settled(running, head, proofs, balance)


@pytest.fixture(scope="module")
def archive(settled: Settled, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive") / "blobs"
    first = settled.recover("archive-blobs", *settled.beacon, "--archive", folder)
    assert first.returncode == 0, first.stderr
    told = json.loads(first.stdout)
    assert told["fetched"] == told["batches"] >= 2
    again = settled.recover("archive-blobs", *settled.beacon, "--archive", folder)
    assert json.loads(again.stdout)["fetched"] == 0
    return folder


def rebuilt(settled: Settled, out: Path, *source: str | Path) -> dict[str, Any]:
    done = settled.recover("reconstruct", *source, "--out", out)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_the_state_and_the_claims_come_back_from_the_beacon_api(settled: Settled, tmp_path: Path) -> None:
    told = rebuilt(settled, tmp_path / "out", *settled.beacon)

    assert told["stateRoot"] == settled.head["stateRoot"]
    assert told["lastBlock"] == int(settled.head["number"], 16)
    claims = {one["leaf"]: one for one in json.loads((tmp_path / "out" / "claims.json").read_text())}
    for proof in settled.proofs:
        claim = claims[proof["message_hash"]]
        assert claim["batch"] == proof["batch_number"]
        assert claim["proof"] == proof["merkle_proof"]


def test_a_node_that_starts_on_the_state_proves_accounts(settled: Settled, archive: Path, tmp_path: Path) -> None:
    rebuilt(settled, tmp_path / "out", "--archive", archive)

    with servers.ours(tmp_path / "node", tmp_path / "out" / "state.json", core=None) as node:
        address = text(accounts.derive()[ALICE].address)
        proof = node.call("eth_getProof", address, [], "latest")
        root = node.call("eth_getBlockByNumber", "latest", False)["stateRoot"]

    assert root == settled.head["stateRoot"]
    assert int(proof["balance"], 16) == settled.balance
    assert _native.keccak256(bytes.fromhex(proof["accountProof"][0][2:])) == bytes.fromhex(root[2:])


@pytest.mark.parametrize("harm", ["blob", "cut", "other batch", "gone"])
def test_a_harmed_archive_is_refused(settled: Settled, archive: Path, tmp_path: Path, harm: str) -> None:
    files = sorted(archive.iterdir())
    harmed = tmp_path / "archive"
    harmed.mkdir()
    for file in files:
        (harmed / file.name).write_bytes(file.read_bytes())
    one, other = (harmed / file.name for file in files[:2])
    match harm:
        case "blob":
            version, statement, pairs = _native.rlp_decode(zlib.decompress(one.read_bytes()))
            blob = bytearray(pairs[0][1])
            blob[9] ^= 1
            changed = _native.rlp_encode([version, statement, [[pairs[0][0], bytes(blob)], *pairs[1:]]])
            one.write_bytes(zlib.compress(changed))
        case "cut":
            one.write_bytes(one.read_bytes()[:-20])
        case "other batch":
            one.write_bytes(other.read_bytes())
        case "gone":
            one.unlink()

    done = settled.recover("reconstruct", "--archive", harmed, "--out", tmp_path / "out")

    said = {"blob": "open to", "cut": "damaged", "other batch": "another batch", "gone": "not in the archive"}
    assert done.returncode == 2
    assert said[harm] in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_an_archive_goes_on_when_the_blobs_are_away(settled: Settled, tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{roles.free_port()}"
    words: tuple[str | Path, ...] = ("--beacon", nobody, "--archive", tmp_path / "blobs", "--every", "0.1")
    with subprocess.Popen(settled.line("archive-blobs", *words), stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        said = [running.stderr.readline() for _ in range(3)]
        running.terminate()

    assert all("again in 0.1 s" in line for line in said)
    assert settled.recover("archive-blobs", *words[:-2]).returncode == 2


def test_what_is_asked_wrongly_is_refused(settled: Settled, tmp_path: Path) -> None:
    neither = settled.recover("reconstruct", "--out", tmp_path)
    assert neither.returncode == 2
    assert "either --beacon or --archive" in neither.stderr

    no_beacon = settled.recover("reconstruct", "--beacon", settled.running.said["rollup"], "--out", tmp_path / "out")
    assert no_beacon.returncode == 2
    assert "is it a Beacon API?" in no_beacon.stderr
