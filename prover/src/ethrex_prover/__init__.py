"""
The prover takes batches of a rollup from its coordinators, proves them and hands the proofs back.

``worker`` walks one job from lease to proof, ``coordinator`` speaks to the other end, ``backends`` make proofs,
``process`` starts and stops it all.
"""

from ethrex_prover.cli import main

__all__ = ["main"]
