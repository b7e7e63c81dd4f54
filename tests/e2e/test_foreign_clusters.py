"""No test comes near a cluster that was not made for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e import kubeconfigs


def config(**changes: Any) -> dict[str, Any]:
    server = changes.pop("server", "https://127.0.0.1:16443")
    return {
        "current-context": "e2e",
        "contexts": [{"name": "e2e", "context": {"cluster": "mine"}}, {"name": "prod", "context": {"cluster": "mine"}}],
        "clusters": [{"name": "mine", "cluster": {"server": server}}],
        **changes,
    }


def written(folder: Path, content: Any) -> Path:
    path = folder / "kubeconfig"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


def test_a_test_cluster_on_this_machine_is_taken(tmp_path: Path) -> None:
    kubeconfigs.own(written(tmp_path, config()))
    kubeconfigs.own(written(tmp_path, config(server="https://[::1]:6443")))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (config(server="https://10.0.0.7:6443"), "not on this machine"),
        (config(server="https://api.example.org"), "not on this machine"),
        (config(server="https://127.0.0.1.example.org"), "not on this machine"),
        (config(**{"current-context": "prod"}), "its context is 'prod'"),
        (config(**{"current-context": "gone"}), "not a kubeconfig"),
        (config(contexts=[]), "not a kubeconfig"),
        ({}, "not a kubeconfig"),
        ("{", "not a kubeconfig"),
        ("", "not a kubeconfig"),
    ],
)
def test_any_other_is_refused(tmp_path: Path, content: Any, reason: str) -> None:
    with pytest.raises(kubeconfigs.ForeignCluster, match=reason):
        kubeconfigs.own(written(tmp_path, content))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(kubeconfigs.ForeignCluster, match="not a kubeconfig"):
        kubeconfigs.own(tmp_path / "none")
