"""Keys that everybody knows are refused at start where money is at stake: on an L1 that is no dev chain."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ethrex_node.dev import accounts
from ethrex_node.rollup.l1.client import L1Client, Settings
from unit.rollup import l1_process
from unit.rollup.whole.deployment import Deployment, text

CHAIN_ID = 777
OTHER_L1 = "5555"
LIMIT_SECONDS = 60
KEYS = {"PUBLIC": accounts.derive()[1].key.hex(), "OWN": "0d" * 32}


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[l1_process.L1]:
    with l1_process.dev_chain("--dev.chain-id", OTHER_L1) as running:
        yield running


async def deployment_file(folder: Path) -> Path:
    with l1_process.dev_chain("--dev.block-time", "0") as l1:
        client = await L1Client.open(Settings(urls=(l1.url,)))
        try:
            await Deployment.make(l1, client, CHAIN_ID, folder)
        finally:
            await client.close()
    return folder / "deployment" / f"{CHAIN_ID}.json"


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name(program)), *arguments]
    environment = {**os.environ, **KEYS}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT_SECONDS)


async def test_the_sequencer_takes_none_for_what_spends_money(elsewhere: l1_process.L1, tmp_path: Path) -> None:
    deployment = await deployment_file(tmp_path)
    (tmp_path / "tokens").write_text("prover pool " + "p" * 32 + "\n")
    common = [
        *("l2", "sequencer", "--deployment", str(deployment), "--eth.rpc-url", elsewhere.url, "--http.port", "0"),
        *("--proof-coordinator.port", "0", "--proof-coordinator.tokens", str(tmp_path / "tokens")),
        *("--sponsor.targets", "0x" + "11" * 20),
    ]
    asked = {
        "committer": ("--committer.key", "env:PUBLIC"),
        "settler": ("--committer.key", "env:OWN", "--settler.key", "env:PUBLIC"),
        "sponsor": ("--committer.key", "env:OWN", "--sponsor.key", "env:PUBLIC"),
    }
    for role, keys in asked.items():
        done = run("ethrex", *common, *keys, "--datadir", str(tmp_path / role))

        assert done.returncode == 2, role
        assert f"{text(accounts.derive()[1].address)} is a dev chain's account" in done.stderr, done.stderr
        assert f"chain {OTHER_L1} is none" in done.stderr
        assert KEYS["PUBLIC"] not in done.stderr + done.stdout

    # With keys of one's own the next thing is looked at.
    done = run("ethrex", *common, "--committer.key", "env:OWN", "--datadir", str(tmp_path / "own"))
    assert "the deployment is on chain 31337" in done.stderr


def test_a_prover_takes_none(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("p" * 32 + "\n")
    done = run(
        *("ethrex-prover", "run", "--backend", "attested", "--coordinator", "http://127.0.0.1:9"),
        *("--token-file", str(tmp_path / "token"), "--id", "pool.0", "--key", "env:PUBLIC"),
        *("--l1-chain-id", OTHER_L1, "--verifier", "0x" + "11" * 20),
    )  # fmt: skip

    assert done.returncode != 0
    assert "is a dev chain's account" in done.stderr
