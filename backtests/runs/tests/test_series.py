"""Lines thinned for the chart."""

from __future__ import annotations

import numpy as np

from backtests.runs.series import chart_rows


def test_a_short_line_stays_whole():
    assert chart_rows(np.arange(10.0), 10).tolist() == list(range(10))


def test_a_thinned_line_keeps_every_peak_and_both_ends():
    equity = np.sin(np.arange(200_000) / 700) + np.arange(200_000) / 1e5
    rows = chart_rows(equity)
    assert len(rows) <= 2001
    assert {0, len(equity) - 1, int(equity.argmax()), int(equity.argmin())} <= set(rows.tolist())


def test_a_thinned_line_keeps_its_rows_in_order_and_once():
    rows = chart_rows(np.sin(np.arange(5_000) / 7))
    assert (np.diff(rows) > 0).all()
