"""
The proof coordinator: a durable queue of proofs to be made, for provers that come over HTTP.

``queue`` decides, from a job and the time, as pure functions; ``coordinator`` writes what was decided; ``verifiers``
check a proof before it counts; ``service`` is the door, ``identities`` its guard, ``wire`` the words spoken there.
"""

from ethrex_node.rollup.coordinator.coordinator import Coordinator, NewJob
from ethrex_node.rollup.coordinator.queue import Settings

__all__ = ["Coordinator", "NewJob", "Settings"]
