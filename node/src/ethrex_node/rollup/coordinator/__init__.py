"""
The proof coordinator: a durable queue of proofs to be made, for provers that come over HTTP.

``queue`` decides, from a job and the time, as pure functions; ``coordinator`` writes what was decided; ``verifiers``
check a proof before it counts; ``service`` is the door, ``wire`` the words spoken there. Its guard is ``identities``, with
``service_accounts`` and their issuer's ``keyset`` for those who come from a cluster.
"""

from ethrex_node.rollup.coordinator.coordinator import Coordinator, NewJob
from ethrex_node.rollup.coordinator.queue import Settings

__all__ = ["Coordinator", "NewJob", "Settings"]
