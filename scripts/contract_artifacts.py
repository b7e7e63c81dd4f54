"""
Build the contracts and write what the node needs of each: ABI, code, storage layout.

The files live in the package, `node/src/ethrex_node/rollup/artifacts`, one copy for everybody who deploys or reads a
contract. `--check` builds and compares instead; without node on the machine it says so and compares nothing.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
CONTRACTS: Final = ROOT / "contracts"
ARTIFACTS: Final = ROOT / "node/src/ethrex_node/rollup/artifacts"

#: Apart from what the tests build: the compiler numbers syntax trees by all the files that it sees.
OUT: Final = "cache/artifacts"

#: What is deployed, put into a genesis, or called.
PUBLISHED: Final = (
    "AttestedVerifier",
    "CommonBridge",
    "CommonBridgeL2",
    "DataCommittee",
    "ERC1967Proxy",
    "ERC20L2",
    "FeeTokenPricer",
    "FeeTokenRegistry",
    "GasPriceOracle",
    "L1Info",
    "Messenger",
    "OnChainProposer",
    "PredeployProxy",
    "Risc0Verifier",
    "Sp1Verifier",
    "Timelock",
    "VerifierRegistry",
)


class BuildError(Exception):
    """The contracts do not build here."""


def build() -> dict[str, str]:
    """Artifact file name -> text, as the sources give it."""
    setup = subprocess.run([ROOT / "scripts/contracts.sh"], capture_output=True, text=True, check=False)
    if setup.returncode:
        raise BuildError(setup.stderr.strip())
    command = [setup.stdout.strip(), "build", "--skip", "test", "--out", OUT, "--cache-path", f"{OUT}/cache"]
    built = subprocess.run(command, cwd=CONTRACTS, capture_output=True, text=True, check=False)
    if built.returncode:
        raise BuildError(built.stdout + built.stderr)
    return {f"{name}.json": artifact(CONTRACTS / OUT / f"{name}.sol" / f"{name}.json") for name in PUBLISHED}


def artifact(path: Path) -> str:
    full: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    name = path.stem
    artifact = {
        "contractName": name,
        "abi": full["abi"],
        "bytecode": full["bytecode"]["object"],
        "deployedBytecode": full["deployedBytecode"]["object"],
        "immutableReferences": _immutables(full["deployedBytecode"].get("immutableReferences", {})),
        "storageLayout": _layout(full.get("storageLayout", {})),
    }
    return json.dumps(artifact, indent=1, sort_keys=True) + "\n"


def _immutables(references: dict[str, list[dict[str, int]]]) -> list[dict[str, int]]:
    """Places in the deployed code that its constructor fills."""
    return sorted((place for places in references.values() for place in places), key=lambda place: place["start"])


def _layout(layout: dict[str, Any]) -> list[dict[str, Any]]:
    """Plain variables only: what is kept at named places of its own (ERC-7201) is in the sources."""
    return [{key: item[key] for key in ("label", "slot", "offset")} for item in layout.get("storage", [])]


def stale(artifacts: dict[str, str]) -> list[str]:
    """Names of files that are missing, differ, or that no contract gives any more."""
    held = {path.name: path.read_text(encoding="utf-8") for path in ARTIFACTS.glob("*.json")}
    return sorted(name for name in artifacts.keys() | held.keys() if artifacts.get(name) != held.get(name))


def main(arguments: list[str]) -> int:
    if "--check" in arguments and shutil.which("npm") is None:
        print("contracts: no npm here, the artifacts are not compared with a build")
        return 0
    try:
        artifacts = build()
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    outdated = stale(artifacts)
    if "--check" in arguments:
        for name in outdated:
            print(f"{name} differs from its source; `make contracts` writes it again", file=sys.stderr)
        return 1 if outdated else 0
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    for name in outdated:
        path = ARTIFACTS / name
        if name in artifacts:
            path.write_text(artifacts[name], encoding="utf-8")
        else:
            path.unlink()
        print(f"wrote {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
