"""
The L1 as the rollup sees it: questions to several nodes at once, transactions with and without blobs, keys.

``client`` asks, ``agreement`` decides whom to believe; ``transaction``, ``blobs`` and ``signers`` make what is sent;
``fees`` says what may be paid. What is sent and sent again is decided in ``rollup.outbox``.
"""
