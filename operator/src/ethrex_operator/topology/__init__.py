"""
What a resource asks to run, purely: a resource and what is known of the world in, a list of workloads out.

Both ``kube`` and ``local`` run what is said here, so a laptop has what the cluster has.
"""
