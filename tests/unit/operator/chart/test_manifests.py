"""`manifests/ethrex-operator.yaml`: what people apply who have no helm is what the chart renders."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import yaml

from unit.operator.chart import rendering

ROOT = Path(__file__).resolve().parents[4]
FILE = ROOT / "manifests" / "ethrex-operator.yaml"


def test_the_plain_yaml_is_the_chart_with_its_defaults() -> None:
    rendering.program("helm")
    command = [sys.executable, str(ROOT / "scripts" / "plain_yaml.py"), "--print"]
    rendered = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True).stdout

    assert FILE.read_text() == rendered, "`make manifests` writes it again"


def test_the_plain_yaml_holds_namespace_crds_and_operator_and_nothing_that_only_tests() -> None:
    objects = [one for one in yaml.safe_load_all(FILE.read_text()) if one]
    kinds = [one["kind"] for one in objects]

    assert kinds[0] == "Namespace"
    assert kinds.count("CustomResourceDefinition") == 4
    assert "Deployment" in kinds
    assert not [one for one in objects if "helm.sh/hook" in (one["metadata"].get("annotations") or {})]
