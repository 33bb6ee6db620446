"""A wrong setting has the same message wherever it is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from backtests.forms.run import RunForm
from backtests.promote import apply_settings
from bots.settings.parse import make_settings, parse_pairs
from bots.settings.schema import SettingError
from bots.tests import builders
from bots.tests.forms import bot_form
from exchange.models import Dataset

pytestmark = pytest.mark.django_db

WRONG: list[tuple[dict[str, str], str, str]] = [
    ({"stop_loss": "1.5"}, "stop_loss", "Stop-loss must be between 0.00000001 and 0.99999999, not 1.5."),
    ({"take_profit": "0"}, "take_profit", "Take-profit must be between 0.00000001 and 9999.99999999, not 0."),
    ({"max_daily_trades": "0"}, "max_daily_trades", "Max. daily trades must be between 1 and 32767, not 0."),
    ({"max_drawdown": "much"}, "max_drawdown", "Drawdown limit must be a number, not 'much'."),
    ({"cooldown_bars": "1.5"}, "cooldown_bars", "Cooldown must be a whole number, not 1.5."),
    ({"initial_capital": "none"}, "initial_capital", "Initial capital cannot be off; give a number."),
    ({"trading_hours": "noon"}, "trading_hours", "Trading hours: “noon” is no time span; write it as "
     "“Mon-Fri 08:00-20:00” or “08:00-20:00”, in UTC."),
    ({"position_size_mode": "fixed"}, "position_size_fixed", "Fixed position size is missing: say how much quote each "
     "entry spends."),
    ({"position_size_mode": "risk", "risk_per_trade": "0.01", "stop_loss": "none"}, "stop_loss",
     "Sizing by risk needs a stop-loss: the size follows from its distance."),
    ({"ema_fast": "0"}, "ema_fast", "Fast EMA must be between 1 and 1000, not 0."),
    ({"ema_fast": "30"}, "ema_fast", "The fast EMA (30) must be under the slow EMA (26)."),
    ({"rsi_overbought": "70.123"}, "rsi_overbought", "RSI overbought may have at most 2 decimals, not 70.123."),
]  # fmt: skip


def _of_form(form: Any) -> dict[str, str]:
    assert not form.is_valid()
    return {name: " ".join(sentences) for name, sentences in form.errors.items()}


def by_bot_form(values: dict[str, str]) -> dict[str, str]:
    return _of_form(bot_form(**values))


def by_run_form(values: dict[str, str]) -> dict[str, str]:
    Dataset.objects.create(
        symbol="BTCUSDT", interval="1h", rows=10, missing=0, first_open_time=builders.NOW, last_open_time=builders.NOW
    )
    form = RunForm()
    data = {name: form[name].value() for name in form.fields}
    given = {name: value for name, value in data.items() if value is not None}
    return _of_form(RunForm({**given, "dataset": "BTCUSDT:1h", **values}))


def _raised_by(call: Callable[[], object]) -> dict[str, str]:
    try:
        call()
    except SettingError as error:
        return {error.field: error.sentence}
    except ValidationError as error:
        return {name: " ".join(sentences) for name, sentences in error.message_dict.items()}
    raise AssertionError("nothing was refused")


def by_command(values: dict[str, str]) -> dict[str, str]:
    pairs = [f"{name}={value}" for name, value in values.items()]
    return _raised_by(lambda: make_settings(parse_pairs(pairs)))


def by_run_on_record(values: dict[str, str]) -> dict[str, str]:
    return _raised_by(lambda: make_settings({**make_settings({}).to_json(), **values}))


def by_applying_a_result(values: dict[str, str]) -> dict[str, str]:
    made = builders.bot()
    return _raised_by(lambda: apply_settings(made, values))


@pytest.mark.parametrize("ask", [by_bot_form, by_run_form, by_command, by_run_on_record, by_applying_a_result])
@pytest.mark.parametrize(("values", "field", "sentence"), WRONG)
def test_a_wrong_setting_has_one_message(ask, values, field, sentence):
    assert ask(values)[field] == sentence
