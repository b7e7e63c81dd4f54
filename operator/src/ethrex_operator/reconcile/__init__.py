"""
From what a resource says and what is, to what shall be: one module a kind, the same beats in each.

Observe, decide (``topology``, pure), apply (``kube``), report. Nothing is remembered between two runs that the API server
and the chain would not tell again.
"""
