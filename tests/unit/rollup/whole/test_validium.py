"""
A validium with a committee of three, of whom two are needed: one is down from the start, one signs for what it throws
away. Money goes in, around and out, and the state comes back from the one honest member.
"""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from bench import servers
from ethrex_node.dev import accounts
from unit.rollup.committee import liar
from unit.rollup.whole import processes, roles
from unit.rollup.whole.processes import COMMAND, LIMIT_SECONDS, answered, ethrex_at, until
from unit.rollup.whole.roles import Part, patiently, text

CHAIN_ID: Final = 73
KEYS: Final = roles.Keys(*accounts.derive()[1:4])
USER: Final = 9
HONEST, DOWN, LIAR = 5, 6, 7  # the members' dev accounts
TOKEN: Final = "c" * 32
ETHER: Final = 10**18


def me() -> str:
    return text(accounts.derive()[USER].address)


@dataclass
class Validium:
    folder: Path
    chain: roles.Chain
    honest: Part
    metrics: str
    urls: dict[int, str]

    def run(self, *arguments: str) -> Any:
        return answered(ethrex_at(self.chain.l1_url, self.chain.url, *arguments, account=USER))

    def l2(self, method: str, *params: Any) -> Any:
        return patiently(self.chain.url, method, *params)

    def newest(self) -> dict[str, Any]:
        number = int(self.l2("ethrex_batchNumber"), 16)
        found: dict[str, Any] = self.l2("ethrex_getBatchByNumber", hex(number), False)
        return found

    def has_verified_all(self) -> bool:
        committed, verified = self.chain.last_committed_and_verified()
        return verified == committed > 0

    def recover(self, command: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
        given = ["--deployment", self.folder / "deployment" / f"{CHAIN_ID}.json", "--eth-rpc-url", self.chain.l1_url]
        line = list(map(str, [COMMAND, "l2", command, *given, *words]))
        return subprocess.run(line, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)

    def figures(self) -> str:
        with urllib.request.urlopen(self.metrics, timeout=10) as answer:
            return str(answer.read().decode())


def _member(folder: Path, l1_url: str, account: int, home: Path, port: str) -> list[str]:
    file = folder / "deployment" / f"{CHAIN_ID}.json"
    return [
        *("ethrex", "l2", "da-node", "--deployment", str(file), "--datadir", str(home), "--key", f"dev:{account}"),
        *("--tokens", str(folder / "writers"), "--port", port, "--eth-rpc-url", l1_url, "--metrics-port", "0"),
    ]


@pytest.fixture(scope="module")
def validium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Validium]:
    folder: Path = tmp_path_factory.mktemp("validium")
    (folder / "writers").write_text(f"writer sequencer {TOKEN}\n")
    (folder / "writer").write_text(TOKEN + "\n")
    nobody = socket.socket()
    nobody.bind(("127.0.0.1", 0))  # and nobody listens
    ports = {HONEST: roles.free_port(), DOWN: nobody.getsockname()[1], LIAR: roles.free_port()}
    urls = {account: f"http://127.0.0.1:{port}" for account, port in ports.items()}
    metrics = roles.free_port()
    members = [text(accounts.derive()[account].address) for account in ports]
    plan = {
        "chainId": CHAIN_ID,
        "committers": [text(KEYS.committer.address)],
        "proofs": {"attestedSigners": [text(KEYS.prover.address)]},
        "dataCommittee": {"members": members, "threshold": 2},
    }
    file = folder / "deployment" / f"{CHAIN_ID}.json"
    with nobody, roles.l1(folder) as (l1_url, _):
        roles.deploy(folder, l1_url, [plan])
        command = _member(folder, l1_url, HONEST, folder / "honest", str(ports[HONEST]))
        honest = Part("da-node", command, folder / "honest.log")
        lying = [sys.executable, liar.__file__, str(file), str(LIAR), str(folder / "writers"), str(ports[LIAR])]
        flags = [
            *("--committee.members", ",".join(urls.values()), "--committee.token", str(folder / "writer")),
            *("--committee.timeout", "5", "--metrics", "--metrics.port", str(metrics)),
        ]
        honest.start()
        try:
            with subprocess.Popen(lying) as other, roles.chain(folder, l1_url, CHAIN_ID, KEYS, *flags) as chain:
                yield Validium(folder, chain, honest, f"http://127.0.0.1:{metrics}/metrics", urls)
                other.terminate()
        finally:
            roles.end(honest)


