"""`kubectl ethrex`, started by kubectl itself, at a real rollup: what it tells, what it brings away, what it changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e import rollups, waits
from e2e.rollups import EXAMPLE, Rollup
from e2e.whole_cluster import Cluster

PROGRAMS = Path(sys.executable).parent
STRANGER = "0x" + "58" * 20


@pytest.fixture(scope="module")
def rollup(cluster: Cluster, operator: str) -> Iterator[Rollup]:
    with rollups.applied(cluster) as found:
        yield found


def ethrex(rollup: Rollup, *words: str, limit: str = "kubectl answers") -> subprocess.CompletedProcess[str]:
    """As a plugin, which kubectl finds on the path."""
    environment = {
        **os.environ,
        "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
        "KUBECONFIG": str(rollup.cluster.kubeconfig),
    }
    command = [str(rollup.cluster.program), "ethrex", words[0], "-n", rollup.namespace, *words[1:]]
    return subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=waits.SECONDS[limit], check=False
    )


def test_status_tells_of_all_parts_and_of_the_batches(rollup: Rollup) -> None:
    done = ethrex(rollup, "status", "rollup", "--json")
    (found,) = json.loads(done.stdout)["rollups"]

    assert done.returncode == 0, done.stderr
    assert {part["role"] for part in found["parts"]} == {"l1", "deployer", "sequencer", "prover"}
    assert found["progress"]["block"] > 0
    assert found["pools"][0]["readyReplicas"] == 1
    assert found["missing"] == {}


def test_logs_come_from_the_pods(rollup: Rollup) -> None:
    done = ethrex(rollup, "logs", "rollup", "rollup-sequencer", "--tail", "3")

    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 3


def test_a_plan_is_what_kubectl_apply_then_does(rollup: Rollup, tmp_path: Path) -> None:
    changed = tmp_path / "rollup.yaml"
    changed.write_text(EXAMPLE.read_text().replace("endAfterSeconds: 10", "endAfterSeconds: 9"))
    same = json.loads(ethrex(rollup, "plan", "-f", str(EXAMPLE), "--json").stdout)
    found = json.loads(ethrex(rollup, "plan", "-f", str(changed), "--json").stdout)
    without = tmp_path / "without.yaml"
    without.write_text(EXAMPLE.read_text().replace("  batching:\n    endAfterSeconds: 10\n", ""))
    defaulted = json.loads(ethrex(rollup, "plan", "-f", str(without), "--json").stdout)
    refused = tmp_path / "refused.yaml"
    refused.write_text(EXAMPLE.read_text().replace("chainId: 65536999", "chainId: 7"))
    other = ethrex(rollup, "plan", "-f", str(refused))
    still = rollup.get("ethrexrollup/rollup")["spec"]["batching"]["endAfterSeconds"]

    assert {one["action"] for one in same["objects"]} == {"keep"}
    assert [one["changes"] for one in found["objects"] if one["action"] == "change"] == [
        [{"field": "spec.batching.endAfterSeconds", "before": 10, "after": 9}]
    ]
    assert [one["changes"] for one in defaulted["objects"] if one["action"] == "change"] == [
        [{"field": "spec.batching.endAfterSeconds", "before": 10, "after": 60}]
    ]
    assert other.returncode == 1
    assert "chainId cannot be changed" in other.stdout
    assert still == 10


def test_a_report_holds_objects_logs_metrics_and_no_secret(rollup: Rollup, operator: str, tmp_path: Path) -> None:
    secret = "planted-4711-secret"
    rollup.kubectl("create", "secret", "generic", "planted", f"--from-literal=password={secret}")
    rollup.kubectl("annotate", "ethrexrollup", "rollup", f"team.example/api-token={secret}")
    file = tmp_path / "found.tar.gz"
    done = ethrex(rollup, "report", "rollup", "--operator-namespace", operator, "-o", str(file), "--json")
    with tarfile.open(file) as tar:
        texts = {one.name.partition("/")[2]: tar.extractfile(one).read().decode() for one in tar}  # type: ignore[union-attr]

    assert done.returncode == 0, done.stderr
    assert any(name.startswith("logs/ethrex-system.") for name in texts)
    assert f"logs/{rollup.namespace}.rollup-sequencer-0.main.log" in texts
    assert "ethrex_rollup_batch" in texts[f"metrics/{rollup.namespace}.rollup-sequencer-0.txt"]
    assert f"children/StatefulSet.{rollup.namespace}.rollup-sequencer.yaml" in texts
    assert "EthrexRollup" in texts[f"events/{rollup.namespace}.yaml"]
    assert not [name for name, text in texts.items() if secret in text]


def test_money_goes_by_forwarded_ports(rollup: Rollup) -> None:
    words = ("--rollup", "rollup", "1.5eth", "--key", "dev:6", "--to", STRANGER)
    done = ethrex(rollup, "deposit", *words, limit="deposit arrived")

    assert done.returncode == 0, done.stderr
    assert int(rollup.ask("rollup-sequencer", 1729, "eth_getBalance", STRANGER, "latest"), 16) == 15 * 10**17


def test_money_comes_back_by_forwarded_ports(rollup: Rollup) -> None:
    ethrex(rollup, "deposit", "--rollup", "rollup", "1eth", "--key", "dev:6", limit="deposit arrived")
    words = ("--rollup", "rollup", "0.5eth", "--key", "dev:6", "--to", STRANGER, "--claim")
    done = ethrex(rollup, "withdraw", *words, limit="claimed")

    assert done.returncode == 0, done.stderr
    assert int(rollup.ask("l1", 8545, "eth_getBalance", STRANGER, "latest"), 16) == 5 * 10**17


def test_pause_and_resume(rollup: Rollup) -> None:
    paused = ethrex(rollup, "pause", "rollup")
    rollup.wait("drift repaired", lambda: rollup.condition("ethrexrollup/rollup", "Paused")[0] == "True")
    shown = ethrex(rollup, "status", "rollup")
    resumed = ethrex(rollup, "resume", "rollup")
    rollup.wait("drift repaired", rollup.is_ready)

    assert paused.returncode == 0
    assert (shown.returncode, "Paused" in shown.stdout) == (1, True)
    assert resumed.returncode == 0


def test_a_handed_over_sequencer_seals_again_in_the_next_epoch(rollup: Rollup) -> None:
    handed = ethrex(rollup, "handover", "--rollup", "rollup", "--json", limit="handed over")
    last = json.loads(handed.stdout)["lastBlock"]
    rollup.wait("pod ready", lambda: rollup.condition("ethrexrollup/rollup", "Ready")[0] == "False")
    rollup.kubectl("patch", "ethrexrollup", "rollup", "--type=merge", "-p", '{"spec":{"sequencer":{"epoch":2}}}')
    rollup.wait("rollup ready", rollup.is_ready)

    assert handed.returncode == 0, handed.stderr
    assert rollup.wait("pod ready", lambda: rollup.figures().block > last)
    assert len(rollup.events("Rolled")) == 1
