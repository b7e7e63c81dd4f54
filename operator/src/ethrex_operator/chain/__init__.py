"""Asks nodes, rollups and L1 how they are. Knows HTTP and the field's terms, and nothing of Kubernetes or of processes."""
