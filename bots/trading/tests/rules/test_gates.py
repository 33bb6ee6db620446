"""Which entries are refused, on the live runner (rule 6)."""

from __future__ import annotations

import pytest

from bots.trading.tests.tables import BUY, lines, run

pytestmark = pytest.mark.django_db

TWICE = (
    BUY
    + """
    100  100  100  100   enters at 100
    100  100   99   99   sells
    120  120  120  120   sold at 120, buys again
    100  100  100  100   enters at 100
    """
)


STOPPED_AND_BUYS = (
    BUY
    + """
    100  101  100  100   enters at 100, stop 95
    100  103   94  103   stopped at 95; closes above both highs
    103  104  103  104   the next bar's close buys as well
    104  104  104  104
    """
)


@pytest.mark.parametrize(
    ("cooldown", "entered", "refused"),
    [(0, "bar 5 buys 4.854 at 103, open", {}), (1, "bar 6 buys 4.807 at 104, open", {"cooldown": 1})],
)
def test_a_cooldown_of_one_forbids_the_decision_on_the_exits_own_bar(cooldown, entered, refused):
    result = run(STOPPED_AND_BUYS, stop_loss="0.05", cooldown_bars=cooldown)
    assert lines(result) == ["bar 3 buys 5 at 100, bar 4 sells at 95: stop_loss", entered]
    assert dict(result.rejections) == refused


def test_the_daily_trade_limit_counts_entries_by_the_utc_day_of_the_fill():
    result = run(STOPPED_AND_BUYS, start="2023-11-15T18:00", stop_loss="0.05", max_daily_trades=1)
    # the decision on bar 5, at 23:00, fills at the open of bar 6, at 00:00
    assert lines(result)[1:] == ["bar 6 buys 4.807 at 104, open"]
    assert dict(result.rejections) == {"daily_trade_limit": 1}


@pytest.mark.parametrize(("limit", "refused"), [("0.025", {"daily_loss_limit": 2}), ("0.026", {})])
def test_a_days_loss_at_the_limit_stops_entries(limit, refused):
    # 5 bought at 100 and stopped at 95 lose 25 of 1000
    result = run(STOPPED_AND_BUYS, stop_loss="0.05", max_daily_loss=limit)
    assert dict(result.rejections) == refused


@pytest.mark.parametrize(("target", "refused"), [("0.1", {"daily_profit_target": 1}), ("0.11", {})])
def test_a_days_profit_at_the_target_stops_entries(target, refused):
    assert dict(run(TWICE, daily_profit_target=target).rejections) == refused


@pytest.mark.parametrize(("limit", "refused"), [("0.02", {"max_drawdown": 3}), ("0.03", {})])
def test_a_drawdown_once_reached_halts_entries_for_good(limit, refused):
    table = STOPPED_AND_BUYS + "gap 48\n 104 110 104 110   buys two days later\n 110 110 110 110"
    result = run(table, stop_loss="0.05", max_drawdown=limit)
    assert dict(result.rejections) == refused
