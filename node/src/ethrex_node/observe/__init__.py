"""
What a running node shows of itself: logs, metrics, probes, traces. Knows none of the parts it shows: they bring their
figures as sources, and the assembly (``ethrex_node.node``) plugs them in.
"""
