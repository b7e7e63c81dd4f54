"""How often something is let through that L1 would refuse."""

from __future__ import annotations

from ethrex_node.rollup.settlement.trial import Hold


def test_less_and_less_often() -> None:
    hold = Hold(10, 30)

    through = [now for now in range(200) if hold.is_over(now)]

    assert through == [10, 30, 60, 90, 120, 150, 180]


def test_at_once_and_from_the_start_again_after_a_reset() -> None:
    hold = Hold(10, 30, at_once=True)
    assert hold.is_over(5)
    assert not hold.is_over(14)
    assert hold.is_over(15)
    assert not hold.is_over(34)

    hold.reset()

    assert hold.is_over(36)
