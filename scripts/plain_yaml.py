"""
The operator as plain YAML: the chart with its defaults, CRDs and a namespace, in one file for who has no helm.

    python scripts/plain_yaml.py            # writes manifests/ethrex-operator.yaml
    python scripts/plain_yaml.py --print
    python scripts/plain_yaml.py --if-helm  # as part of `make docs`: nothing where there is none
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
CHART: Final = ROOT / "charts" / "ethrex-operator"
FILE: Final = ROOT / "manifests" / "ethrex-operator.yaml"
RELEASE: Final = "ethrex"
NAMESPACE: Final = "ethrex-system"
HEAD: Final = f"""\
# The operator, its CRDs and its namespace, as the chart renders them with its defaults. Written by `make manifests`.
#     kubectl apply --server-side -f manifests/ethrex-operator.yaml
apiVersion: v1
kind: Namespace
metadata:
  name: {NAMESPACE}
  labels:
    pod-security.kubernetes.io/enforce: restricted
"""


class NoHelm(Exception):
    """Nothing here renders charts."""


def text(helm: str) -> str:
    command = [helm, "template", RELEASE, str(CHART), "--namespace", NAMESPACE, "--include-crds", "--no-hooks"]
    rendered = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return HEAD + rendered.rstrip() + "\n"


def helm() -> str:
    """Of the machine, or what tests/e2e/cluster/deps.sh has put into the cache. Raises `NoHelm`."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "ethrex-node"
    found = shutil.which("helm") or next((str(one) for one in sorted(cache.glob("cluster-*/helm"))), None)
    if found is None:
        raise NoHelm("no helm: tests/e2e/cluster/deps.sh gets one")
    return found


def main(arguments: list[str]) -> int:
    try:
        made = text(helm())
    except NoHelm as error:
        if "--if-helm" in arguments:
            return 0
        print(f"manifests: {error}", file=sys.stderr)
        return 2
    if "--print" in arguments:
        sys.stdout.write(made)
    else:
        FILE.parent.mkdir(exist_ok=True)
        FILE.write_text(made, encoding="utf-8")
        print(f"wrote {FILE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
