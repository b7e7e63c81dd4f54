"""`ethrexctl` with the real parts: a rollup comes up, outlives a killed ethrexctl, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from ethrex_operator.local import supervisor

LIMIT_SECONDS = 100.0
pytestmark = pytest.mark.timeout(500)  # a machine that is busy takes a minute for what takes seconds
EXAMPLE = Path(__file__).parents[4] / "examples" / "rollup.yaml"
STRANGER = "0x" + "57" * 20
CONTROL = Path(sys.executable).with_name("ethrexctl")


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """Whatever a failed test leaves running is ended."""
    yield tmp_path / "runs"
    for folder in (tmp_path / "runs").glob("*"):
        for record in supervisor.recorded(folder).values():
            if record.alive:
                os.kill(record.pid, signal.SIGKILL)


def control(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(CONTROL), words[0], "--root", str(root), *words[1:]]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)


@contextmanager
def up(root: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    log = root.with_name(f"up-{time.monotonic_ns()}.log")
    manifest = () if "-f" in words else ("-f", str(EXAMPLE))
    command = [str(CONTROL), "up", *manifest, "--root", str(root), *words]
    with log.open("w") as out, subprocess.Popen(command, stdout=out, stderr=out, text=True) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)


def wait_for(what: str, holds: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT_SECONDS
    while not holds():
        assert time.monotonic() < end, f"{what}: not within {LIMIT_SECONDS:g} s"
        time.sleep(0.1)


def status(root: Path, name: str) -> dict[str, Any]:
    done = control(root, "status", name, "--json")
    found: dict[str, Any] = json.loads(done.stdout) if done.stdout else {"ready": False, "workloads": {}}
    return found


def is_ready(root: Path, name: str) -> bool:
    return bool(status(root, name)["ready"])


def pids(given: dict[str, Any]) -> dict[str, int]:
    return {name: one["pid"] for name, one in given["workloads"].items() if one["pid"]}


def is_running(pid: int) -> bool:
    """A process that only waits to be asked for its status by the machine's first process does not count."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def ask(url: str, method: str, *params: Any) -> Any:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["result"]


def tokens(root: Path) -> set[str]:
    """What the parts of a run know each other by."""
    found = {path.read_text().strip() for path in (root / "rollup" / "files" / "tokens").iterdir()}
    assert found
    return found


def words(report: Path) -> list[str]:
    with tarfile.open(report) as tar:
        texts = [tar.extractfile(one).read().decode() for one in tar]  # type: ignore[union-attr]
    assert any("rollup-sequencer" in text for text in texts)
    return [word for text in texts for word in text.split()]


def test_a_rollup_comes_up_outlives_a_killed_ethrexctl_and_leaves_nothing(root: Path) -> None:
    with up(root) as first:
        wait_for("ready", lambda: is_ready(root, "rollup"))
        before = status(root, "rollup")
        planned = json.loads(control(root, "plan", "-f", str(EXAMPLE), "--json").stdout)
        report = control(root, "report", "-o", str(root / "report.tar.gz"))
        first.kill()
    orphans = status(root, "rollup")
    with up(root) as second:
        wait_for("taken over", lambda: status(root, "rollup").get("supervised", False))
        wait_for("ready again", lambda: is_ready(root, "rollup"))
        after = status(root, "rollup")
        url = after["public"]["rollup-sequencer"]
        wait_for("a verified batch", lambda: status(root, "rollup")["rollups"]["rollup"]["batches"]["verified"] > 0)
        deposit = control(root, "deposit", "1.5eth", "--key", "dev:5", "--to", STRANGER, "--json")
        arrived = int(ask(url, "eth_getBalance", STRANGER, "latest"), 16)
        account = "0xa0ee7a142d267c1f36714e4a8f75612f20a79720"
        balance = int(ask(url, "eth_getBalance", account, "latest"), 16)
        second.send_signal(signal.SIGINT)
        code = second.wait(LIMIT_SECONDS)

    assert set(pids(before)) == {"l1", "rollup-sequencer", "provers-0"}
    assert pids(orphans) == pids(before)
    assert not orphans["supervised"]
    assert [one["action"] for one in planned["workloads"]] == ["keep"] * 4
    assert report.returncode == 0
    assert not tokens(root) & set(words(root / "report.tar.gz"))
    assert deposit.returncode == 0
    assert arrived == 15 * 10**17
    assert pids(after) == pids(before)
    assert balance == 1_000 * 10**18
    assert code == 0
    assert not any(is_running(pid) for pid in pids(after).values())


