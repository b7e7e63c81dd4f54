"""
Who seals a rollup's blocks, one after the other: each sequencer's time is an epoch, and what it says of its chain is signed.

``heads`` are what is signed, ``sequencers`` who may sign, ``announcing`` gives signed heads out, ``seen`` is how far a
follower has come: it never goes back to a lower epoch.
"""
