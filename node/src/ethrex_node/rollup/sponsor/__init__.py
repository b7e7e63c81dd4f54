"""The operator pays for users' transactions: which, how many and how much a policy says, and a ledger on disk remembers."""

from ethrex_node.rollup.sponsor.errors import SponsorError
from ethrex_node.rollup.sponsor.policy import Budget, Policy
from ethrex_node.rollup.sponsor.sponsor import Chain, Sponsor

__all__ = ["Budget", "Chain", "Policy", "Sponsor", "SponsorError"]
