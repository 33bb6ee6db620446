"""Assessing the newest bar: its facts, its proposal, and that preview and tick agree on it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest

from bots.control import lifecycle
from bots.models import Action, BotState, Decision, Order
from bots.pages.preview import preview
from bots.trading.accounting import newest_trade
from bots.trading.assess import Assessment, Tick, assess, bars_needed, read_bar
from bots.trading.entry_facts import ask_quote
from bots.trading.tests.stage import Stage
from bots.trading.tests.tables import BUY, ENTER, EXIT_BAR, HELD, QUIET, SELLS
from core.times import to_datetime

pytestmark = pytest.mark.django_db

AGAIN = "102 103 102 103  closes above both highs again\n 103 104 103 104  and again\n 104 104 104 104"


def tick_at(stage: Stage, bar: int) -> Tick:
    """Return the inputs of the tick after a bar."""
    stage.clock.set(stage.open_of(bar + 1))
    context = stage.context()
    klines = context.candles.closed("BTCUSDT", "1h", bars=bars_needed(stage.bot), now_ms=context.now_ms)
    return Tick(stage.bot, context, klines, newest_trade(stage.bot.pk))


def assessed(stage: Stage, bar: int) -> Assessment:
    tick = tick_at(stage, bar)
    state = BotState.objects.get(bot=stage.bot)
    return assess(tick, state, ask_quote(stage.bot, tick.context) if tick.needs_quote else None)


def test_a_signal_is_read_from_the_newest_bar(make_stage):
    tick = tick_at(make_stage(HELD + QUIET), ENTER)
    assert (tick.bar.signal, tick.bar.close, tick.needs_quote) == (1, 102, True)


def test_a_bar_without_a_price_is_refused(make_stage):
    tick = tick_at(make_stage(HELD + QUIET), ENTER)
    close = tick.klines.close.copy()
    close[-1] = np.nan
    object.__setattr__(tick.klines, "close", close)
    with pytest.raises(ValueError, match="which is no price"):
        read_bar(tick.bot, tick.klines)


def test_no_quote_is_needed_without_a_signal(make_stage):
    assert not tick_at(make_stage(HELD + QUIET), ENTER - 1).needs_quote


def test_no_quote_is_needed_while_long(make_stage):
    stage = make_stage(BUY + AGAIN)
    stage.decide(ENTER)
    tick = tick_at(stage, ENTER + 1)
    assert (tick.bar.signal, tick.was_long, tick.needs_quote) == (1, True, False)


def test_an_entry_is_proposed_with_its_quantity_and_price(make_stage):
    proposal = assessed(make_stage(HELD + QUIET), ENTER).proposal
    assert (proposal.action, proposal.quantity, proposal.price) == (Action.ENTER, 5, 100)


def test_an_entry_is_proposed_with_what_it_was_sized_at(make_stage):
    terms = assessed(make_stage(HELD + QUIET), ENTER).proposal.terms
    assert terms == {"price": "100", "free_quote": "10000", "fee_rate": "0"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("is_halted", False),
        ("is_outside_schedule", False),
        ("is_stale", False),
        ("entries_today", 0),
        ("net_pnl_today", 0.0),
        ("capital_at_day_start", 1000.0),
        ("drawdown_reached", False),
        ("has_order_room", True),
        ("exposure_room", float("inf")),
        ("capital", 1000.0),
    ],
)
def test_a_fact_of_a_first_entry_is_proposed_with_it(make_stage, name, value):
    assert assessed(make_stage(HELD + QUIET), ENTER).proposal.facts[name] == value


@pytest.mark.parametrize(
    ("name", "settings"),
    [("is_outside_schedule", {"trading_hours": "Sun 00:00-01:00"}), ("is_stale", {})],
)
def test_a_fact_that_stops_an_entry_is_true(make_stage, name, settings):
    stage = make_stage(HELD + QUIET, **settings)
    tick = tick_at(stage, ENTER)
    if name == "is_stale":
        stage.clock.set(stage.clock.now_ms() + 31 * 60_000)
        tick = Tick(tick.bot, stage.context(), tick.klines, tick.latest_trade)
    proposal = assess(tick, BotState.objects.get(bot=stage.bot), ask_quote(tick.bot, tick.context)).proposal
    assert (proposal.facts[name], proposal.action) == (True, Action.REFUSED)


def test_the_kill_switch_is_a_fact(make_stage):
    lifecycle.set_kill_switch(True)
    proposal = assessed(make_stage(HELD + QUIET), ENTER).proposal
    assert (proposal.facts["is_halted"], proposal.reason) == (True, "halted")


def test_entries_and_results_of_today_are_facts(make_stage):
    stage = make_stage(HELD + SELLS + "98 98 98 98\n 98 103 98 103  buys\n 103 103 103 103")
    for bar in range(ENTER, 6):
        stage.decide(bar)
    facts = assessed(stage, 6).proposal.facts
    assert (facts["entries_today"], facts["net_pnl_today"], facts["bars_since_exit"]) == (1, -10.0, 1)


def test_a_drawdown_at_any_new_bar_is_a_fact(make_stage):
    stage = make_stage(HELD + QUIET, max_drawdown="0.3")
    BotState.objects.filter(bot=stage.bot).update(peak_equity=2000)
    assessment = assessed(stage, ENTER)
    assert assessment.proposal.reason == "max_drawdown"
    assert assessment.path.drawdown_reached_at == assessment.bar.closed_at


def test_a_sell_while_long_is_an_exit(make_stage):
    stage = make_stage(HELD + SELLS + "98 98 98 98")
    stage.decide(ENTER)
    stage.decide(ENTER + 1)
    proposal = assessed(stage, EXIT_BAR).proposal
    assert (proposal.action, proposal.reason) == (Action.EXIT, "signal")


def test_a_sell_while_flat_does_nothing(make_stage):
    stage = make_stage(HELD + SELLS + "98 98 98 98")
    proposal = assessed(stage, EXIT_BAR).proposal
    assert (proposal.action, proposal.reason) == (Action.WAIT, "nothing_to_sell")


def test_too_short_a_history_is_warming_up(make_stage):
    assert assessed(make_stage(HELD + QUIET), 1).reason == "warming_up"


def test_a_new_bot_begins_with_the_newest_bar(make_stage):
    tick = tick_at(make_stage(HELD + QUIET), ENTER)
    assert tick.first_undecided(BotState()) == len(tick.klines) - 1


def test_a_bot_goes_on_after_its_last_bar(make_stage):
    tick = tick_at(make_stage(HELD + QUIET), ENTER)
    state = BotState(last_bar=to_datetime(int(tick.klines.open_time[-2])))
    assert tick.first_undecided(state) == len(tick.klines) - 1


def test_a_cooldown_longer_than_the_warm_up_needs_its_own_bars(make_stage):
    assert bars_needed(make_stage(HELD, cooldown_bars=30).bot) == 32


def assert_preview_equals_tick(stage: Stage, bar: int) -> Decision:
    """Preview and then run the tick after a bar, and compare what they decide."""
    stage.clock.set(stage.open_of(bar + 1))
    shown = preview(stage.bot, stage.context())
    stage.tick()
    decision = Decision.objects.get(bot=stage.bot, bar=shown.bar)
    assert (shown.action, shown.reason, shown.signal) == (decision.action, decision.reason, decision.signal)
    assert (shown.close, shown.values) == (decision.close, decision.values)
    quantity = next((order["quantity"] for order in shown.orders if order["side"] == "BUY"), None)
    assert (None if quantity is None else Decimal(quantity)) == decision.quantity
    return decision


@pytest.mark.parametrize(
    "table",
    [HELD + QUIET * 2, HELD + SELLS + "98 98 98 98\n 98 98 98 98", BUY + AGAIN, QUIET * 3 + SELLS + QUIET],
    ids=["enters", "exits", "buys again", "sells while flat"],
)
@pytest.mark.parametrize("settings", [{}, {"trading_hours": "Sun 00:00-01:00"}, {"position_size_fixed": "1"}])
def test_preview_and_tick_decide_equally_on_every_bar(make_stage, table, settings):
    stage = make_stage(table, **settings)
    for bar in range(len(stage.klines) - 1):
        assert_preview_equals_tick(stage, bar)
    assert Decision.objects.count() == len(stage.klines) - 1


def test_preview_and_tick_say_already_long_after_a_late_fill(make_stage):
    stage = make_stage(BUY + AGAIN)
    stage.exchange.before["submit"] = lambda: stage.clock.set(stage.open_of(ENTER + 2))
    stage.decide(ENTER)
    assert stage.trade().opened_at > BotState.objects.get(bot=stage.bot).last_bar + timedelta(hours=2)
    decision = assert_preview_equals_tick(stage, ENTER + 1)
    assert (decision.action, decision.reason) == (Action.HOLD, "already_long")


def test_preview_sends_and_stores_nothing(make_stage):
    stage = make_stage(HELD + QUIET)
    stage.clock.set(stage.open_of(ENTER + 1))
    assert preview(stage.bot, stage.context()).orders
    assert (Order.objects.count(), Decision.objects.count(), stage.resting()) == (0, 0, [])