def test_money_goes_in_and_out_and_no_blob_is_published(validium: Validium) -> None:
    validium.run("deposit", "2eth")
    assert int(validium.l2("eth_getBalance", me(), "latest"), 16) == 2 * ETHER
    validium.run("transfer", "0.5eth", "0x" + "ab" * 20)
    before = int(patiently(validium.chain.l1_url, "eth_getBalance", me(), "latest"), 16)

    validium.run("withdraw", "1eth", "--claim")

    after = int(patiently(validium.chain.l1_url, "eth_getBalance", me(), "latest"), 16)
    assert after - before > ETHER * 99 // 100
    until(validium.has_verified_all)
    committed, _ = validium.chain.last_committed_and_verified()
    for number in range(1, committed + 1):
        batch = validium.l2("ethrex_getBatchByNumber", hex(number), False)
        sent = patiently(validium.chain.l1_url, "eth_getTransactionByHash", batch["commit_tx"])
        assert batch["blob_hashes"] == []
        assert batch["commit_cost"]["gas_used"] < 300_000 < int(sent["gas"], 16)
        assert sent["type"] == "0x2"


def test_a_member_tells_how_it_is(validium: Validium) -> None:
    (url,) = re.findall(r"^metrics +(\S+)$", validium.honest.log.read_text(), re.MULTILINE)[-1:]

    with urllib.request.urlopen(url, timeout=10) as answer:
        figures = dict(line.rsplit(" ", 1) for line in answer.read().decode().splitlines() if line[0] != "#")
    with urllib.request.urlopen(url.replace("/metrics", "/readyz"), timeout=10) as answer:
        assert answer.status == 200

    assert float(figures["ethrex_committee_payloads"]) >= 1
    assert float(figures['ethrex_committee_events_total{event="kept"}']) >= 1


def test_users_pay_for_no_blobs(validium: Validium) -> None:
    sent = validium.run("transfer", "1wei", "0x" + "ac" * 20)["l2_transaction"]
    receipt = validium.l2("eth_getTransactionReceipt", sent)

    assert int(receipt["dataFee"], 16) == 0
    assert int(receipt["gasUsed"], 16) == 21_000


def test_with_too_few_signatures_nothing_is_committed_and_it_is_said_why(validium: Validium) -> None:
    until(validium.has_verified_all)
    validium.honest.kill()

    sent = validium.run("transfer", "1wei", "0x" + "ad" * 20)["l2_transaction"]
    block = validium.l2("eth_getTransactionReceipt", sent)["blockNumber"]
    until(lambda: "ethrex_rollup_commits_wait 1.0" in validium.figures())
    until(lambda: validium.l2("ethrex_getBatchByBlock", block))

    waiting = validium.l2("ethrex_getBatchByBlock", block)
    assert (waiting["status"], waiting["commit_tx"]) == ("sealed", None)
    assert "1 of 2 signatures of the data committee" in validium.chain.sequencer.log.read_text()
    validium.honest.start()
    until(lambda: validium.chain.last_committed_and_verified()[1] >= waiting["number"])
    until(lambda: "ethrex_rollup_commits_wait 0.0" in validium.figures())


def test_the_state_comes_back_from_the_honest_member(validium: Validium, tmp_path: Path) -> None:
    until(validium.has_verified_all)
    validium.honest.kill(signal.SIGKILL)
    validium.honest.start()
    patiently_kept(validium)
    every = [word for account in (DOWN, LIAR, HONEST) for word in ("--da", validium.urls[account])]

    done = validium.recover("reconstruct", *every, "--out", tmp_path / "out")

    assert done.returncode == 0, done.stderr
    head = validium.l2("eth_getBlockByNumber", hex(validium.newest()["last_block"]), False)
    assert f"root {head['stateRoot']}" in done.stdout
    assert "that are not the payload" in done.stderr, "the liar is named"
    assert json.loads((tmp_path / "out" / "claims.json").read_text())
    with servers.ours(tmp_path / "node", tmp_path / "out" / "state.json", core=None) as node:
        assert int(node.call("eth_getBalance", "0x" + "ab" * 20, "latest"), 16) == ETHER // 2


def test_a_member_that_was_away_fetches_what_it_missed(validium: Validium, tmp_path: Path) -> None:
    until(validium.has_verified_all)
    peers = [word for account in (LIAR, HONEST) for word in ("--peer", validium.urls[account])]
    command = _member(validium.folder, validium.chain.l1_url, DOWN, tmp_path / "late", "0")
    late = Part("da-node", [*command, *peers, "--every", "0.2"], tmp_path / "late.log")
    late.start()
    try:
        committed, _ = validium.chain.last_committed_and_verified()
        until(lambda: len(list((tmp_path / "late" / "payloads").glob("??/*"))) >= committed)
        (url,) = re.findall(r"^payloads +(\S+)$", late.log.read_text(), re.MULTILINE)
        done = validium.recover("reconstruct", "--da", url, "--out", tmp_path / "out")
    finally:
        roles.end(late)

    assert done.returncode == 0, done.stderr


