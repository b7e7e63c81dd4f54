"""How much the pool holds. Settings; the defaults suit a busy single node."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Counts are transactions; percentages are whole numbers."""

    total: int = 32_768
    blob_total: int = 512
    # Above this share of `total`, a sender keeps at most `queued_per_sender` transactions behind a nonce gap.
    free_gap_percent: int = 75
    queued_per_sender: int = 64
    blobs_per_sender: int = 16
    price_bump_percent: int = 10
    blob_price_bump_percent: int = 100
    min_tip_wei: int = 0
    lifetime_seconds: int = 3 * 3600

    def __post_init__(self) -> None:
        if self.total < 1 or self.blob_total < 0:
            raise ValueError(
                f"a pool holds at least one transaction, not {self.total} and {self.blob_total} with blobs"
            )
        if not 0 <= self.free_gap_percent <= 100:
            raise ValueError(f"free_gap_percent is a share of 0 to 100, not {self.free_gap_percent}")
