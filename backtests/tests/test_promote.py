"""Promoting parameters of a result to a bot, and reverting that."""

from __future__ import annotations

from decimal import Decimal

import pytest

from backtests.errors import RunError
from backtests.models import Application, Backtest
from backtests.promote import apply, apply_settings, revert
from bots.control import lifecycle
from bots.models import BotConfig
from bots.settings.schema import SettingError
from core.errors import UserError
from exchange.models import ApiKey

pytestmark = pytest.mark.django_db
RUN = Backtest(pk=7, symbol="BTCUSDT", interval="1h")


@pytest.fixture
def bot():
    key = ApiKey.objects.create(name="paper", venue="paper", key="k", secret="s")
    bot = BotConfig(name="Alpha", api_key=key, symbol="BTCUSDT", timeframe="1h", ema_fast=9, stop_loss=Decimal("0.03"))
    lifecycle.save(bot)
    return bot


@pytest.fixture
def donchian(bot):
    other = BotConfig(
        name="Beta", api_key=bot.api_key, symbol="BTCUSDT", timeframe="1h", strategy="donchian",
        parameters={"entry_period": 20, "exit_period": 10},
    )  # fmt: skip
    lifecycle.save(other)
    return other


def applied(bot, user=None, **settings) -> Application:
    """Apply settings to the bot as its next version."""
    apply_settings(bot, settings)
    return Application.objects.get(version=apply(bot, RUN, reason="It won", user=user))


def stored(bot) -> BotConfig:
    return BotConfig.objects.get(pk=bot.pk)


def test_a_change_has_its_value_before_and_after(bot):
    assert apply_settings(bot, {"ema_fast": "7"}) == [
        {"name": "ema_fast", "before": "9", "after": "7", "changes": True}
    ]


def test_an_equal_value_is_no_change(bot):
    (row,) = apply_settings(bot, {"stop_loss": "0.0300"})
    assert (row["before"], row["after"], row["changes"]) == ("0.03", "0.03", False)


def test_a_limit_is_turned_off(bot):
    (row,) = apply_settings(bot, {"stop_loss": "none"})
    assert (row["before"], row["after"], bot.stop_loss) == ("0.03", "off", None)


def test_a_limit_that_was_off_shows_so(bot):
    assert apply_settings(bot, {"take_profit": "0.05"})[0]["before"] == "off"


def test_a_whole_number_keeps_its_zeros(bot):
    assert apply_settings(bot, {"ema_slow": "100"})[0]["after"] == "100"


def test_a_strategys_own_parameter_is_set(donchian):
    apply_settings(donchian, {"entry_period": "33"})
    assert donchian.parameters == {"entry_period": 33, "exit_period": 10}


def test_a_strategys_whole_number_stays_one(donchian):
    apply_settings(donchian, {"entry_period": "33"})
    assert isinstance(donchian.parameters["entry_period"], int)


def test_nothing_is_saved_before_it_is_confirmed(bot):
    apply_settings(bot, {"ema_fast": "7"})
    assert stored(bot).ema_fast == 9


def test_a_parameter_of_another_strategy_is_refused(donchian):
    with pytest.raises(RunError, match="Beta trades by donchian, which has no parameter ema_fast"):
        apply_settings(donchian, {"ema_fast": "7"})


def test_a_value_that_is_no_number_is_refused_by_name(bot):
    with pytest.raises(SettingError) as refused:
        apply_settings(bot, {"ema_fast": "seven"})
    assert refused.value.field == "ema_fast"


def test_values_that_do_not_go_together_are_refused(bot):
    with pytest.raises(Exception, match="must be under the slow EMA"):
        apply_settings(bot, {"ema_fast": "500"})


def test_applying_saves_the_next_version(bot):
    application = applied(bot, ema_fast="7")
    assert (application.version.number, stored(bot).ema_fast) == (2, 7)


def test_a_version_says_where_its_parameters_came_from(bot):
    assert applied(bot, ema_fast="7").version.reason == f"It won ({RUN})"


def test_a_version_has_its_author(bot, admin_user):
    assert applied(bot, admin_user, ema_fast="7").version.author == admin_user


def test_an_application_names_its_run(bot):
    application = applied(bot, ema_fast="7")
    assert (application.kind, application.run_id) == ("backtest", 7)


def test_reverting_brings_back_the_version_before(bot):
    version = revert(applied(bot, ema_fast="7", stop_loss="none"), user=None)
    assert (version.number, stored(bot).ema_fast, stored(bot).stop_loss) == (3, 9, Decimal("0.03"))


def test_reverting_says_to_which_version(bot):
    assert revert(applied(bot, ema_fast="7"), user=None).reason == "Back to version 1"


def test_reverting_brings_back_a_strategys_own_parameters(donchian):
    revert(applied(donchian, entry_period="33"), user=None)
    assert stored(donchian).parameters["entry_period"] == 20


def test_reverting_leaves_the_capital_of_today(bot):
    application = applied(bot, ema_fast="7")
    BotConfig.objects.filter(pk=bot.pk).update(initial_capital=Decimal(777))
    revert(application, user=None)
    assert stored(bot).initial_capital == 777


def test_a_bot_that_was_changed_again_is_not_reverted(bot):
    application = applied(bot, ema_fast="7")
    applied(bot, ema_fast="8")
    with pytest.raises(UserError, match="was changed again since version 2"):
        revert(application, user=None)
    assert stored(bot).ema_fast == 8


def test_a_first_version_has_nothing_before_it(bot):
    first = Application.objects.create(kind="backtest", run_id=7, version=bot.versions.get())
    with pytest.raises(RunError, match="has no version before 1"):
        revert(first, user=None)
