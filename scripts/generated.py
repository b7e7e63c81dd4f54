"""
Write the generated pages, or with ``--check`` compare them with their sources.

A page is a path and a function that gives its text.
"""

from __future__ import annotations

import functools
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import third_party
import yaml

from ethrex_node.config import reference
from ethrex_node.node import reference as methods
from ethrex_node.rollup import settings as rollup
from ethrex_node.rollup.follower import settings as follower
from ethrex_operator.api import KINDS, crd
from ethrex_operator.api import reference as api
from ethrex_operator.api.base import GROUP

ROOT: Final = Path(__file__).resolve().parent.parent


def _yaml(value: Any) -> str:
    return str(yaml.safe_dump(value, sort_keys=False, width=120))


def _argocd() -> str:
    """A part of Argo CD's ConfigMap: the script once for each kind."""
    head = "# Written by `make docs` from health.lua. Merge it into argocd-cm: kubectl patch, kustomize, or the values of Argo CD's chart.\n"
    script = (ROOT / "examples/argocd/health.lua").read_text()
    keys = "".join(
        f"  resource.customizations.health.{GROUP}_{kind}: |\n{textwrap.indent(script, '    ')}" for kind in KINDS
    )
    names = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: argocd-cm\n  namespace: argocd\n"
    return f"{head}{names}data:\n{keys}"


PAGES: Final[dict[str, Callable[[], str]]] = {
    **{
        f"{folder}/{name}": functools.partial(_yaml, definition)
        for folder in ("crds", "charts/ethrex-operator/crds")
        for name, definition in crd.every().items()
    },
    "examples/argocd/argocd-cm.yaml": _argocd,
    "docs/reference/api.md": api.page,
    "docs/reference/cli.md": reference.page,
    "docs/reference/l2.md": lambda: reference.page_of(rollup.HEAD, rollup.TABLE.options),
    "docs/reference/l2-follow.md": lambda: reference.page_of(follower.HEAD, follower.TABLE.options),
    "docs/reference/rpc.md": methods.page,
    "THIRD_PARTY.md": third_party.page,
}


def stale() -> list[str]:
    """Pages whose file is missing or differs from what the source gives now."""
    return [path for path, text in PAGES.items() if not _holds(ROOT / path, text())]


def _holds(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text


def main(arguments: list[str]) -> int:
    outdated = stale()
    if "--check" in arguments:
        for path in outdated:
            print(f"{path} differs from its source; `make docs` writes it again", file=sys.stderr)
        return 1 if outdated else 0
    for path in outdated:
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(PAGES[path](), encoding="utf-8")
        print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
