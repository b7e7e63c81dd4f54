#!/usr/bin/env bash
# Builds the images of this checkout by buildah, without a daemon, and prints the one archive that holds all three.
# They have Debian's interpreter and libraries, the locked requirements, and node, prover and operator as installed
# wheels with the native core that `make setup` built. No shell, no package manager, no user but 65532.
# Base and requirements are layers that stay in the cache until the lock changes; then only our own code is put on top.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

fail() { printf 'images: %s\n' "$*" >&2; exit 1; }
say() { printf '%6.1fs  %s\n' "$(bc <<<"scale=1; ($(date +%s%N) - $start) / 1000000000")" "$*" >&2; }
start=$(date +%s%N)

for tool in buildah mmdebstrap bc strip; do command -v "$tool" >/dev/null || fail "missing: $tool (tests/e2e/README.md)"; done
native=node/src/ethrex_node/_native.abi3.so
[ -e "$native" ] || fail "no $native: run make setup"

python=$(.venv/bin/python -c 'import sys; print(f"python{sys.version_info[0]}.{sys.version_info[1]}")')
case $python in
  python3.11) suite=bookworm ;;
  python3.13) suite=trixie ;;
  *) fail "no Debian release has $python, which .venv was made with" ;;
esac

# Packages are unpacked and not configured, so that no shell is needed; what their scripts would have done is done here.
make_base() {
  mmdebstrap --quiet --mode=root --variant=extract --include=base-files,ca-certificates,libstdc++6,media-types,netbase,python3,tzdata \
    "$suite" "$work/base"
  cat "$work"/base/usr/share/ca-certificates/mozilla/*.crt >"$work/base/etc/ssl/certs/ca-certificates.crt"
  echo 'ethrex:x:65532:65532::/tmp:/usr/sbin/nologin' >"$work/base/etc/passwd"
  echo 'ethrex:x:65532:' >"$work/base/etc/group"
  (cd "$work/base" && rm -rf dev/* usr/share/{doc,man,locale,perl5,lintian,info,bash-completion,gcc,pixmaps} \
    usr/bin/{dpkg*,perl*,openssl,mawk} usr/lib/dpkg var/cache/* var/lib/{apt,dpkg} var/log/*)
  "/usr/bin/$python" -m compileall -q -s "$work/base" --invalidation-mode unchecked-hash "$work/base/usr/lib/$python" || true
}

install_requirements() {
  "/usr/bin/$python" -m venv --without-pip "$work/venv"
  .venv/bin/python images/requirements_for.py requirements.lock node prover operator >"$work/requirements.txt"
  install --python "$work/venv/bin/python" --require-hashes --requirement "$work/requirements.txt"
  rm -f "$work"/venv/bin/*[Aa]ctivate*
  relocate "$work"/venv/bin/*
  find "$work/venv/lib" -type d -name tests -prune -exec rm -rf {} +
  find "$work/venv/lib" -name '*.so*' -exec strip --strip-unneeded {} + 2>/dev/null || true
}

install() { PYC_INVALIDATION_MODE=UNCHECKED_HASH .venv/bin/uv pip install --quiet --link-mode copy --compile-bytecode "$@"; }

# Scripts name the interpreter by its place in the image.
relocate() { grep -lIZ '^#!' "$@" | xargs -0r sed -i '1s|^#!.*|#!/opt/ethrex/bin/python|'; }

make_layers() {
  b rmi --all --force >/dev/null 2>&1 || true # those of an earlier lock
  make_base
  say "base: Debian $suite, $(du -sh "$work/base" | cut -f1)"
  install_requirements
  say "requirements: $(du -sh "$work/venv" | cut -f1)"
  container=$(b from scratch)
  b add --quiet "$container" "$work/base" / >/dev/null
  b add --quiet "$container" "$work/venv" /opt/ethrex >/dev/null
  b commit --quiet "$container" "$layers" >/dev/null
  b rm "$container" >/dev/null
  container=
  rm -rf "$work/venv" "$work/base"
  say "layers in the cache"
}

# The node's wheel is made from what maturin has built in place: nothing is compiled here.
make_wheels() {
  for part in node prover operator; do
    mkdir "$work/$part"
    cp -r "$part/src" "$part/pyproject.toml" "$work/$part/"
    find "$work/$part" -name __pycache__ -prune -exec rm -rf {} +
  done
  strip --strip-unneeded "$work/$native"
  sed -i -e 's/^requires = \["maturin.*/requires = ["hatchling"]/' -e 's/^build-backend = "maturin"/build-backend = "hatchling.build"/' \
    -e '/^\[tool\.maturin\]/,$d' "$work/node/pyproject.toml"
  printf '[tool.hatch.build.targets.wheel]\npackages = ["src/ethrex_node"]\nartifacts = ["*.so"]\n' >>"$work/node/pyproject.toml"
  for part in node prover operator; do
    (cd "$work/$part" && "$OLDPWD/.venv/bin/python" -m hatchling build -t wheel -d "$work/wheels" >/dev/null 2>&1) || fail "$part: no wheel"
  done
}

put_code_on_top() {
  make_wheels
  install --python .venv/bin/python --no-deps --offline --target "$work/code" "$work"/wheels/*.whl
  mv "$work/code/bin" "$work/bin"
  relocate "$work"/bin/*
  mkdir "$work/sbom"
  for part in node prover operator; do
    .venv/bin/python images/sbom.py "$part" 0.1.0 requirements.lock $([ $part = operator ] || echo node/native/Cargo.lock) >"$work/sbom/ethrex-$part.cdx.json"
  done
  container=$(b from "$layers")
  b add --quiet "$container" "$work/sbom" /opt/ethrex/share/sbom >/dev/null
  b add --quiet "$container" "$work/code" "/opt/ethrex/lib/$python/site-packages" >/dev/null
  b add --quiet "$container" "$work/bin" /opt/ethrex/bin >/dev/null
  b config --user 65532:65532 --workingdir /tmp --env PATH=/opt/ethrex/bin:/usr/bin --env PYTHONUNBUFFERED=1 --cmd '[]' "$container"
}

cache=${XDG_CACHE_HOME:-$HOME/.cache}/ethrex-node/images
digest=$( (echo "$suite"; declare -f make_base install_requirements make_layers; cat requirements.lock images/requirements_for.py) | sha256sum | cut -c1-12)
layers=localhost/ethrex-layers:$digest
archive=$cache/$(pwd -P | sha256sum | cut -c1-12).tar # of this checkout
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9 # one build at a time: the tags are shared
work=$(mktemp -d "$cache/work.XXXXXX")
container=
b() { buildah --root "$cache/storage" --runroot "$cache/run" --storage-driver vfs "$@"; }
tidy() { [ -z "$container" ] || b rm "$container" >/dev/null; rm -rf "$work"; }
trap tidy EXIT

b inspect --type image "$layers" >/dev/null 2>&1 || make_layers
put_code_on_top
say "code: $(du -sh "$work/code" | cut -f1)"
b commit --quiet "$container" localhost/ethrex:e2e >/dev/null
b push --quiet --format oci localhost/ethrex:e2e "oci:$work/oci:localhost/ethrex:e2e"
b rmi --prune >/dev/null # what the name meant before
.venv/bin/python images/entry_points.py "$work/oci" localhost/ethrex-node:e2e=ethrex \
  localhost/ethrex-prover:e2e=ethrex-prover localhost/ethrex-operator:e2e=ethrex-operator
tar -C "$work/oci" -cf "$archive.new" .
mv "$archive.new" "$archive"
say "three images: $(du -h "$archive" | cut -f1)"
echo "$archive"
