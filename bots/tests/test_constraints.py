"""What the database itself refuses, whoever writes: the last fence under the form and the runner."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Model

from bots.models import BotConfig, BotConfigVersion, BotState, Decision, Fill, Incident, KillSwitch, Order
from bots.tests import builders

pytestmark = pytest.mark.django_db

IMPOSSIBLE: dict[str, dict[str, Any]] = {
    "bot_fast_under_slow": {"ema_fast": 26},
    "bot_rsi_period_at_least_two": {"rsi_period": 1},
    "bot_rsi_levels_in_range": {"rsi_oversold": 70},
    "bot_capital_positive": {"initial_capital": 0},
    "bot_size_fits_its_mode": {"position_size_mode": "risk", "risk_per_trade": Decimal("0.01"), "stop_loss": None},
    "bot_size_fraction_in_range": {"position_size_perc": Decimal("1.01")},
    "bot_risk_fraction_in_range": {"risk_per_trade": 1},
    "bot_stop_loss_in_range": {"stop_loss": 1},
    "bot_trailing_stop_in_range": {"trailing_stop": 0},
    "bot_daily_loss_in_range": {"max_daily_loss": Decimal("1.01")},
    "bot_drawdown_in_range": {"max_drawdown": 0},
    "bot_take_profit_positive": {"take_profit": 0},
    "bot_profit_target_positive": {"daily_profit_target": 0},
    "bot_daily_trades_not_zero": {"max_daily_trades": 0},
    "bot_signal_age_not_zero": {"max_signal_age_s": 0},
}


def test_every_constraint_of_a_bot_is_tried():
    assert {constraint.name for constraint in BotConfig._meta.constraints} == set(IMPOSSIBLE)


@pytest.mark.parametrize("mode", ["fixed", "percent"])
def test_a_size_mode_without_its_size_is_refused(mode):
    made = builders.bot()
    with pytest.raises(IntegrityError, match="bot_size_fits_its_mode"):
        BotConfig.objects.filter(pk=made.pk).update(
            position_size_mode=mode, position_size_fixed=None, position_size_perc=None
        )


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_an_impossible_bot_is_refused(name):
    made = builders.bot()
    with pytest.raises(IntegrityError, match=name):
        BotConfig.objects.filter(pk=made.pk).update(**IMPOSSIBLE[name])


def again(row: Model, **changes: Any) -> None:
    """Store a row once more, as another row."""
    row.pk = None
    row._state.adding = True
    for field, value in changes.items():
        setattr(row, field, value)
    with transaction.atomic():
        row.save()


def test_what_there_may_be_once_is_refused_the_second_time():
    made = builders.with_history(builders.bot(), days=1)
    order, fill = Order.objects.first(), Fill.objects.first()
    with pytest.raises(IntegrityError, match="bot_id"):
        again(BotState.objects.get(bot=made))
    with pytest.raises(IntegrityError, match="one_decision_per_bar"):
        again(Decision.objects.first())
    with pytest.raises(IntegrityError, match="client_order_id"):
        again(order)
    with pytest.raises(IntegrityError, match="one_fill_per_execution"):
        again(fill)
    with pytest.raises(IntegrityError, match="one_open_trade_per_bot"), transaction.atomic():
        builders.open_trade(made, builders.NOW)
    with pytest.raises(IntegrityError, match="one_version_per_number"):
        again(BotConfigVersion.objects.get(bot=made))
    incident = Incident.objects.create(bot=made, kind="order_in_doubt", cause="No answer")
    with pytest.raises(IntegrityError, match="one_open_incident_per_kind"):
        again(incident)


def test_what_cannot_be_is_refused():
    made = builders.with_history(builders.bot(), days=1)
    with pytest.raises(IntegrityError, match="bot_holds_no_negative_base"), transaction.atomic():
        BotState.objects.filter(bot=made).update(base=Decimal("-0.001"))
    with pytest.raises(IntegrityError, match="closed_trade_has_its_reason"), transaction.atomic():
        made.trades.filter(closed_at=None).update(closed_at=builders.NOW + timedelta(hours=1))
    with pytest.raises(IntegrityError, match="one_kill_switch"), transaction.atomic():
        KillSwitch.objects.create(pk=2)
