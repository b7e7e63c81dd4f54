"""The chart as helm renders it."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

CHART: Final = Path(__file__).resolve().parents[4] / "charts" / "ethrex-operator"
NAMESPACE: Final = "operators"
TIMEOUT_SECONDS: Final = 60.0

Object = dict[str, Any]


class Refused(Exception):
    """Helm's own words about values that it does not take."""


def render(*values: str) -> list[Object]:
    """With `values` as ``--set``'s. Raises `Refused`."""
    arguments = [argument for value in values for argument in ("--set", value)]
    done = subprocess.run(
        [program("helm"), "template", "release", CHART, "--namespace", NAMESPACE, *arguments],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise Refused(done.stderr)
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def one(objects: list[Object], kind: str, name: str = "release") -> Object:
    (found,) = (each for each in objects if each["kind"] == kind and each["metadata"]["name"] == name)
    return found


def kinds(objects: list[Object]) -> set[str]:
    return {each["kind"] for each in objects}


@functools.cache
def program(name: str) -> str:
    """Of the machine, or the one that tests/e2e/cluster puts beside the cluster: helm, and kubectl once that is built."""
    caches = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "ethrex-node"
    beside = sorted(caches.glob(f"cluster-*/{name}"))
    found = shutil.which(name) or (str(beside[0]) if beside else None)
    if found is None:
        wanted = f"no {name}: run tests/e2e/cluster/deps.sh and build.sh"
        if os.environ.get("REQUIRE_E2E"):
            pytest.fail(wanted)
        pytest.skip(wanted)
    return found
