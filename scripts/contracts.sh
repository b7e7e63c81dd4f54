#!/usr/bin/env bash
# OpenZeppelin, solc and forge for the contracts, as contracts/package-lock.json has them, and what others publish as crates
# (contracts/crates.lock: name, version, SHA-256), in a cache folder of these locks; contracts/node_modules leads there.
# Prints forge's path; downloads nothing where the folder is there.
set -euo pipefail
cd "$(dirname "$0")/.."

for program in node npm cargo; do
    command -v "$program" >/dev/null || {
        echo "contracts: $program is missing; Debian: apt-get install nodejs npm, and https://rustup.rs" >&2
        exit 1
    }
done

# Of one crate nothing but its files: Cargo would fetch hundreds that it builds upon.
unpack() {
    local name=$1 version=$2 hash=$3 into=$4 crate
    (cd "$into" && cargo info --quiet "$name@$version" >/dev/null)
    crate=$(printf "%s\n" "${CARGO_HOME:-$HOME/.cargo}"/registry/cache/*/"$name-$version.crate" | head -n 1)
    echo "$hash  $crate" | sha256sum --check --quiet >&2
    mkdir -p "$into/$name"
    tar -xzf "$crate" -C "$into/$name" --strip-components 1
}

key=$(cat contracts/package.json contracts/package-lock.json contracts/crates.lock | sha256sum | cut -c1-12)
folder="${XDG_CACHE_HOME:-$HOME/.cache}/ethrex-node/contracts-$key"
if [ ! -e "$folder/ready" ]; then
    mkdir -p "$folder"
    cp contracts/package.json contracts/package-lock.json "$folder"
    (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
    while read -r name version hash; do
        unpack "$name" "$version" "$hash" "$folder/node_modules"
    done <contracts/crates.lock
    touch "$folder/ready"
fi
ln -sfn "$folder/node_modules" contracts/node_modules
echo "$folder/node_modules/@foundry-rs/forge-linux-amd64/bin/forge"
