"""
The programs we are measured against, installed on first use into a cache outside the checkout.

geth comes through the Go module proxy, anvil from npm; a missing tool is named with what it is needed for.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

from .measure import progress

GETH_VERSION: Final = "v1.17.5"
CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "ethrex-node" / "peers"
ROOT: Final = Path(__file__).resolve().parent.parent
CHAINGENS: Final = [above / "shared" / "tools" / "chaingen" for above in (ROOT.parent, ROOT.parent.parent)]
CHAINGEN: Final = next((found for found in CHAINGENS if found.exists()), CHAINGENS[0])


class PeerMissing(Exception):
    """A peer cannot be installed here; the message says what is missing."""


def geth() -> Path:
    return once(CACHE / "bin" / f"geth-{GETH_VERSION}", _install_geth)


@cache
def anvil() -> Path:
    """As the lock file of the interop tests has it."""
    done = subprocess.run([ROOT / "scripts" / "interop.sh"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PeerMissing(f"scripts/interop.sh failed: {done.stderr.strip()[-600:]}")
    return Path(done.stdout.strip()) / "node_modules" / "@foundry-rs" / "anvil-linux-amd64" / "bin" / "anvil"


def chain(kind: str, blocks: int, transactions: int) -> Path:
    """A folder with genesis.json and chain.rlp that go-ethereum's own library made."""
    folder = CACHE / "chains" / f"{kind}-{blocks}-{transactions}"

    def make(target: Path) -> None:
        work = target.with_suffix(".new")
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        progress(f"making {target.name} (about a minute)")
        run([str(_chaingen()), kind, str(blocks), str(transactions), str(work)], cwd=CHAINGEN)
        work.rename(target)

    return once(folder, make)


def _chaingen() -> Path:
    if not CHAINGEN.exists():
        raise PeerMissing("the chain generator is not beside this checkout (shared/tools/chaingen)")

    def build(target: Path) -> None:
        work = CACHE / "src" / "chaingen"
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(CHAINGEN, work)
        for path in work.rglob("*"):
            path.chmod(path.stat().st_mode | 0o200)
        run([tool("go", "the chain generator"), "build", "-o", str(target), "."], cwd=work)

    return once(CACHE / "bin" / "chaingen", build)


def _install_geth(target: Path) -> None:
    progress(f"installing geth {GETH_VERSION} (some minutes, once)")
    where = target.parent / "gobin"
    package = f"github.com/ethereum/go-ethereum/cmd/geth@{GETH_VERSION}"
    run([tool("go", "geth"), "install", package], env={**os.environ, "GOBIN": str(where)})
    (where / "geth").rename(target)


def once(target: Path, make: Callable[[Path], None]) -> Path:
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        make(target)
    return target


def tool(name: str, purpose: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise PeerMissing(f"{name} is not installed; {purpose} needs it")
    return found


def run(command: list[str], cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PeerMissing(f"{command[0]} failed: {done.stderr.strip()[-600:]}")
