"""Alerts fire on figures that there are, and each says what to do."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from .rendering import CHART, one, program, render

CHECKOUT = CHART.parents[1]
ALERTS = CHART / "files" / "alerts.yaml"
SOURCES = ("node/src", "prover/src", "operator/src")


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_every_alert_has_a_section_in_the_runbooks(rule: dict[str, Any]) -> None:
    assert f"\n## {rule['alert']}\n" in (CHECKOUT / "docs" / "runbooks.md").read_text()


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_every_figure_of_an_alert_is_written_by_a_program(rule: dict[str, Any]) -> None:
    assert_written(rule["expr"])


def test_every_figure_of_the_dashboard_is_written_by_a_program() -> None:
    made = one(render("dashboard.enabled=true"), "ConfigMap", "release-dashboard")

    assert made["metadata"]["labels"]["grafana_dashboard"] == "1"
    for panel in json.loads(made["data"]["ethrex.json"])["panels"]:
        for target in panel["targets"]:
            assert_written(target["expr"])


def assert_written(expression: str) -> None:
    sources = "".join(path.read_text() for source in SOURCES for path in (CHECKOUT / source).rglob("*.py"))
    names = re.findall(r"\bethrex_(\w+)", expression)
    assert names
    for name in names:
        assert f'"{name.removesuffix("_total").removeprefix("operator_")}"' in sources, name


def test_rendered_alerts_link_their_runbook() -> None:
    address = "https://example.org/runbooks"

    made = one(render("prometheusRule.enabled=true", f"prometheusRule.runbooks={address}"), "PrometheusRule")

    found = {rule["alert"]: rule for group in made["spec"]["groups"] for rule in group["rules"]}
    assert set(found) == {rule["alert"] for rule in rules()}
    for name, rule in found.items():
        assert rule["annotations"]["runbook_url"] == f"{address}#{name.lower()}"
        assert rule["expr"] == next(one["expr"] for one in rules() if one["alert"] == name)


def fires(alert: str, labels: dict[str, str], *series: tuple[str, str], at: str) -> dict[str, Any]:
    """By `at`, and no sooner than its own patience."""
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series],
        "promql_expr_test": [],
        "alert_rule_test": [
            {"eval_time": "0m", "alertname": alert, "exp_alerts": []},
            {"eval_time": at, "alertname": alert, "exp_alerts": [{"exp_labels": labels}]},
        ],
    }


def test_alerts_fire(tmp_path: Path) -> None:
    promtool = program("promtool")
    stages = 'ethrex_rollup_batch{stage="%s"}'
    written: dict[str, Any] = {
        "rule_files": [str(tmp_path / "rules.yaml")],
        "tests": [
            fires("EthrexOperatorNotLeading", {"severity": "critical"}, ("ethrex_operator_leads", "1 0x30"), at="20m"),
            fires(
                "EthrexRollupDataLost",
                {"severity": "critical", "rollup_namespace": "shop", "rollup": "one"},
                ('ethrex_operator_data_lost{rollup_namespace="shop",rollup="one",pod="a"}', "1x30"),
                at="20m",
            ),
            fires("EthrexRollupSealsNothing", {"severity": "critical"}, ("ethrex_rollup_waiting", "1x30"), at="20m"),
            fires(
                "EthrexRollupInclusionDue",
                {"severity": "critical"},
                ("ethrex_rollup_queue_due_timestamp_seconds", "4000x30"),  # the clock of these tests begins at 0
                at="20m",
            ),
            fires(
                "EthrexRollupCommitsBehind",
                {"severity": "warning"},
                (stages % "made", "40x30"),
                (stages % "committed", "20x30"),
                at="20m",
            ),
            fires(
                "EthrexOperatorReconcilesFail",
                {"severity": "warning", "namespace": "system"},
                ('ethrex_operator_reconciles_total{namespace="system",outcome="failed"}', "0+2x60"),
                at="40m",
            ),
            fires(
                "EthrexRollupProofsLate", {"severity": "warning"}, ("ethrex_proof_oldest_seconds", "4000x30"), at="20m"
            ),
            fires(
                "EthrexRollupProverLies",
                {"severity": "critical"},
                ("ethrex_proof_provers_distrusted", "0 1x30"),
                at="20m",
            ),
            fires(
                "EthrexRollupBalanceLow",
                {"severity": "critical", "account": "0xa"},
                ('ethrex_outbox_balance_low{account="0xa"}', "1x30"),
                at="20m",
            ),
            fires(
                "EthrexNodeNearlyFull",
                {"severity": "warning"},
                ("ethrex_database_free_bytes", "9x30"),
                ("ethrex_database_volume_bytes", "100x30"),
                at="20m",
            ),
            fires(
                "EthrexRollupNonceStolen",
                {"severity": "critical"},
                ("ethrex_outbox_stolen_nonces_total", "0x5 1x30"),
                at="20m",
            ),
            fires(
                "EthrexRollupL1NodesDisagree",
                {"severity": "warning", "l1": "second"},
                ('ethrex_l1_dissents_total{l1="second"}', "0+1x60"),
                at="40m",
            ),
        ],
    }
    played = {test["alert_rule_test"][0]["alertname"] for test in written["tests"]}
    plain = yaml.safe_load(ALERTS.read_text())
    for group in plain["groups"]:
        for rule in group["rules"]:
            del rule["annotations"]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(plain))
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump(written))

    done = subprocess.run(
        [promtool, "test", "rules", tmp_path / "tests.yaml"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert played == {rule["alert"] for rule in rules()}
