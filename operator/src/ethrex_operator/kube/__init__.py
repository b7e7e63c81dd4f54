"""
Workloads as objects of Kubernetes, and what keeps them as they are: server-side apply, watches, a lease, events, status.

What is built here is built purely (``objects``); what talks to the API server knows nothing of rollups.
"""
