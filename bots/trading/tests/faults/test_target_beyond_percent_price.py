"""A target further away than the exchange's PERCENT_PRICE filter allows must not leave a position without its stop."""

from __future__ import annotations

from decimal import Decimal

import pytest

from backtests.engine.run import prepare, run_backtest
from bots.models import Decision
from bots.settings.parse import make_settings
from bots.trading.tests.stage import SETTINGS, Stage
from bots.trading.tests.tables import BUY, hours, lots
from exchange.paper.tests.builders import symbol_info
from exchange.symbols.filters import parse_rules

pytestmark = pytest.mark.django_db

BUYS = 2  # the bar whose close is a BUY signal
TABLE = (
    BUY
    + """
    102  103  101  102   entered at 102: stop 96.9, target 255
    102  103  101  102
    102  103   70   71   falls through the stop
     71   72   70   71
    """
)
FAR_TARGET = {"stop_loss": "0.05", "take_profit": "1.5"}
# A sell order may cost at most twice the average price: 204 where the entry is at 102.
LIMITS = {"bidMultiplierUp": "2", "bidMultiplierDown": "0.2", "askMultiplierUp": "2", "askMultiplierDown": "0.2"}
NARROW = symbol_info(PERCENT_PRICE_BY_SIDE={**LIMITS, "avgPriceMins": 5})


@pytest.mark.xfail(strict=True, reason="the entry is bought although the exchange will refuse its far target")
def test_a_target_that_would_be_refused_stops_the_entry():
    stage = Stage(TABLE, info=NARROW, replay_rules=False, **FAR_TARGET)
    stage.decide(BUYS)
    assert Decision.objects.get(bot=stage.bot, signal=1).reason == "protection_refused"


@pytest.mark.xfail(strict=True, reason="the engine does not hold a far target against the PERCENT_PRICE filter")
def test_the_backtest_refuses_the_same_entry():
    parameters = make_settings({**SETTINGS, **FAR_TARGET}, symbol="BTCUSDT", interval="1h")
    result = run_backtest(prepare(hours(TABLE), "BTCUSDT", parse_rules(NARROW)), parameters).result
    assert dict(result.rejections) == {"protection_refused": 1}


@pytest.fixture
def refused_target() -> Stage:
    """Make a bot whose entry has filled and whose target the exchange now refuses."""
    stage = Stage(TABLE, info=lots(), replay_rules=False, **FAR_TARGET)
    stage.relist(filters=NARROW["filters"])
    stage.decide(BUYS)
    assert stage.orders("entry") == [("entry", "filled")]
    return stage


@pytest.mark.xfail(strict=True, reason="with the target refused, nothing rests: the stop is only tried with it")
def test_the_stop_rests_alone_where_the_target_is_refused(refused_target):
    assert [order_type for order_type, _ in refused_target.resting()] == ["STOP_LOSS"]


@pytest.mark.xfail(strict=True, reason="a position whose target is refused is not sold under its stop")
def test_a_fall_under_the_stop_sells_although_the_target_is_refused(refused_target):
    refused_target.decide(BUYS + 3)
    trade = refused_target.trade()
    assert (trade.exit_reason, trade.exit_price) == ("stop_loss", Decimal("96.9"))
