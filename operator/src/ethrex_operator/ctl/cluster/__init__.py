"""The words of `ethrexctl` for a cluster: what somebody at a terminal may see and do there, with their own rights."""
