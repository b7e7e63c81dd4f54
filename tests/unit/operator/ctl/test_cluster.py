"""`kubectl ethrex` and `ethrexctl --context`: what they ask an API server, what they tell, and what they never touch."""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ethrex_operator import ctl
from unit.operator.ctl import api_server, scene
from unit.operator.ctl.api_server import ApiServer


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with api_server.serving() as found:
        scene.put_rollup(found)
        yield found


@pytest.fixture
def config(server: ApiServer, tmp_path: Path) -> Path:
    return api_server.kubeconfig(tmp_path / "config", server.url)


@dataclass(frozen=True, slots=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def kubectl(config: Path, *words: str) -> Done:
    return run(ctl.kubectl, config, *words)


def run(entry: Callable[[], None], config: Path, *words: str) -> Done:
    """An entry point of the distribution, in this process."""
    out, err = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patched,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patched.setattr(sys, "argv", ["command", *words])
        patched.setenv("KUBECONFIG", str(config))
        patched.chdir(config.parent)
        with pytest.raises(SystemExit) as ended:
            entry()
    assert isinstance(ended.value.code, int)
    return Done(ended.value.code, out.getvalue(), err.getvalue())


def test_the_status_is_a_tree_with_batches_balances_and_reasons(config: Path) -> None:
    done = kubectl(config, "status", "rollup")

    assert done.returncode == 0
    for said in (
        "EthrexRollup team/rollup   Ready   chain 77",
        "L1 team/l1   Ready",
        f"settles on chain 1337: bridge {scene.BRIDGE}",
        "sequencer  rollup-sequencer-0",
        "9 made, 8 committed, 7 proven, 6 verified",
        "2.500000 ether on L1   LOW",
        "pool team/provers   Ready   1 of 2 provers",
        "Sequencing       True     AllIsWell",
    ):
        assert said in done.stdout


def test_the_status_of_what_is_not_ready_says_why_and_exits_with_1(server: ApiServer, config: Path) -> None:
    scene.put_rollup(server, ready=False)
    done = kubectl(config, "status", "--json")
    found = json.loads(done.stdout)

    assert done.returncode == 1
    assert not found["ready"]
    assert found["rollups"][0]["conditions"][0]["message"] == "ended with 2: no funds"


def test_a_status_that_an_older_generation_earned_is_not_ready(server: ApiServer, config: Path) -> None:
    server.objects["ethrexrollups", "team", "rollup"]["metadata"]["generation"] = 2

    assert kubectl(config, "status").returncode == 1


def test_what_may_not_be_seen_is_said_and_the_rest_is_told(server: ApiServer, config: Path) -> None:
    spec = server.objects["ethrexrollups", "team", "rollup"]["spec"]
    spec["proving"]["pools"] = [{"ref": {"name": "gpu", "namespace": "others"}}]
    del server.pages["rollup-sequencer-0", 9090]
    server.closed.add("others")
    found = json.loads(kubectl(config, "status", "--json").stdout)["rollups"][0]

    assert "forbidden in others" in found["missing"]["ProverPool others/gpu"]
    assert "metrics of the sequencer" in found["missing"]
    assert [part["role"] for part in found["parts"]] == ["l1", "sequencer"]


def test_a_settlement_of_another_namespace_is_part_of_the_tree_with_its_deployers(
    server: ApiServer, config: Path
) -> None:
    settlement = scene.resource("EthrexSettlement", "shared", {}, scene.conditions("Ready"))
    settlement["metadata"]["namespace"] = "contracts"
    server.put(settlement)
    deployer = scene.pod("shared-contracts-x1", "shared-contracts", "deployer", "EthrexSettlement", "shared")
    deployer["metadata"]["namespace"] = "contracts"
    server.put(deployer | {"status": {"phase": "Succeeded"}})
    rollup = server.objects["ethrexrollups", "team", "rollup"]
    rollup["spec"]["settlement"] = {"name": "shared", "namespace": "contracts"}
    done = kubectl(config, "status", "rollup")

    assert "settlement contracts/shared   Ready" in done.stdout
    assert "deployer   shared-contracts-x1" in done.stdout
    assert done.returncode == 0


def test_logs_of_some_parts_or_of_all(config: Path) -> None:
    one = kubectl(config, "logs", "rollup", "rollup-sequencer")
    every = kubectl(config, "logs", "rollup")
    none = kubectl(config, "logs", "rollup", "nobody")

    assert one.stdout == '{"message": "rollup-sequencer-0 begins"}\nsecond line of rollup-sequencer-0\n'
    assert "provers-0-x1        second line of provers-0-x1" in every.stdout
    assert none.returncode == 2
    assert "has no part nobody; there is l1, provers-0, rollup-sequencer" in none.stderr


def manifest(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "manifest.yaml"
    path.write_text(text)
    return path


POOL = """
apiVersion: ethrex.dev/v1alpha1
kind: ProverPool
metadata: {name: provers}
spec: {replicas: 3, scaling: {mode: Fixed}}
"""


def test_a_plan_says_field_by_field_what_an_apply_would_change_and_changes_nothing(
    server: ApiServer, config: Path, tmp_path: Path
) -> None:
    new = POOL.replace("provers", "more")
    done = kubectl(config, "plan", "-f", str(manifest(tmp_path, f"{POOL}---{new}")), "--json")
    found = json.loads(done.stdout)["objects"]

    assert done.returncode == 0
    assert [(one["object"], one["action"]) for one in found] == [
        ("ProverPool team/provers", "change"),
        ("ProverPool team/more", "create"),
    ]
    assert found[0]["changes"] == [
        {"field": "spec.replicas", "before": None, "after": 3},
        {"field": "spec.scaling", "before": None, "after": {"mode": "Fixed"}},
    ]
    assert not server.changes


def test_a_plan_knows_what_kubectl_would_take_away(server: ApiServer, config: Path, tmp_path: Path) -> None:
    """kubectl remembers what it applied; a field that is in there and no more in the file goes."""
    pool = server.objects["proverpools", "team", "provers"]
    pool["spec"] = {"replicas": 3, "scaling": {"mode": "Fixed"}, "cost": {"pricePerHour": "2"}}
    last = json.dumps({"spec": pool["spec"]})
    pool["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": last}
    found = json.loads(kubectl(config, "plan", "-f", str(manifest(tmp_path, POOL)), "--json").stdout)

    assert found["objects"][0]["changes"] == [{"field": "spec.cost", "before": {"pricePerHour": "2"}, "after": None}]


def test_a_plan_with_something_that_is_refused_exits_with_1(server: ApiServer, config: Path, tmp_path: Path) -> None:
    server.closed.add("others")
    file = manifest(tmp_path, POOL.replace("{name: provers}", "{name: provers, namespace: others}"))
    done = kubectl(config, "plan", "-f", str(file))

    assert done.returncode == 1
    assert "refuse   ProverPool others/provers: " in done.stdout


def test_pause_and_resume_write_one_field(server: ApiServer, config: Path) -> None:
    paused = json.loads(kubectl(config, "pause", "rollup", "--json").stdout)
    again = json.loads(kubectl(config, "pause", "rollup", "--json").stdout)
    was = server.objects["ethrexrollups", "team", "rollup"]["spec"]["paused"]
    resumed = kubectl(config, "resume", "pool/provers")

    assert (paused["changed"], again["changed"], was) == (True, False, True)
    assert "ProverPool team/provers goes on, and was before" in resumed.stdout
    assert server.objects["proverpools", "team", "provers"]["spec"]["paused"] is False


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("status", "nobody"), "there is no EthrexRollup nobody in namespace team of context here; there is rollup"),
        (("status", "-n", "empty"), "there is no EthrexRollup in namespace empty of context here"),
        (("status", "--context", "foreign"), "has no context 'foreign'; there is here, plain"),
        (("status", "--context", "plain"), "there is no EthrexRollup in namespace default of context plain"),
        (("pause", "thing/x"), "'thing/x' is neither a rollup's name nor one of rollup/NAME, l1/NAME"),
        (("pause", "nobody"), "there is no EthrexRollup nobody"),
        (("report",), "name the rollup"),
        (("plan", "-f", "/nowhere.yaml"), "No such file"),
        (("deposit", "1eth"), "name the rollup"),
        (("status", "--root", "runs"), "--root is of runs on this machine"),
    ],
)
def test_what_cannot_be_done_is_a_sentence_and_code_2(config: Path, words: tuple[str, ...], said: str) -> None:
    done = kubectl(config, *words)

    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_server_that_is_away_is_named(tmp_path: Path) -> None:
    config = api_server.kubeconfig(tmp_path / "config", "http://127.0.0.1:1")
    done = kubectl(config, "status")

    assert done.returncode == 2
    assert "127.0.0.1" in done.stderr
    assert "Traceback" not in done.stderr


