"""
Why a transaction is not sponsored, for the caller of the RPC.

SponsorError
+ NoSponsor      -39010  this node sponsors nobody, or not yet
+ NotSponsored   -39011  never: target, delegate or gas are outside of the policy
+ LimitReached   -39012  `data` says which limit, and when to come again
+ SponsorEmpty   -39013  the sponsor cannot pay now
"""

from __future__ import annotations

from ethrex_node.rpc import errors


class SponsorError(errors.RpcError):
    pass


class NoSponsor(SponsorError):
    default_code = -39010


class NotSponsored(SponsorError):
    default_code = -39011


class LimitReached(SponsorError):
    default_code = -39012

    def __init__(self, scope: str, what: str, limit: int, used: int, wanted: int, again_at: int | None) -> None:
        """`scope`: account, day or all. `again_at`: seconds since 1970; None: not by itself."""
        super().__init__(f"the sponsor's limit of {limit} {what} ({scope}) leaves {max(0, limit - used)}, not {wanted}")
        self.data = {"scope": scope, "what": what, "limit": str(limit), "used": str(used), "again_at": again_at}


class SponsorEmpty(SponsorError):
    default_code = -39013
