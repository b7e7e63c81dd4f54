"""
THIRD_PARTY.md: the licences of what the node is built from, Python packages of the lock and crates of Cargo.lock.

Names and licences are read from the installed packages and from cargo's own metadata; a package whose licence is not on
the list of compatible ones is an error.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
HEAD: Final = """\
# Third-party software

Made by `make docs` from `requirements.lock`, `node/native/Cargo.lock`, `contracts/package-lock.json`, the code of others in a rollup's first state and the proofs that the contracts are tested with. The project itself is under Apache-2.0 (`LICENSE`).
"""
# What may be linked into or shipped beside Apache-2.0 code. LGPL and MPL: used unchanged, as libraries of their own.
COMPATIBLE: Final = re.compile(
    r"MIT|Apache|BSD|ISC|Zlib|Unlicense|CC0|Unicode|PSF|Python Software Foundation|0BSD|MPL|Mozilla|LGPL|BSL|Boost"
    r"|Public Domain|WTFPL|Artistic|CDLA|OpenSSL|LLVM|OLDAP-2.8",
    re.IGNORECASE,
)
SHOWN: Final = 80


class Incompatible(Exception):
    """A package that the project must not be built from, or whose licence nobody knows."""


def page() -> str:
    python = list(_table("Python", _python()))
    rust = list(_table("Rust", _crates()))
    solidity = list(_table("Solidity, in the contracts' code", _libraries()))
    code = list(_table("Code of others, in a rollup's first state", _preinstalls()))
    proofs = list(_table("Proofs and keys of others, in the contracts' tests", _proofs()))
    return "\n".join([HEAD, *python, *rust, *solidity, *code, *proofs]).rstrip() + "\n"


Row = tuple[str, str, str]  # name, version, licence


def _table(title: str, rows: Iterator[Row]) -> Iterator[str]:
    yield f"\n## {title}\n\n| package | version | licence |\n|---|---|---|"
    for name, version, licence in sorted(set(rows)):
        if not COMPATIBLE.search(licence):
            raise Incompatible(f"{name} {version}: licence {licence!r} is not on the list of compatible ones")
        yield f"| {name} | {version} | {licence} |"


def _python() -> Iterator[Row]:
    """The packages of the lock that this machine has: markers leave some to other systems."""
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.M):
        try:
            fields = importlib.metadata.metadata(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        classified = [one.rpartition(" :: ")[2] for one in fields.get_all("Classifier") or () if "License ::" in one]
        stated = [
            *(fields.get_all("License-Expression") or ()),
            ", ".join(classified),
            *(fields.get_all("License") or ()),
        ]
        licence = next((one for one in stated if one), "unknown")
        yield name, version, " ".join(licence.split())[:SHOWN]


def _crates() -> Iterator[Row]:
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--manifest-path", "node/native/Cargo.toml"]
    listed = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout)
    for package in listed["packages"]:
        if package["source"] is not None:
            yield package["name"], package["version"], package["license"] or "unknown"


def _libraries() -> Iterator[Row]:
    """What is compiled into the contracts; compiler and forge only make them."""
    lock = json.loads((ROOT / "contracts/package-lock.json").read_text(encoding="utf-8"))
    for path, package in lock["packages"].items():
        if path.startswith("node_modules/@openzeppelin/"):
            yield path.removeprefix("node_modules/"), package["version"], package["license"]


def _preinstalls() -> Iterator[Row]:
    path = ROOT / "node/src/ethrex_node/rollup/preinstalls.json"
    origin = json.loads(path.read_text(encoding="utf-8"))["origin"]
    yield origin["name"], origin["version"], origin["licence"]


# contracts/test/public, which the tests deploy.
PUBLIC_VERIFIERS: Final = (
    ("public/sp1-v5, templates: sp1-recursion-gnark-ffi", "5.2.4", "MIT OR Apache-2.0"),
    ("public/sp1-v5, exported: github.com/jtguibas/gnark", "41125bc190", "Apache-2.0, MIT"),
    ("public/sp1-v6, exported: github.com/p4u/gnark", "cd7874155e", "Apache-2.0, MIT"),
)


def _proofs() -> Iterator[Row]:
    """Data alone: each file says where its proof and the numbers of its verifying key are from."""
    for path in (ROOT / "contracts/test/fixtures").glob("*.json"):
        read = json.loads(path.read_text(encoding="utf-8"))
        for name, origin in (("proof", read["origin"]), ("key", read["verifier"]["origin"])):
            yield f"{path.name}, {name}: {origin['repo']}", origin["commit"][:10], origin["licence"]
    yield from PUBLIC_VERIFIERS