def test_ethrexctl_goes_into_a_cluster_only_where_one_is_named(server: ApiServer, config: Path) -> None:
    here = run(ctl.main, config, "status")
    half = run(ctl.main, config, "status", "-n", "team")
    there = run(ctl.main, config, "status", "--context", "here")
    pause = run(ctl.main, config, "pause", "rollup")

    assert "nothing was brought up in .ethrex" in here.stderr
    assert "--namespace is of a cluster: name it by --context" in half.stderr
    assert there.returncode == 0
    assert "on this machine nothing changes by itself" in pause.stderr
    assert not server.changes


def test_a_report_holds_what_helps(server: ApiServer, config: Path, tmp_path: Path) -> None:
    done = kubectl(config, "report", "rollup", "-o", str(tmp_path / "found.tar.gz"), "--json")
    names = json.loads(done.stdout)["holds"]

    assert done.returncode == 0
    assert {
        "status.txt",
        "status.yaml",
        "resources/EthrexL1Node.team.l1.yaml",
        "resources/EthrexRollup.team.rollup.yaml",
        "resources/ProverPool.team.provers.yaml",
        "children/Pod.team.rollup-sequencer-0.yaml",
        "events/team.yaml",
        "logs/team.rollup-sequencer-0.main.log",
        "metrics/team.rollup-sequencer-0.txt",
        "missing.txt",
    } <= set(names)
    with tarfile.open(tmp_path / "found.tar.gz") as tar:
        missing = tar.extractfile("found/missing.txt")
        assert missing is not None
        assert b"the operator's pods: none in ethrex-system" in missing.read()
    assert (tmp_path / "found.tar.gz").stat().st_mode & 0o077 == 0


