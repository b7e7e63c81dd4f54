#!/usr/bin/env bash
# OpenZeppelin, solc and forge for the contracts, as contracts/package-lock.json has them, in a cache folder of that
# lock; contracts/node_modules leads there. Prints forge's path; downloads nothing where the folder is there.
set -euo pipefail
cd "$(dirname "$0")/.."

for program in node npm; do
    command -v "$program" >/dev/null || {
        echo "contracts: $program is missing; Debian: apt-get install nodejs npm" >&2
        exit 1
    }
done
key=$(cat contracts/package.json contracts/package-lock.json | sha256sum | cut -c1-12)
folder="${XDG_CACHE_HOME:-$HOME/.cache}/ethrex-node/contracts-$key"
if [ ! -e "$folder/ready" ]; then
    mkdir -p "$folder"
    cp contracts/package.json contracts/package-lock.json "$folder"
    (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
    touch "$folder/ready"
fi
ln -sfn "$folder/node_modules" contracts/node_modules
echo "$folder/node_modules/@foundry-rs/forge-linux-amd64/bin/forge"
