"""
The Engine API: what a consensus client asks of this node.
"""
