"""The rollup: what a node needs to order an L2, to publish it on an L1 and to have it proven."""
