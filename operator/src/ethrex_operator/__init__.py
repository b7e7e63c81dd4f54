"""
The operator makes one manifest a running rollup: on this machine by `ethrexctl`, in a cluster by `ethrex-operator`.
"""
