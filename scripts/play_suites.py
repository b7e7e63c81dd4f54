"""
Play the official suites on the fixtures beside the checkout: a sample that is the same each time and small enough for
every change, or with ``--all`` every case there is.

The fixtures lie outside the repository: in the folder that ``ETHREX_FIXTURES`` names, or in ``shared/fixtures`` beside
the checkout or one level further up. Where they are not, this says so and passes: the units still speak.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent

# Suite, path below the fixtures, one case in so many. The whole of a small suite, a few hundred cases of a large one.
SAMPLE: Final = (
    ("rlp", "basic", 1),
    ("trie", "basic", 1),
    ("transaction", "ethereum-tests/ethereum-tests.tar.xz", 5),
    ("state", "eest/eest-osaka.tar.xz", 40),
    ("state", "ethereum-tests/legacytests-cancun-state.tar.xz", 100),
    ("blockchain", "eest/eest-prague.tar.xz", 4),
    ("blockchain", "ethereum-tests/ethereum-tests.tar.xz", 2),
    ("py-evm", "eest/eest-prague.tar.xz", 12),
    ("py-evm", "eest/eest-cancun.tar.xz", 12),
    ("py-evm", "eest/eest-shanghai.tar.xz", 12),
    ("engine", "eest/eest-prague.tar.xz", 4),
    ("rpc-compat", "rpc-compat", 1),
    ("kzg", "vectors/kzg", 10),
    ("bls", "vectors/bls12-381", 10),
    ("p256", "vectors/p256", 10),
)
# Suites that are played again with other settings of the node: its environment.
AGAIN: Final = {"rpc-compat": {"ETHREX_HTTP_WORKERS": "2"}}
# A suite finds its own kind of file in any folder.
ALL: Final = tuple(
    (suite, path, 1)
    for suite, path in (
        *(("state", path) for path in ("eest", "ethereum-tests")),
        *(("blockchain", path) for path in ("eest", "ethereum-tests")),
        ("engine", "eest"),
        *(("py-evm", f"eest/eest-{fork}.tar.xz") for fork in ("shanghai", "cancun", "prague")),
        ("py-evm", "ethereum-tests/ethereum-tests.tar.xz"),
        *(("transaction", path) for path in ("eest", "ethereum-tests")),
        ("trie", "basic"),
        ("rlp", "basic"),
        ("rpc-compat", "rpc-compat"),
        ("kzg", "vectors"),
        ("bls", "vectors"),
        ("p256", "vectors"),
    )
)


def fixtures() -> Path | None:
    named = os.environ.get("ETHREX_FIXTURES")
    places = (
        [Path(named)] if named else [parent / "shared" / "fixtures" for parent in (ROOT.parent, ROOT.parent.parent)]
    )
    return next((place for place in places if place.is_dir()), None)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Play the official suites on the fixtures beside the checkout.")
    parser.add_argument("--all", action="store_true", help="every case, not a sample")
    parser.add_argument("--only", metavar="SUITE", help="this suite alone")
    return parser.parse_args()


def main() -> int:
    folder = fixtures()
    if folder is None:
        print(
            "no fixtures beside the checkout (ETHREX_FIXTURES names their folder): the official suites are not played"
        )
        return 0
    failed = False
    arguments = _arguments()
    for suite, path, one_in in ALL if arguments.all else SAMPLE:
        if arguments.only not in (None, suite):
            continue
        command = [sys.executable, "-m", "conformance", suite, str(folder / path), "--sample", str(one_in)]
        print(f"{suite} {path}, one case in {one_in}:", flush=True)
        failed |= subprocess.run(command, cwd=ROOT, check=False).returncode != 0
        if suite in AGAIN:
            print(f"{suite} {path} with {AGAIN[suite]}:", flush=True)
            again = subprocess.run(command, cwd=ROOT, env={**os.environ, **AGAIN[suite]}, check=False)
            failed |= again.returncode != 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
