"""What a dev chain adds to the table of methods: accounts that the node signs for, and control."""

from ..rpc import table
from . import next_block as next_block  # their methods join the group
from . import shortcuts as shortcuts
from .control import DEV, Control
from .unlocked import METHODS, Unlocked

__all__ = ["DEV", "METHODS", "Control", "Unlocked", "groups"]


def groups(state: Unlocked) -> list[tuple[table.Group, object]]:
    """(group, its state) for `rpc.service.Service(more=...)`."""
    return [(METHODS, state), (DEV, state.control)]
