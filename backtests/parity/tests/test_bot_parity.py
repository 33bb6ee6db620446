"""`parity`: a bot's record, made by the real runner on the paper exchange, held against the engine."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from django.db.models import F

from backtests.engine.timerange import parse_time_range
from backtests.parity.check import signals
from backtests.parity.tests.matrix import PAIRWISE
from backtests.parity.tests.recorded import record, trade
from backtests.replay import ReplayRun
from bots.control import lifecycle
from bots.models import BotState, Decision, Fill, Order, Trade
from bots.settings.parse import make_settings
from exchange.klines.files import read_file
from exchange.klines.series import with_all_columns
from exchange.symbols.filters import find_symbol

pytestmark = pytest.mark.django_db


def change(bot, **values):
    for name, value in values.items():
        setattr(bot, name, value)
    lifecycle.save(bot)


def buys(recorded):
    return Fill.objects.filter(bot=recorded.bot, side="BUY").order_by("filled_at")


def test_a_clean_record_is_the_engines(recorded):
    parity = recorded.check()
    assert (parity.differences, parity.drift) == ((), "")
    assert (parity.bars, parity.trades) == (21, 4)
    assert {trade.exit_reason for trade in Trade.objects.all()} == {"signal", "stop_loss", "take_profit", ""}
    assert (parity.cost, parity.traded > 2000) == (0, True)


def test_a_month_of_real_candles_under_every_limit_is_the_engines(shared_data):
    """2023-03-24 lacks a candle; the bot stands on indicators of all history, the check on those of its window."""
    settings = PAIRWISE[1].settings
    info = dict(find_symbol(json.loads((shared_data / "exchange_info.json").read_text()), "ETHUSDT"))
    klines = with_all_columns(read_file(shared_data / "starter" / "ETHUSDT-1h-20230101-20241231.csv.gz"))
    period = parse_time_range("2023-03-08", "2023-03-29")
    recorded = trade(ReplayRun("ETHUSDT", klines, info, make_settings(settings), period), {}, frozenset())
    parity = recorded.check(since=recorded.decision(klines.open_time.searchsorted(period.start_ms)).bar)
    assert parity.differences == ()
    assert (parity.bars > 480, parity.trades > 5) == (True, True)


def test_a_span_that_begins_inside_a_position_judges_its_exit(recorded):
    since = recorded.decision(4).bar
    parity = recorded.check(since=since)
    assert (parity.differences, parity.bars, parity.trades) == ((), 17, 4)
    Trade.objects.filter(exit_reason="signal").update(exit_reason="stop_loss")
    assert recorded.rows(since=since) == [(6, "exit", "UNEXPLAINED")]


def test_a_tampered_fill_price_is_unexplained(recorded):
    first = buys(recorded).first()
    Fill.objects.filter(pk=first.pk).update(price=Decimal("112.03"), quote_quantity=first.quote_quantity)
    found = recorded.check()
    assert recorded.rows() == [(3, "entry price", "UNEXPLAINED"), (6, "average entry", "UNEXPLAINED")]
    assert found.drift.startswith(
        "2 unexplained, first entry price at bar 2023-11-15 03:00: the bot 112.03, the engine"
    )


def shift(fill, price):
    """Another price for a fill, with the books as they would have been."""
    price = Decimal(price)
    worth, sign = price * fill.quantity, 1 if fill.side == "SELL" else -1
    change = sign * (worth - fill.quote_quantity)
    Fill.objects.filter(pk=fill.pk).update(price=price, quote_quantity=worth)
    Order.objects.filter(pk=fill.order_id).update(executed_quote=worth)
    average = {"exit_price" if fill.side == "SELL" else "entry_price": price}
    Trade.objects.filter(pk=fill.trade_id).update(net_pnl=F("net_pnl") + change, **average)
    BotState.objects.filter(bot=fill.bot).update(quote=F("quote") + change)


def test_a_price_outside_the_bars_range_is_unexplained(recorded):
    shift(buys(recorded).first(), "103.50")
    assert recorded.rows()[0] == (3, "entry price", "PRICE_MOVED")
    shift(buys(recorded).first(), "104.50")  # the bar's high is 104
    assert recorded.rows()[0] == (3, "entry price", "UNEXPLAINED")


def test_a_stop_that_filled_elsewhere_is_named_by_its_kind_of_order(recorded):
    shift(Fill.objects.get(trade__exit_reason="stop_loss", side="SELL"), "99.10")
    assert recorded.rows()[0] == (10, "exit price", "PRICE_MOVED")
    Order.objects.filter(type="STOP_LOSS").update(type="STOP_LOSS_LIMIT")
    assert recorded.rows()[0] == (10, "exit price", "STOP_LIMIT")


def test_a_target_never_sells_under_its_limit(recorded):
    shift(Fill.objects.get(trade__exit_reason="take_profit", side="SELL"), "107.05")
    assert recorded.rows()[0] == (15, "exit price", "UNEXPLAINED")


def test_a_fill_in_parts_at_several_prices_is_named(recorded):
    fill = Fill.objects.get(trade__exit_reason="stop_loss", side="SELL")
    shift(fill, "99.50")
    fill.refresh_from_db()
    half = (fill.quantity / 2).quantize(Decimal("0.00001"))
    rest = fill.quantity - half
    parts = ((half, fill.price + Decimal("0.1")), (rest, fill.price - Decimal("0.1")))
    fee = fill.commission
    fill.delete()
    for number, (quantity, price) in enumerate(parts):
        fill.pk, fill.exchange_trade_id, fill.commission = None, 10_000 + number, fee * quantity / (half + rest)
        fill.quantity, fill.price, fill.quote_quantity = quantity, price, quantity * price
        fill.save(force_insert=True)
    assert (10, "exit price", "PARTIAL_FILL") in recorded.rows()


def test_a_signal_that_depends_on_the_windows_length_is_named(recorded, monkeypatch):
    """As if all of history gave another signal than the bars that the bot reads do."""

    def flipped(market, parameters):
        signal = signals(market, parameters)
        signal[12] = 1
        return signal

    monkeypatch.setattr("backtests.parity.check.signals", flipped)
    assert recorded.rows() == [(12, "signal", "INDICATOR_WINDOW")]


def test_prices_that_moved_from_the_bars_open_are_named_and_counted(recorded):
    parity = recorded.check(slippage_bps=Decimal(0))
    assert [one.what for one in parity.differences] == [
        "quantity", "entry price", "exit price", "quantity", "entry price", "exit price", "quantity",
        "quantity", "entry price", "entry price",
    ]  # fmt: skip
    assert {one.cause.name for one in parity.differences} == {"PRICE_MOVED"}
    assert 1 < parity.cost_bps < 3
    assert parity.drift == ""


def test_costs_far_over_the_engines_are_drift_though_each_has_its_cause():
    parity = record(slippage_bps="30").check(slippage_bps=Decimal(0))
    assert {one.cause.name for one in parity.differences} <= {"PRICE_MOVED", "INSIDE_BAR"}
    assert "bps of what was traded over the engine's" in parity.drift


def test_a_missed_tick_is_named_with_what_was_forgone():
    recorded = record(skips=frozenset({2}))
    assert recorded.decision(2).action == "missed"
    (row,) = recorded.check().differences
    assert (row.what, row.live, row.cause.name) == ("decision", "missed", "LATE_TICK")
    assert row.engine == "enter, 4.90051"
    assert row.impact == pytest.approx(Decimal(15), abs=2)  # the engine lost this much on it


def test_a_bar_without_a_decision_is_a_missed_one(recorded):
    decision = recorded.decision(2)
    Order.objects.filter(decision=decision).update(decision=None)
    decision.delete()
    assert recorded.rows() == [(2, "decision", "LATE_TICK"), (3, "entry", "UNEXPLAINED")]


def test_parameters_changed_while_it_held_are_named():
    recorded = record(before={4: lambda stage: change(stage.bot, take_profit=Decimal("0.005"))})
    assert recorded.rows()[0] == (5, "exit", "PARAMETERS_CHANGED")
    assert not recorded.check().drift
    assert any("versions 1, 2" in note for note in recorded.check().notes)


def test_each_bar_is_judged_by_the_parameters_it_was_decided_under():
    recorded = record(before={12: lambda stage: change(stage.bot, position_size_fixed=Decimal(200))})
    assert recorded.rows() == []
    assert recorded.decision(14).quantity < recorded.decision(8).quantity / 2


def test_a_signal_changed_in_the_database_is_unexplained(recorded):
    Decision.objects.filter(pk=recorded.decision(11).pk).update(signal=1, action="refused", reason="cooldown")
    assert recorded.rows() == [(11, "signal", "UNEXPLAINED")]


def test_an_action_changed_in_the_database_is_unexplained(recorded):
    Decision.objects.filter(pk=recorded.decision(4).pk).update(action="exit")
    Decision.objects.filter(pk=recorded.decision(12).pk).update(action="refused", reason="cooldown")
    assert recorded.rows() == [(4, "decision", "UNEXPLAINED"), (12, "decision", "UNEXPLAINED")]


def test_a_size_changed_in_the_database_is_unexplained(recorded):
    decision = recorded.decision(8)
    Decision.objects.filter(pk=decision.pk).update(quantity=decision.quantity * 2)
    assert recorded.rows() == [(8, "quantity", "UNEXPLAINED"), (9, "quantity bought", "PARTIAL_FILL")]


def test_changed_candles_are_named(recorded):
    Decision.objects.filter(pk=recorded.decision(7).pk).update(close=100.5)
    assert recorded.rows() == [(7, "close", "CANDLES_CHANGED")]


def test_the_kill_switch_is_named():
    recorded = record(
        before={2: lambda _: lifecycle.set_kill_switch(True), 3: lambda _: lifecycle.set_kill_switch(False)}
    )
    assert recorded.rows() == [(2, "decision", "HALTED")]


def test_the_accounts_limits_are_named():
    def limit(stage):
        stage.bot.api_key.max_exposure_quote = Decimal(100)
        stage.bot.api_key.save()

    assert record(before={15: limit}).rows() == [
        (15, "decision", "ACCOUNT_LIMIT"),
        (18, "decision", "ACCOUNT_LIMIT"),
    ]


def test_a_balance_that_was_short_is_named():
    from exchange.paper.models import PaperBalance

    def spend(_stage):
        PaperBalance.objects.filter(asset="USDT").update(free=Decimal(200))

    recorded = record(before={8: spend})
    assert recorded.decision(8).quantity < 2
    assert recorded.rows() == [(row, "quantity", "ACCOUNT_LIMIT") for row in (8, 14, 15)]


def test_a_position_closed_by_hand_is_named():
    recorded = record(before={4: lambda stage: lifecycle.request_close(stage.bot)})
    assert recorded.rows() == [(5, "exit", "BY_HAND")]


def test_another_fee_rate_and_a_fee_in_another_asset_are_named(recorded):
    first, second = buys(recorded)[:2]
    Fill.objects.filter(pk=first.pk).update(commission=first.commission * 2, fee_quote=first.fee_quote * 2)
    Fill.objects.filter(pk=second.pk).update(commission_asset="BNB", commission=Decimal("0.001"))
    assert recorded.rows() == [(3, "fee", "FEE_RATE"), (9, "fee", "FEE_IN_BNB")]
    assert recorded.check().differences[0].impact == pytest.approx(-first.fee_quote)


def test_a_fee_that_no_account_pays_is_unexplained(recorded):
    Fill.objects.filter(pk=buys(recorded).first().pk).update(commission=Decimal(1))
    assert recorded.rows() == [(3, "fee", "UNEXPLAINED")]


def test_a_ledger_that_its_trades_do_not_explain_is_drift(recorded):
    BotState.objects.filter(bot=recorded.bot).update(quote=Decimal(1))
    assert recorded.rows() == [(21, "ledger", "UNEXPLAINED")]


def test_a_result_that_its_fills_do_not_explain_is_drift(recorded):
    trade = Trade.objects.get(exit_reason="stop_loss")
    Trade.objects.filter(pk=trade.pk).update(net_pnl=trade.net_pnl + 5)
    assert (10, "net PnL", "UNEXPLAINED") in recorded.rows()


def test_a_drawdown_halt_is_the_engines_too_and_a_resume_is_by_hand():
    def resume(stage):
        stage.bot.refresh_from_db()
        lifecycle.resume(stage.bot)

    assert record(max_drawdown="0.02").rows() == []
    assert record(max_drawdown="0.02", before={8: resume}).rows() == [(8, "decision", "BY_HAND")]
