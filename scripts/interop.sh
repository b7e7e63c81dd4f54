#!/usr/bin/env bash
# The JavaScript clients and foundry's programs for the interop tests, as tests/interop/package-lock.json has them, in a
# cache folder of that lock. Prints the folder; does nothing where it is there.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v npm >/dev/null || { echo "interop: npm is missing; Debian: apt-get install nodejs npm" >&2; exit 1; }
key=$(cat tests/interop/package.json tests/interop/package-lock.json | sha256sum | cut -c1-12)
folder="${XDG_CACHE_HOME:-$HOME/.cache}/ethrex-node/interop-$key"
if [ ! -e "$folder/ready" ]; then
    mkdir -p "$folder"
    cp tests/interop/package.json tests/interop/package-lock.json "$folder"
    (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
    touch "$folder/ready"
fi
echo "$folder"
