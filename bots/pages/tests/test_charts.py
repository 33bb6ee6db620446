"""Chart data of a bot, from its exchange, the store or its own records."""

from __future__ import annotations

import pytest

from bots.models import BotConfig
from bots.pages import charts
from bots.tests import builders
from exchange.api.errors import ExchangeUnavailable

pytestmark = pytest.mark.django_db


@pytest.fixture
def bot() -> BotConfig:
    return builders.with_history(builders.bot("Alpha"))


def test_without_the_exchange_the_closes_are_from_decisions(bot):
    chart = charts.bot_chart(bot, asks_exchange=False)
    assert (len(chart.candles), chart.source) == (120, "closes of the bot's own decisions")


def test_no_more_bars_are_shown_than_asked_for(bot):
    assert len(charts.bot_chart(bot, bars=10, asks_exchange=False).candles) == 10


def test_an_exchange_that_fails_is_noted(bot, monkeypatch):
    def fail(bot):
        raise ExchangeUnavailable("away")

    monkeypatch.setattr(charts, "open_context", fail, raising=False)
    monkeypatch.setattr("bots.trading.context.open_context", fail)
    assert charts.bot_chart(bot).note == "The exchange gave no candles: away"


def test_fills_are_marked_on_their_bar(bot):
    markers = charts.bot_chart(bot, asks_exchange=False).markers
    assert [marker["side"] for marker in markers] == ["buy", "sell", "buy", "sell", "buy"]
    assert all(marker["time"] % 3600 == 0 for marker in markers)


def test_a_sale_is_marked_with_its_exit_reason(bot):
    markers = charts.bot_chart(bot, asks_exchange=False).markers
    assert [marker["text"] for marker in markers if marker["side"] == "sell"] == ["Take-profit", "Stop-loss"]


def test_an_open_trade_has_its_lines(bot):
    lines = charts.bot_chart(bot, asks_exchange=False).lines
    assert [line["title"] for line in lines] == ["Entry", "Stop", "Target"]


def test_a_flat_bot_has_no_lines():
    flat = builders.with_history(builders.bot(), holds=False)
    assert charts.bot_chart(flat, asks_exchange=False).lines == []


def test_equity_points_are_the_newest_oldest_first(bot):
    other = builders.bot()
    points = charts.equity_points([bot.pk, other.pk], points=3)
    newest = list(bot.decisions.order_by("-bar").values_list("equity", flat=True)[:3])[::-1]
    assert points == {bot.pk: newest, other.pk: []}


@pytest.mark.parametrize(("close", "decimals"), [(60_000.0, 2), (1.5, 4), (0.001, 8)])
def test_prices_have_decimals_for_their_size(close, decimals):
    assert charts._precision([{"close": close}]) == decimals
