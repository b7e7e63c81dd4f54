"""
The Engine API: what a consensus client asks of this node.

``methods`` is the list of calls; ``payloads`` decides on new payloads, ``forkchoice`` on heads, ``building`` keeps
what is being built; ``jwt`` guards the door. What the node must bring is in ``parts``. It is served by
``rpc.server``, on a port of its own, beside the plain methods that consensus clients use.
"""
