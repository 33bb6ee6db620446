"""How much is bought, on the live runner (rule 5)."""

from __future__ import annotations

import pytest

from bots.trading.tests.tables import BUY, lines, lots, run

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("settings", "bought"),
    [
        ({"position_size_mode": "fixed", "position_size_fixed": "250"}, "2.5"),
        ({"position_size_mode": "fixed", "position_size_fixed": "5000"}, "10"),  # the capital is all there is
        ({"position_size_mode": "percent", "position_size_perc": "0.3"}, "3"),
        ({"position_size_mode": "risk", "risk_per_trade": "0.01", "stop_loss": "0.05"}, "2"),  # 10 are lost at 95
        ({"position_size_mode": "fixed", "position_size_fixed": "123.456"}, "1.234"),
        ({"position_size_mode": "fixed", "position_size_fixed": "1"}, "0.05"),  # raised to the minimum notional of 5
    ],
)
def test_the_mode_says_how_much_is_bought(settings, bought):
    assert lines(run(BUY + "100 100 100 100", **settings)) == [f"bar 3 buys {bought} at 100, open"]


TWICE = (
    BUY
    + """
    100  100  100  100   enters at 100
    100  100   99   99   sells
    120  120  120  120   sold at 120, buys again
    100  100  100  100   enters at 100
    """
)


@pytest.mark.parametrize(("compounding", "second"), [("true", "5.5"), ("false", "5")])
def test_capital_grows_with_closed_trades_where_the_bot_compounds(compounding, second):
    result = run(TWICE, position_size_mode="percent", position_size_perc="0.5", compounding=compounding)
    assert lines(result) == ["bar 3 buys 5 at 100, bar 5 sells at 120: signal", f"bar 6 buys {second} at 100, open"]


def test_an_entry_that_no_money_reaches_is_refused():
    result = run(BUY + "103 104 103 104\n 104 106 104 106\n 106 106 106 106", initial_capital="4")
    assert lines(result) == []
    assert dict(result.rejections) == {"insufficient_balance": 3}


def test_an_entry_with_too_small_a_rest_is_below_the_minimum_notional():
    info = lots(notional="6000")
    info["filters"] = [
        {**entry, "maxQty": "50"} if entry["filterType"] == "MARKET_LOT_SIZE" else entry for entry in info["filters"]
    ]
    result = run(BUY + "100 100 100 100", info=info, initial_capital="100000", position_size_fixed="500")
    assert (lines(result), dict(result.rejections)) == ([], {"below_min_notional": 1})
