"""
Give an image of an OCI layout several names, each with a command of its own to start. The layers are shared and not
touched: storing the same files once for each image would be most of the time of a build.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

Descriptor = dict[str, Any]


def name_images(layout: Path, commands: dict[str, str]) -> None:
    """`commands`: reference of each image (``localhost/ethrex-node:e2e``) -> its program. The layout has one image."""
    index = json.loads((layout / "index.json").read_text())
    (original,) = index["manifests"]
    manifest = _read(layout, original)
    config = _read(layout, manifest["config"])
    index["manifests"] = []
    for reference, program in commands.items():
        title = reference.rpartition("/")[2].partition(":")[0]
        labels = {**config["config"].get("Labels", {}), "org.opencontainers.image.title": title}
        own_config = {**config, "config": {**config["config"], "Entrypoint": [program], "Labels": labels}}
        own_manifest = {**manifest, "config": {**manifest["config"], **_write(layout, own_config)}}
        annotations = {"org.opencontainers.image.ref.name": reference}
        index["manifests"].append({**original, **_write(layout, own_manifest), "annotations": annotations})
    (layout / "index.json").write_text(json.dumps(index))
    for unused in (original, manifest["config"]):
        _blob(layout, unused["digest"]).unlink()


def _blob(layout: Path, digest: str) -> Path:
    return layout / "blobs" / digest.replace(":", "/")


def _read(layout: Path, descriptor: Descriptor) -> Any:
    return json.loads(_blob(layout, descriptor["digest"]).read_bytes())


def _write(layout: Path, content: Any) -> Descriptor:
    """What of a descriptor says which blob it is."""
    encoded = json.dumps(content).encode()
    digest = f"sha256:{hashlib.sha256(encoded).hexdigest()}"
    _blob(layout, digest).write_bytes(encoded)
    return {"digest": digest, "size": len(encoded)}


if __name__ == "__main__":
    name_images(Path(sys.argv[1]), dict(argument.split("=", 1) for argument in sys.argv[2:]))
