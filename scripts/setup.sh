#!/usr/bin/env bash
# Make this checkout run: tools checked, .venv made from the lock, native core built, distributions installed.
# Does nothing where nothing changed since the last run: the stamps hold hashes of what each step read.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\033[1m%s\033[0m\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }
digest() { cat "$@" | sha256sum | cut -c1-16; }
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -1)" = "$1" ]; }

check_tools() {
    local missing=()
    command -v python3 >/dev/null || missing+=("Python 3.11 or later          Debian: apt-get install python3 python3-venv")
    command -v cc >/dev/null || missing+=("a C compiler                  Debian: apt-get install build-essential")
    local wanted found
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' node/native/Cargo.toml)
    found=$(cargo --version 2>/dev/null | cut -d' ' -f2 || true)
    if [ -z "$found" ]; then
        missing+=("Rust (cargo) $wanted or later   from rustup; Debian's own is older")
    elif ! at_least "$wanted" "$found"; then
        missing+=("Rust (cargo) $wanted or later, found $found   rustup update")
    fi
    [ ${#missing[@]} -eq 0 ] || fail "missing:$(printf '\n  %s' "${missing[@]}")"
}

make_venv() {
    local chosen build python
    chosen=$(python3 scripts/choose_python.py | head -1) || true
    [ -n "$chosen" ] || fail "no CPython 3.11 or later with its venv module; Debian: apt-get install python3 python3-venv"
    build=${chosen%%$'\t'*} python=${chosen##*$'\t'}
    say "Python $build at $python"
    case $build in *PGO*) ;; *) echo "  built without PGO: pure Python runs at two thirds of the speed of a distribution's interpreter" ;; esac
    rm -rf .venv
    "$python" -m venv .venv
    echo "$build" >.venv/build
}

install_requirements() {
    local stamp=.venv/requirements.stamp want
    want=$(digest requirements.lock)
    [ "$(cat $stamp 2>/dev/null)" != "$want" ] || return 0
    say "Installing locked requirements"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
    echo "$want" >$stamp
}

# Cargo names what it builds of a path crate alike in every checkout, and trusts file times: after another checkout used
# the folder, our own crates have to be built again.
own_crates_are_of_this_checkout() {
    mkdir -p "$CARGO_TARGET_DIR"
    local mark=$CARGO_TARGET_DIR/checkout
    [ "$(cat "$mark" 2>/dev/null)" != "$PWD" ] || return 0
    touch node/native/*/src/lib.rs
    echo "$PWD" >"$mark"
}

build_native() {
    local stamp=.venv/native.stamp want
    want=$( (echo "$CARGO_TARGET_DIR"; find node/native -type f \( -name '*.rs' -o -name '*.toml' -o -name '*.lock' -o -name '*.json' \) -not -path '*/target/*' -print0 \
        | sort -z | xargs -0 sha256sum) | sha256sum | cut -c1-16)
    if [ "$(cat $stamp 2>/dev/null)" = "$want" ] && [ -e node/src/ethrex_node/_native.abi3.so ]; then return 0; fi
    say "Building the native core (some minutes the first time) in $CARGO_TARGET_DIR"
    own_crates_are_of_this_checkout
    local log=.venv/native.log
    VIRTUAL_ENV="$PWD/.venv" PATH="$PWD/.venv/bin:$PATH" .venv/bin/maturin develop --release --skip-install --locked \
        --manifest-path node/native/python/Cargo.toml >$log 2>&1 || { cat $log >&2; fail "the native core does not build"; }
    echo "$want" >$stamp
}

install_distributions() {
    local stamp=.venv/distributions.stamp want site
    want=$(digest node/pyproject.toml prover/pyproject.toml operator/pyproject.toml scripts/setup.sh)
    [ "$(cat $stamp 2>/dev/null)" != "$want" ] || return 0
    say "Installing ethrex-node, ethrex-prover, ethrex-operator from this checkout"
    PATH="$PWD/.venv/bin:$PATH" .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
        --editable node --editable prover --editable operator
    # `conformance` lies under tests/, `bench` at the top.
    site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    printf '%s\n%s\n' "$PWD/tests" "$PWD" >"$site/ethrex-checkout.pth"
    echo "$want" >$stamp
}

native_only=${1:-}
. scripts/environment.sh
check_tools
. scripts/environment.sh
if [ "$native_only" != --native ]; then
    # An environment that was moved or copied has the wrong paths inside.
    grep -qsF "$PWD/.venv" .venv/bin/activate && .venv/bin/python -c '' 2>/dev/null || make_venv
    install_requirements
fi
build_native
install_distributions
