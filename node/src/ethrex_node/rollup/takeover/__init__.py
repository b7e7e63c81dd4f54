"""
Take a rollup over from the sequencer before: a follower's data folder becomes a sequencer's.

``plan`` decides whether it may be, ``adopted`` makes the sequencer's data out of the chain that the follower has and of what
L1 holds, ``folder`` puts it in place so that a crash leaves either the one or the other.
"""
