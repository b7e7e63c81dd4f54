"""
The sequencer: seals blocks, and decides where batches end.

``policy`` decides, ``sealed`` remembers, ``sequencer`` acts. What is done with a batch that has ended is `rollup.batches`'.
"""

from ethrex_node.rollup.sequencer.policy import Limits, OpenBatch
from ethrex_node.rollup.sequencer.sequencer import Sequencer, Settings

__all__ = ["Limits", "OpenBatch", "Sequencer", "Settings"]
