"""A follower answers the whole namespace of a rollup: itself, or by asking the sequencer."""

from __future__ import annotations

from ethrex_node.rollup import methods
from ethrex_node.rollup.follower import methods as answers
from ethrex_node.rollup.sponsor import methods as sponsoring


def test_what_a_sequencer_answers_a_follower_answers_too() -> None:
    of_sequencer = {one.name for one in (*methods.METHODS.functions, *sponsoring.METHODS.functions)}
    of_follower = {one.name for one in (*answers.OWN.functions, *answers.FORWARDED.functions)}

    assert of_follower == of_sequencer
