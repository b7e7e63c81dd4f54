"""
JSON-RPC: the doors (HTTP, WebSocket), the method table, filters, subscriptions, workers.

A request's way: ``connection`` (bytes of HTTP) -> ``dispatch`` (which method, where) -> the native reader, or a
function in ``methods`` -> ``wire`` (bytes again). What the rest of the node must bring is in ``parts``; ``service``
puts all together.
"""
