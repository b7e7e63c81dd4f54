#!/usr/bin/env bash
# Compiles `rollup`, the program that batches are proven by, and with it `stf` for a zkVM guest (riscv64im, no operating system) with the stock compiler: nothing in it may need a
# thread, a file or C. Needs the source of the standard library that belongs to this rustc; where rustup has not put it
# beside the compiler, it is fetched once: by rustup, else as Debian's package of the same version.
#
#   CACHE    where fetched source and build output go (default: ${XDG_CACHE_HOME:-~/.cache}/ethrex-build)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

CACHE=${CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ethrex-build}
VERSION=$(rustc --version | cut -d' ' -f2)

beside_compiler() { echo "$(rustc --print sysroot)/lib/rustlib/src/rust/library"; }

# A private apt state: the suites that carry newer compilers never touch the system's own lists.
from_debian() {
    local target=$CACHE/rust-src-$VERSION found
    local library=$target/usr/src/rustc-$VERSION/library
    if [ ! -d "$library" ]; then
        mkdir -p "$target/lists/partial" "$target/archives/partial"
        printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian %s main\n' \
            trixie trixie-backports sid >"$target/sources.list"
        local apt=(-o "Dir::Etc::sourcelist=$target/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$target/lists"
            -o "Dir::Cache=$target" -o APT::Sandbox::User=root -qq)
        apt-get "${apt[@]}" update >&2
        found=$(apt-cache "${apt[@]}" madison rust-src | awk -v wanted="$VERSION+dfsg" 'index($3, wanted) == 1 { print $3; exit }')
        [ -n "$found" ] || { echo "guest-check: no source of rustc $VERSION: rustup cannot add rust-src, Debian has none" >&2; exit 1; }
        (cd "$target" && apt-get "${apt[@]}" download "rust-src=$found" >&2 && dpkg -x rust-src_*.deb .)
        rm -rf "$target"/rust-src_*.deb "$target/lists" "$target/archives" "$target"/*.bin
    fi
    echo "$library"
}

library=$(beside_compiler)
if [ ! -d "$library" ] && ! { command -v rustup && timeout 300 rustup component add rust-src; } >&2; then
    library=$(from_debian)
fi

# The recipe: RUSTC_BOOTSTRAP lets the stock cargo build core and alloc; the target is upstream's
# riscv64im-unknown-none-elf with atomics, which the pass turns into plain loads and stores (a guest has one thread).
export RUSTC_BOOTSTRAP=1 __CARGO_TESTS_ONLY_SRC_ROOT=$library
export CARGO_TARGET_DIR=$CACHE/guest-check
export CARGO_ENCODED_RUSTFLAGS=$'-C\x1fpasses=lower-atomic\x1f-C\x1fpanic=abort\x1f--cfg\x1fgetrandom_backend="custom"'
cargo build --release --locked -p rollup --lib --no-default-features --features native-keccak,crypto-backend \
    --target guest-check/riscv64im-succinct-zkvm-elf.json -Zjson-target-spec \
    -Zbuild-std=core,alloc -Zbuild-std-features=compiler-builtins-mem
echo "guest-check: rollup and stf compile for riscv64im with rustc $VERSION"
