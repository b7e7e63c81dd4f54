"""A rollup's follower: takes the sequencer's blocks, executes each itself, and holds them against what L1 says."""

from .confirmations import Confirmations
from .feed import Feed, FeedError
from .follower import Follower
from .from_l1 import FromL1

__all__ = ["Confirmations", "Feed", "FeedError", "Follower", "FromL1"]
