"""
The parts of an image as CycloneDX, out of the lock files: what was installed is what stands there, by version. Nothing is asked
of a network, and the same locks give the same bytes.

    python images/sbom.py node 0.1.0 requirements.lock node/native/Cargo.lock
    python images/sbom.py operator 0.1.0 requirements.lock

Debian's packages are the base image's, and stand in its own list.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import requirements_for  # type: ignore[import-not-found]  # beside this file

PYTHON: Final = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^]]*\])?==(?P<version>[^ ;\\]+)(?P<marker>[^\\\n]*)")
ELSEWHERE: Final = re.compile(r"== *'(?:win32|Windows|nt|darwin|Darwin|emscripten)'")  # markers of other systems

Component = dict[str, Any]


def bill(distribution: str, version: str, lock: str, cargo: str | None) -> dict[str, Any]:
    """`lock` and `cargo` are the texts of the lock files. Raises `requirements_for.UnknownPackage`."""
    # the prover's image has the node below it
    wanted = ("node", "prover") if distribution == "prover" else (distribution,)
    found = {one["purl"]: one for one in _python(requirements_for.part(lock, wanted))}
    found |= {one["purl"]: one for one in _crates(cargo)} if cargo is not None else {}
    name = f"ethrex-{distribution}"
    own = {"type": "application", "name": name, "version": version, "licenses": [{"license": {"id": "Apache-2.0"}}]}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": own | {"purl": f"pkg:pypi/{name}@{version}"}},
        "components": [found[purl] for purl in sorted(found)],
    }


def _python(lock: str) -> Iterator[Component]:
    for line in lock.splitlines():
        read = PYTHON.match(line)
        if read is not None and not ELSEWHERE.search(read["marker"]):
            name = re.sub(r"[-_.]+", "-", read["name"]).lower()
            yield _component(name, read["version"], f"pkg:pypi/{name}@{read['version']}")


def _crates(lock: str) -> Iterator[Component]:
    """Those that come from elsewhere: our own are the distribution itself."""
    for one in tomllib.loads(lock)["package"]:
        if "source" in one:
            found = _component(one["name"], one["version"], f"pkg:cargo/{one['name']}@{one['version']}")
            digest = one.get("checksum")
            yield found | ({"hashes": [{"alg": "SHA-256", "content": digest}]} if digest else {})


def _component(name: str, version: str, purl: str) -> Component:
    return {"type": "library", "name": name, "version": version, "purl": purl}


if __name__ == "__main__":
    distribution, version, lock, *cargo = sys.argv[1:]
    made = bill(distribution, version, Path(lock).read_text(), Path(cargo[0]).read_text() if cargo else None)
    sys.stdout.write(json.dumps(made, indent=1) + "\n")