def test_what_went_bad_or_missing_on_a_member_s_disk_comes_again_whatever_its_age(
    validium: Validium, tmp_path: Path
) -> None:
    until(validium.has_verified_all)
    command = _member(validium.folder, validium.chain.l1_url, DOWN, tmp_path / "old", "0")
    peers = ["--peer", validium.urls[HONEST], "--every", "0.2", "--audit-every", "1000"]
    old = Part("da-node", [*command, *peers], tmp_path / "old.log")
    old.start()
    try:
        committed, _ = validium.chain.last_committed_and_verified()
        until(lambda: len(payloads(tmp_path / "old")) >= committed)
        kept = payloads(tmp_path / "old")
        until((tmp_path / "old" / "caught-up").exists)
        patiently(validium.chain.l1_url, "anvil_mine", hex(300))  # far beyond what a round looks back

        # One that whoever reads it finds bad.
        first, second, third = list(kept)[:3]
        first.write_bytes(b"rust")
        (url,) = re.findall(r"^payloads +(\S+)$", old.log.read_text(), re.MULTILINE)
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(f"{url}/v1/chains/{CHAIN_ID}/payloads/0x{first.name}", timeout=10)
        until(lambda: payloads(tmp_path / "old") == kept)

        # Some that nobody reads while it is down.
        old.kill()
        second.write_bytes(second.read_bytes()[:-1])
        third.unlink()
        old.start()
        until(lambda: payloads(tmp_path / "old") == kept)
    finally:
        roles.end(old)


def payloads(home: Path) -> dict[Path, bytes]:
    files = sorted((home / "payloads").glob("??/*"))
    return {file: file.read_bytes() for file in files if not file.suffix}


def test_without_an_honest_member_nothing_is_written(validium: Validium, tmp_path: Path) -> None:
    words = ("--da", validium.urls[LIAR], "--da", validium.urls[DOWN], "--out", tmp_path / "out")

    done = validium.recover("reconstruct", *words)

    assert done.returncode == 2
    assert "no member of the committee gives the payload" in done.stderr
    assert not (tmp_path / "out").exists()


def test_who_is_no_member_does_not_start_as_one(validium: Validium, tmp_path: Path) -> None:
    program, *words = _member(validium.folder, validium.chain.l1_url, 8, tmp_path, "0")

    done = subprocess.run([COMMAND, *words], capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)

    assert (program, done.returncode) == ("ethrex", 2)
    assert f"{text(accounts.derive()[8].address)} is not of the committee" in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("reconstruct", "--archive", "nowhere", "--out", "nowhere"), "it published no blob"),
        (("reconstruct", "--archive", "nowhere", "--da", "http://127.0.0.1:1", "--out", "nowhere"), "or --da"),
        (("archive-blobs", "--beacon", "http://127.0.0.1:1", "--archive", "nowhere"), "its committee has the data"),
    ],
)
def test_blobs_of_a_validium_are_asked_for_in_vain(
    validium: Validium, tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    command, *rest = (word.replace("nowhere", str(tmp_path / "nowhere")) for word in words)

    done = validium.recover(command, *rest)

    assert done.returncode == 2
    assert told in done.stderr


def test_the_local_rollup_can_be_a_validium_with_a_folder(tmp_path: Path) -> None:
    with processes.rollup(tmp_path, "--validium") as running:
        done = processes.answer(running, "withdraw", "1gwei", "--claim", account=USER)["l2_transaction"]
        (proof,) = processes.answer(running, "message-proof", done)
        batch = running.l2("ethrex_getBatchByNumber", hex(proof["batch_number"]), False)

        assert proof["status"] == "claimed"
        assert batch["blob_hashes"] == []
        assert len(list((tmp_path / "payloads").glob("??/*"))) >= proof["batch_number"]


def patiently_kept(validium: Validium) -> None:
    def answers() -> bool:
        try:
            urllib.request.urlopen(f"{validium.urls[HONEST]}/v1/chains/{CHAIN_ID}/payloads/0x{'00' * 32}", timeout=5)
        except urllib.error.HTTPError as error:
            return error.code == 404
        except OSError:
            return False
        return False

    until(answers)
