"""
Between the rollup and its contracts on L1: the queue comes in, batches go out, proofs follow them.

``contracts`` are their calls and events, ``watcher`` reads the queue, ``batches`` makes a batch of blocks that ended one,
``committer`` publishes it, ``settler`` has it verified. What is sent goes through `rollup.outbox`.
"""
