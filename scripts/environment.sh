# Where builds of this checkout go; sourced by the Makefile's recipes and by setup.sh.
# The target folder lies outside the checkout, one for each Cargo.lock and compiler, so that a fresh clone finds it warm.

cache="${XDG_CACHE_HOME:-$HOME/.cache}/ethrex-node"

if [ -z "${CARGO_TARGET_DIR:-}" ] && command -v rustc >/dev/null; then
    key=$( (cat node/native/Cargo.lock; rustc -vV) | sha256sum | cut -c1-12)
    export CARGO_TARGET_DIR="$cache/target-$key"
fi

# One interpreter for every build of pyo3: another one would build half of the workspace again.
export PYO3_PYTHON="$PWD/.venv/bin/python"
