"""A sequencer's metrics page as figures of its rollup."""

from __future__ import annotations

import pytest

from ethrex_operator.chain import errors, figures

PAGE = b"""\
# HELP ethrex_head_block_number x
# TYPE ethrex_head_block_number gauge
ethrex_head_block_number 41.0
# TYPE ethrex_rollup_batch gauge
ethrex_rollup_batch{stage="made"} 7.0
ethrex_rollup_batch{stage="committed"} 6.0
ethrex_rollup_batch{stage="proven"} 5.0
ethrex_rollup_batch{stage="verified"} 4.0
# TYPE ethrex_outbox_balance_wei gauge
ethrex_outbox_balance_wei{account="0xaa"} 5e+17
ethrex_outbox_balance_wei{account="0xbb"} 1.0
# TYPE ethrex_outbox_balance_low gauge
ethrex_outbox_balance_low{account="0xaa"} 0.0
ethrex_outbox_balance_low{account="0xbb"} 1.0
# TYPE ethrex_l1_lag_blocks gauge
ethrex_l1_lag_blocks{l1="one"} 2.0
ethrex_l1_lag_blocks{l1="two"} 9.0
# TYPE ethrex_rollup_waiting gauge
ethrex_rollup_waiting 1.0
"""


def test_batches_accounts_and_lags_are_read() -> None:
    seen = figures.read(PAGE)

    assert seen.block == 41
    assert seen.batches == figures.Batches(7, 6, 5, 4)
    assert seen.accounts == {"0xaa": figures.Account(5 * 10**17, low=False), "0xbb": figures.Account(1, low=True)}
    assert seen.l1_lag_blocks == 9
    assert seen.waiting


def test_what_a_page_does_not_have_counts_as_nothing() -> None:
    assert figures.read(b"") == figures.Rollup()


def test_another_page_is_refused() -> None:
    with pytest.raises(errors.Refused, match="not a metrics page"):
        figures.read(b"<html>{{{ 1 2 3</html>\nfoo{ 1\n")


def test_labels_may_hold_any_text_and_samples_may_bear_a_time() -> None:
    page = b'ethrex_outbox_balance_wei{account="a \\"{b}\\" ",role="x"} 7.0 1395066363000\nother_thing{} NaN\nno_label +Inf\n'

    assert figures.read(page).accounts == {'a \\"{b}\\" ': figures.Account(7, low=False)}