def test_a_sequencer_that_handed_over_goes_on_with_the_next_epoch_of_its_manifest(root: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "rollup.yaml"
    manifest.write_text(EXAMPLE.read_text().replace("  sequencer:\n", "  sequencer:\n    epoch: 2\n"))
    with up(root, "--no-fund") as first:
        wait_for("ready", lambda: is_ready(root, "rollup"))
        handed = control(root, "handover", "--json")
        asked = control(root, "handover", "--rollup", "rollup", "--status", "--json")
        ready = is_ready(root, "rollup")
        first.kill()
    with up(root, "-f", str(manifest), "--no-fund"):
        wait_for("ready again", lambda: is_ready(root, "rollup"))
        url = status(root, "rollup")["public"]["rollup-sequencer"]
        before = int(ask(url, "eth_blockNumber"), 16)
        wait_for("a block", lambda: int(ask(url, "eth_blockNumber"), 16) > before)

    assert handed.returncode == 0, handed.stderr
    assert json.loads(handed.stdout)["done"]
    assert json.loads(asked.stdout)["lastBlock"] == json.loads(handed.stdout)["lastBlock"]
    assert not ready


def test_a_rollup_whose_data_are_gone_goes_on_from_what_l1_has(root: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "rollup.yaml"
    changed = EXAMPLE.read_text().replace("  sequencer:\n", "  bootstrap: L1\n  sequencer:\n    epoch: 2\n")
    manifest.write_text(changed)
    account = "0xa0ee7a142d267c1f36714e4a8f75612f20a79720"

    def batches() -> dict[str, int]:
        found: dict[str, int] = status(root, "rollup")["rollups"]["rollup"]["batches"]
        return found

    with up(root) as first:
        wait_for("ready", lambda: is_ready(root, "rollup"))
        url = status(root, "rollup")["public"]["rollup-sequencer"]
        wait_for("funded", lambda: int(ask(url, "eth_getBalance", account, "latest"), 16) > 0)
        wait_for("all verified", lambda: (found := batches())["verified"] == found["made"] > 0)
        before = batches()["verified"]
        first.send_signal(signal.SIGINT)
        first.wait(LIMIT_SECONDS)
    shutil.rmtree(root / "rollup" / "data" / "rollup-sequencer")
    with up(root, "-f", str(manifest), "--no-fund"):
        wait_for("ready again", lambda: is_ready(root, "rollup"))
        url = status(root, "rollup")["public"]["rollup-sequencer"]
        balance = int(ask(url, "eth_getBalance", account, "latest"), 16)
        deposit = control(root, "deposit", "1.5eth", "--key", "dev:5", "--to", STRANGER, "--json")
        wait_for("a verified batch", lambda: batches()["verified"] > before)

    assert balance == 1_000 * 10**18
    assert deposit.returncode == 0


def test_two_rollups_run_side_by_side_and_one_is_taken_down(root: Path) -> None:
    with up(root, "--name", "one"), up(root, "--name", "two") as other:
        wait_for("both ready", lambda: is_ready(root, "one") and is_ready(root, "two"))
        urls = [status(root, name)["public"] for name in ("one", "two")]
        down = control(root, "down", "two", "--delete-data")
        code = other.wait(LIMIT_SECONDS)

        assert {*urls[0].values()}.isdisjoint(urls[1].values())
        assert down.returncode == 0
        assert code == 0
        assert not (root / "two").exists()
        assert is_ready(root, "one")


def test_two_rollups_are_registered_with_one_settlement_whose_owner_signs_for_both(root: Path, tmp_path: Path) -> None:
    l1, rollup, pool = EXAMPLE.read_text().split("---\n")
    settlement = rollup.replace("EthrexRollup", "EthrexSettlement").replace("name: rollup", "name: shared")
    settlement = settlement[: settlement.index("  chainId")]
    first = rollup.replace("  chainId: 65536999\n", "  chainId: 65536999\n  settlement: {name: shared}\n")
    keys = "  keys: {committer: {devAccount: 5}, settler: {devAccount: 6}}\n"
    second = first.replace("name: rollup\n", "name: second\n").replace("65536999\n", f"65537000\n{keys}")
    manifest = tmp_path / "rollups.yaml"
    manifest.write_text("---\n".join((l1, settlement, first, second, pool)))
    with up(root, "-f", str(manifest), "--no-fund"):
        wait_for("ready", lambda: is_ready(root, "rollup"))
        contracts = status(root, "rollup")["contracts"]

    assert set(contracts) == {"rollup", "second"}
    assert contracts["rollup"]["bridge"] == contracts["second"]["bridge"]
    assert set(contracts["second"]["implementations"]) == {"proposer", "bridge", "registry", "attestedVerifier"}


def test_what_an_unsupervised_run_left_is_taken_down(root: Path) -> None:
    with up(root, "--no-fund") as first:
        wait_for("ready", lambda: is_ready(root, "rollup"))
        left = pids(status(root, "rollup"))
        first.kill()
    down = control(root, "down")

    assert down.returncode == 0
    assert not any(is_running(pid) for pid in left.values())


def test_the_plan_says_what_would_start_and_what_has_no_meaning_here(root: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "rollup.yaml"
    manifest.write_text(EXAMPLE.read_text() + "  placement:\n    nodeSelector: {gpu: h100}\n")
    done = control(root, "plan", "-f", str(manifest), "--json")
    found = json.loads(done.stdout)

    assert [one["action"] for one in found["workloads"]] == ["start"] * 4
    assert found["withoutMeaning"] == [{"object": "ProverPool/provers", "field": "spec.placement"}]
    assert not root.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("status",), "nothing was brought up in"),
        (("down", "nobody"), "there is no run nobody"),
        (("handover", "--rollup", "nobody"), "there is no run nobody"),
        (("up", "-f", "/nowhere.yaml"), "No such file"),
    ],
)
def test_bad_input_is_a_sentence_and_code_2(root: Path, words: tuple[str, ...], said: str) -> None:
    done = control(root, *words)

    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_manifest_that_cannot_run_here_is_refused_with_its_reason(root: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "rollup.yaml"
    manifest.write_text(EXAMPLE.read_text().replace("name: provers\n---", "name: nobody\n---"))
    done = control(root, "up", "-f", str(manifest))

    assert done.returncode == 2
    assert "there is no ProverPool nobody" in done.stderr
