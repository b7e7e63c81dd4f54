# Settings of a cluster; sourced by the other scripts. Every value can be set from outside.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
digest=$(cat "$here"/hyper/* "$here"/pause/* "$here/build.sh" | sha256sum | cut -c1-12)
: "${BIN:=${XDG_CACHE_HOME:-$HOME/.cache}/ethrex-node/cluster-$digest}"
: "${STATE:=$here/state}"               # all that a cluster writes
: "${NODE:=e2e-control-plane}"
: "${NODE_IP:=198.18.0.1}" "${POD_CIDR:=198.18.128.0/17}" "${SVC_CIDR:=198.19.0.0/16}" "${SVC_IP:=198.19.0.1}"
: "${API_ADDR:=127.0.0.1:16443}"        # where the API server is reached from outside
: "${FORWARDS:=}"                       # more of these: "127.0.0.1:18080=198.18.0.1:30080 ..."
: "${CGROUP:=ethrex-e2e}"               # made beside the machine's own in each hierarchy (cgroup v1)
: "${CONTROL_PLANE_ONLY:=}"              # etcd and the API server alone: no node, no controllers
: "${CONTAINERD:=containerd}" "${CNI_BIN:=/usr/lib/cni}"
export CONTROL_PLANE_ONLY BIN STATE NODE NODE_IP POD_CIDR SVC_CIDR SVC_IP API_ADDR FORWARDS CGROUP CONTAINERD CNI_BIN