SECRETS = {
    "password": "correct-horse-battery",
    "token": "tok-9f8e7d6c5b4a",
    "url": "hunter2hunter2",
    "query": "q9w8e7r6t5",
    "path": "a1b2c3d4e5f6a7b8c9d0",
    "key": "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318",
    "jwt": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl",
    "bearer": "Zm9vYmFyYmF6",
    "pem": "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC",
    "mnemonic": "legal winner thank year wave sausage worth useful legal winner thank yellow",
}


def planted(server: ApiServer) -> None:
    """Wherever people put them."""
    rollup = server.objects["ethrexrollups", "team", "rollup"]
    rollup["spec"]["l1"] = {
        "urls": [f"https://me:{SECRETS['url']}@l1.example/v3/{SECRETS['path']}?key={SECRETS['query']}"]
    }
    rollup["metadata"]["annotations"] = {
        "kubectl.kubernetes.io/last-applied-configuration": json.dumps({"password": SECRETS["password"]}),
        "team.example/api-token": SECRETS["token"],
    }
    rollup["status"]["conditions"][0]["message"] = f"GET refused: Authorization: Bearer {SECRETS['bearer']}"
    container = server.objects["pods", "team", "rollup-sequencer-0"]["spec"]["containers"][0]
    container["env"] = [{"name": "SIGNER_PASSWORD", "value": SECRETS["password"]}]
    container["args"] = ["--committer.key", f"0x{SECRETS['key']}", "--api-token", SECRETS["token"]]
    pem = f"-----BEGIN PRIVATE KEY-----\n{SECRETS['pem']}\n-----END PRIVATE KEY-----"
    server.logs["rollup-sequencer-0", "main"] = "\n".join(
        (
            f"asking wss://l1.example/ws?token={SECRETS['query']} with {SECRETS['jwt']}",
            f'{{"password": "{SECRETS["password"]}", "height": 7}}',
            f"key {SECRETS['key']}",
            pem,
            f"mnemonic {SECRETS['mnemonic']}",
            f"started with --password {SECRETS['password']} --verbose",
        )
    )
    event = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "one"},
        "regarding": {"uid": rollup["metadata"]["uid"]},
        "note": f"L1 at https://me:{SECRETS['url']}@l1.example does not answer, token={SECRETS['token']}",
    }
    server.put(event)
    page = f'ethrex_l1_lag_blocks{{url="https://me:{SECRETS["url"]}@l1.example/{SECRETS["path"]}"}} 3\n'.encode()
    server.pages["rollup-sequencer-0", 9090] = scene.METRICS + page


def test_a_report_holds_no_secret_wherever_it_was_planted(server: ApiServer, config: Path, tmp_path: Path) -> None:
    planted(server)
    done = kubectl(config, "report", "rollup", "-o", str(tmp_path / "found.tar.gz"))
    with tarfile.open(tmp_path / "found.tar.gz") as tar:
        texts = {one.name: tar.extractfile(one).read().decode() for one in tar}  # type: ignore[union-attr]
    everything = "\n".join(texts.values())

    assert done.returncode == 0
    assert {name for name, secret in SECRETS.items() if secret in everything} == set()
    assert "l1.example" in everything
    assert '"height": 7' in texts["found/logs/team.rollup-sequencer-0.main.log"]
    assert 'ethrex_rollup_batch{stage="made"} 9' in texts["found/metrics/team.rollup-sequencer-0.txt"]
    assert "does not answer" in texts["found/events/team.yaml"]


def test_a_report_that_fails_leaves_no_file(server: ApiServer, config: Path, tmp_path: Path) -> None:
    folder = tmp_path / "there"
    folder.mkdir()
    done = kubectl(config, "report", "nobody", "-o", str(folder / "found.tar.gz"))
    nowhere = kubectl(config, "report", "rollup", "-o", str(folder / "no" / "found.tar.gz"))

    assert (done.returncode, nowhere.returncode) == (2, 2)
    assert not list(folder.iterdir())
    assert "No such file" in nowhere.stderr
