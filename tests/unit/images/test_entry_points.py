"""One image becomes several that differ in the program they start."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from images import entry_points

COMMANDS = {"localhost/first:e2e": "one", "localhost/second:e2e": "two"}


def put(layout: Path, content: Any) -> dict[str, Any]:
    encoded = json.dumps(content).encode()
    digest = hashlib.sha256(encoded).hexdigest()
    (layout / "blobs/sha256" / digest).write_bytes(encoded)
    return {"digest": f"sha256:{digest}", "size": len(encoded)}


def get(layout: Path, descriptor: dict[str, Any]) -> Any:
    algorithm, _, digest = descriptor["digest"].partition(":")
    encoded = (layout / "blobs" / algorithm / digest).read_bytes()
    assert len(encoded) == descriptor["size"]
    assert hashlib.sha256(encoded).hexdigest() == digest
    return json.loads(encoded)


def layout_of_one_image(folder: Path) -> Path:
    (folder / "blobs/sha256").mkdir(parents=True)
    layer = put(folder, "a layer")
    config = put(folder, {"config": {"User": "65532", "Entrypoint": ["none"], "Labels": {"kept": "yes"}}})
    manifest = put(folder, {"config": {"mediaType": "config", **config}, "layers": [layer]})
    index = {"schemaVersion": 2, "manifests": [{"mediaType": "manifest", **manifest, "annotations": {"old": "name"}}]}
    (folder / "index.json").write_text(json.dumps(index))
    return folder


def test_each_name_is_an_image_that_starts_its_program_on_the_same_layers(tmp_path: Path) -> None:
    layout = layout_of_one_image(tmp_path)

    entry_points.name_images(layout, COMMANDS)

    found = json.loads((layout / "index.json").read_text())["manifests"]
    assert [one["annotations"] for one in found] == [{"org.opencontainers.image.ref.name": name} for name in COMMANDS]
    manifests = [get(layout, one) for one in found]
    configs = [get(layout, one["config"])["config"] for one in manifests]
    assert [one["Entrypoint"] for one in configs] == [["one"], ["two"]]
    assert [one["Labels"] for one in configs] == [
        {"kept": "yes", "org.opencontainers.image.title": title} for title in ("first", "second")
    ]
    assert all(one["User"] == "65532" for one in configs)
    assert manifests[0]["layers"] == manifests[1]["layers"]


def test_nothing_is_left_that_no_image_has(tmp_path: Path) -> None:
    layout = layout_of_one_image(tmp_path)

    entry_points.name_images(layout, COMMANDS)

    used = set()
    for one in json.loads((layout / "index.json").read_text())["manifests"]:
        manifest = get(layout, one)
        used |= {one["digest"], manifest["config"]["digest"], *(layer["digest"] for layer in manifest["layers"])}
    assert {f"sha256:{path.name}" for path in (layout / "blobs/sha256").iterdir()} == used
