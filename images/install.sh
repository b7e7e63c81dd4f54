#!/bin/sh
# Runs in the build stages of the Containerfiles: makes /opt/ethrex, the environment that a final stage copies as it is.
set -eu
export PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
checkout=$(cd "$(dirname "$0")/.." && pwd)

locked() { # PYTHON NAME...: install what these need, by the lock's hashes
  python=$1; shift
  python3 "$checkout/images/requirements_for.py" "$checkout/requirements.lock" "$@" >/tmp/requirements.txt
  "$python" -m pip install --quiet --no-compile --require-hashes --requirement /tmp/requirements.txt
}

case $1 in
  tools) # NAME...: what builds wheels, apart from what runs
    shift
    python3 -m venv /opt/tools
    locked /opt/tools/bin/python "$@" ;;
  requirements) # DISTRIBUTION...
    shift
    python3 -m venv /opt/ethrex
    [ $# -eq 0 ] || locked /opt/ethrex/bin/python "$@"
    find /opt/ethrex/lib -name '*.so*' -exec strip --strip-unneeded {} + 2>/dev/null || true ;;
  wheels) # WHEEL...: the last step; nothing is left that only installs. Compiled files are believed unchecked: they never change.
    shift
    /opt/ethrex/bin/python -m pip install --quiet --no-compile --no-deps --no-index "$@"
    /opt/ethrex/bin/python -m pip uninstall --quiet --yes setuptools pip
    rm -f /opt/ethrex/bin/*[Aa]ctivate* /opt/ethrex/bin/pip* /opt/ethrex/lib64
    python3 -m compileall -q --invalidation-mode unchecked-hash /opt/ethrex/lib ;;
  *) echo "install.sh: tools, requirements or wheels, not $1" >&2; exit 2 ;;
esac
