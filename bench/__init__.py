"""Benchmarks beside peers: both sides in one run, on the same cores, as ratios. ``python -m bench NAME [--json]``."""
