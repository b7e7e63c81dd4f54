"""
Where a command looks: at a run of this machine, or into a cluster that was named.

`ethrexctl` goes into a cluster only where `--context` names one: a kubeconfig's current context is whatever somebody used last,
which may be anybody's cluster. `kubectl ethrex` is kubectl's, so it takes the current context as all of kubectl does.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

ROOT: Final = Path(".ethrex")


@dataclass(frozen=True, slots=True)
class Machine:
    """The folder of all runs."""

    root: Path


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A cluster. Without a context it is the current one, without a namespace the context's."""

    kubeconfig: str
    context: str | None
    namespace: str | None


Where = Machine | Elsewhere


def chosen(
    root: Path | None, context: str | None, namespace: str | None, kubeconfig: Path | None, *, of_kubectl: bool
) -> Where:
    """Raises click's `UsageError` for what is neither one nor the other."""
    if root is not None and (of_kubectl or context or namespace or kubeconfig):
        raise click.UsageError("--root is of runs on this machine, and a cluster is named as well")
    if not of_kubectl and context is None:
        if namespace is not None or kubeconfig is not None:
            named = "--namespace" if namespace is not None else "--kubeconfig"
            raise click.UsageError(f"{named} is of a cluster: name it by --context, or use `kubectl ethrex`")
        return Machine(root or ROOT)
    return Elsewhere(str(kubeconfig) if kubeconfig else _kubeconfig(), context, namespace)


def _kubeconfig() -> str:
    """As kubectl finds it. May be several files."""
    return os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")


def placed(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that say where, and hands `where` to the command."""

    @click.option("--root", type=click.Path(path_type=Path, file_okay=False), help="of runs here [default: .ethrex]")
    @click.option("--context", metavar="NAME", help="a cluster, by its name in the kubeconfig")
    @click.option("-n", "--namespace", metavar="NAME", help="in that cluster [default: the context's]")
    @click.option("--kubeconfig", type=click.Path(path_type=Path, dir_okay=False), help="[default: as kubectl]")
    @functools.wraps(command)
    def found(
        root: Path | None, context: str | None, namespace: str | None, kubeconfig: Path | None, **given: Any
    ) -> Any:
        of_kubectl = click.get_current_context().find_root().obj is OF_KUBECTL
        return command(where=chosen(root, context, namespace, kubeconfig, of_kubectl=of_kubectl), **given)

    return found


OF_KUBECTL: Final = object()  # the `obj` of click's outermost context, where kubectl started us
