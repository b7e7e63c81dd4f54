#!/usr/bin/env bash
# The JavaScript clients and foundry's programs for the interop tests, as tests/interop/package-lock.json has them, in a
# cache folder of that lock; with the word `consensus` a consensus client, as tests/interop/consensus/ has it. Prints the folder;
# does nothing where it is there.
set -euo pipefail
cd "$(dirname "$0")/.."

from=tests/interop name=interop built=()
case ${1:-} in
    "") ;;
    consensus) from=tests/interop/consensus name=interop-consensus built=(snappy bcrypto c-kzg) ;; # these are compiled
    *) echo "interop: nothing is known of '$1'" >&2; exit 2 ;;
esac
command -v npm >/dev/null || { echo "interop: npm is missing; Debian: apt-get install nodejs npm" >&2; exit 1; }
key=$(cat $from/package.json $from/package-lock.json | sha256sum | cut -c1-12)
folder="${XDG_CACHE_HOME:-$HOME/.cache}/ethrex-node/$name-$key"
mkdir -p "$folder"
exec 9>"$folder/lock"
flock 9 # one at a time fills it
if [ ! -e "$folder/ready" ]; then
    cp $from/package.json $from/package-lock.json "$folder"
    (
        cd "$folder"
        npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
        [ ${#built[@]} = 0 ] || npm rebuild --no-audit --no-fund --loglevel=error "${built[@]}" >&2
    )
    touch "$folder/ready"
fi
echo "$folder"
