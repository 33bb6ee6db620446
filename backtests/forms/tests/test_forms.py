"""The forms that start runs, filled in from nothing, from a bot, from another run; and what they refuse."""

from urllib.parse import urlencode

import pytest
from django.urls import reverse

from backtests.forms.optimisation import OptimisationForm
from backtests.models import Backtest, MonteCarlo, Optimisation, Run, WalkForward
from backtests.optimisation import rounds
from backtests.runs import queue
from backtests.runs.inputs import RunRequest
from bots.control import lifecycle
from bots.models import BotConfig
from exchange.models import ApiKey

pytestmark = pytest.mark.django_db


def bot_of(**fields):
    key = ApiKey.objects.create(name="paper", venue="paper", key="k", secret="s")
    bot = BotConfig(name="Alpha", api_key=key, symbol="BTCUSDT", timeframe="1h", **fields)
    lifecycle.save(bot)
    return bot


def filled_in(client, kind, query=None, **changes):
    """Return what the page's form would send, with changes."""
    form = client.get(reverse("backtests:new", args=[kind]), query or {}).context["form"]
    data = {}
    for bound in form:
        value = bound.value()
        widget = bound.field.widget
        if hasattr(widget, "decompress"):
            names = [f"{bound.html_name}{suffix}" for suffix in widget.widgets_names]
            data |= dict(zip(names, value if isinstance(value, list) else widget.decompress(value), strict=True))
        elif value is not None and value is not False:
            data[bound.html_name] = getattr(value, "pk", value)
    return {**data, **changes}


def posted(client, kind, data):
    return client.post(reverse("backtests:new", args=[kind]), data)


def started(client, kind, data):
    """Send a form that must start a run."""
    answer = posted(client, kind, data)
    assert answer.status_code == 302, answer.context["form"].errors
    return answer


def searching(low, high, step="", strategy="ema_rsi", name="ema_fast"):
    stem = f"range__{strategy}__{name}"
    return {f"{stem}_from": low, f"{stem}_to": high, f"{stem}_step": step, f"{stem}_list": ""}


def test_a_backtest_from_a_bot_has_its_settings_and_default_costs(admin_client, market):
    bot = bot_of(ema_fast=9, stop_loss="0.03", max_daily_trades=4)
    data = filled_in(admin_client, "backtest", {"bot": bot.pk})
    answer = posted(admin_client, "backtest", data)
    run = Backtest.objects.get()
    assert answer.url == reverse("backtests:show", args=["backtest", run.pk])
    assert run.bot == bot
    wanted = {"ema_fast": 9, "stop_loss": "0.03", "max_daily_trades": 4, "fee_rate": "0.001", "take_profit": None}
    assert {name: run.settings[name] for name in wanted} == wanted


def test_a_bot_of_another_strategy_brings_its_own_parameters(admin_client, market):
    bot = bot_of(strategy="donchian", parameters={"entry_period": 33, "exit_period": 7})
    posted(admin_client, "backtest", filled_in(admin_client, "backtest", {"bot": bot.pk}))
    run = Backtest.objects.get()
    assert (run.strategy, run.settings["entry_period"], run.settings["exit_period"]) == ("donchian", 33, 7)
    assert "ema_fast" not in run.settings


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"dataset": ""}, "dataset", "Choose the candles"),
        ({"start": "2023-05-01", "end": "2023-04-01"}, "end", "ends before it begins"),
        ({"start": "2030-01-01"}, "start", "no bars from there on"),
        ({"end": "2010-01-01"}, "end", "no bars before that"),
        ({"start": "31.1.2024"}, "start", "no date"),
        ({"end": "2023-01-05"}, "start", "Too few bars"),
        ({"ema_fast": "90", "ema_slow": "20"}, "ema_fast", "must be under the slow EMA"),
        ({"ema_fast": ""}, "ema_fast", "give a number"),
        ({"ema_fast": "0"}, "ema_fast", "must be between 1 and 1000"),
        ({"stop_loss": "1.5"}, "stop_loss", "between 0.00000001 and"),
        ({"position_size_mode": "risk"}, "risk_per_trade", "Risk per trade is missing"),
        ({"initial_capital": "0"}, "initial_capital", "must be between"),
        ({"trading_hours": "Someday"}, "trading_hours", "Trading hours"),
        ({"max_daily_trades": "0"}, "max_daily_trades", "between 1 and"),
    ],
)
def test_an_invalid_backtest_is_refused_at_its_field(admin_client, market, changes, field, words):
    data = filled_in(admin_client, "backtest", dataset="BTCUSDT:1h")
    answer = posted(admin_client, "backtest", {**data, **changes})
    assert answer.status_code == 200
    assert words in " ".join(answer.context["form"].errors[field])
    assert not Backtest.objects.exists()


def test_nonsense_in_another_strategys_input_refuses_nothing(admin_client, market):
    data = filled_in(admin_client, "backtest", dataset="BTCUSDT:1h", donchian__entry_period="x")
    started(admin_client, "backtest", data)


def test_a_fraction_may_be_typed_in_percent(admin_client, market):
    posted(admin_client, "backtest", filled_in(admin_client, "backtest", stop_loss="2.5 %"))
    assert Backtest.objects.get().settings["stop_loss"] == "0.025"


def test_an_optimisation_takes_ranges_and_plan_from_the_inputs(admin_client, market):
    changes = {
        **searching("5", "9"),
        **searching("30", "50", "10", name="ema_slow"),
        "range__common__stop_loss_list": "off, 0.02, 0.05",
        "conditions": "ema_slow >= 4 * ema_fast",
        "min_trades": "3",
        "hold_out": "0.3",
        "objective": "calmar",
    }
    started(admin_client, "optimisation", filled_in(admin_client, "optimisation", **changes))
    plan = Optimisation.objects.get().plan
    assert plan["grid"] == ["ema_fast=5:9", "ema_slow=30:50:10", "stop_loss=none,0.02,0.05"]
    assert plan["conditions"] == ["ema_slow >= 4 * ema_fast"]
    assert (plan["objectives"], plan["min_trades"], plan["method"]) == (["calmar"], 3, "grid")


def test_every_strategys_suggested_ranges_are_valid(admin_client, market):
    for strategy in ("ema_rsi", "donchian", "bollinger"):
        assert (
            posted(admin_client, "optimisation", filled_in(admin_client, "optimisation", strategy=strategy)).status_code
            == 302
        )
        assert 50 < rounds.stored_plan(Optimisation.objects.latest("pk")).space.size < 1000


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        (searching("9", "5"), "range__ema_rsi__ema_fast", "must rise"),
        (searching("5", ""), "range__ema_rsi__ema_fast", "both ends"),
        (searching("5", "9.5", "0.5"), "range__ema_rsi__ema_fast", "whole numbers"),
        (searching("0", "9"), "range__ema_rsi__ema_fast", "lies between 1 and 1000"),
        ({"range__ema_rsi__ema_fast_list": "5, 6"}, "range__ema_rsi__ema_fast", "not both"),
        ({"range__ema_rsi__rsi_period_list": "off"}, "range__ema_rsi__rsi_period", "cannot be off"),
        (searching("60", "90"), "range__ema_rsi__ema_fast", "No combination"),
        (searching("", "") | searching("", "", name="ema_slow"), "range__ema_rsi__ema_fast", "Nothing to search"),
        ({"conditions": "nonsense"}, "conditions", "not a condition"),
        ({"conditions": "rsi_period > 3"}, "conditions", "no parameter of this search"),
        ({"method": "nsga2"}, "second_objective", "two different objectives"),
        ({"second_objective": "calmar"}, "second_objective", "Only NSGA-II"),
        ({"hold_out": "0.95"}, "hold_out", "less than or equal to 0.9"),
        ({"end": "2023-01-05"}, "start", "Too few bars"),
    ],
)
def test_an_invalid_optimisation_is_refused_at_its_field(admin_client, market, changes, field, words):
    data = filled_in(admin_client, "optimisation", dataset="BTCUSDT:1h", **searching("5", "9"))
    data = {**data, **searching("30", "60", "10", name="ema_slow"), **changes}
    answer = posted(admin_client, "optimisation", data)
    assert answer.status_code == 200
    assert words in " ".join(answer.context["form"].errors[field])
    assert not Optimisation.objects.exists()


def test_a_walk_forward_refuses_windows_that_do_not_fit(admin_client, market):
    data = filled_in(admin_client, "walkforward", train_days="60", test_days="20", anchored="yes")
    started(admin_client, "walkforward", data)
    plan = WalkForward.objects.get().plan
    assert (plan["train_days"], plan["test_days"], plan["anchored"]) == (60, 20, True)
    answer = posted(admin_client, "walkforward", {**data, "train_days": "900"})
    assert "too few" in " ".join(answer.context["form"].errors["train_days"])
    assert WalkForward.objects.count() == 1


def test_a_monte_carlo_run_takes_its_stress_grid_from_the_form(admin_client, market):
    run = queue.new_backtest(RunRequest("BTCUSDT", "1h", {}))
    queue.execute_backtest(run)
    data = filled_in(admin_client, "montecarlo", {"backtest": run.pk}, paths="300", method="block", mean_block="5")
    data |= {"fee_multiples": "1, 4", "slippages_bps": "0, 7.5", "ruin_level": "30 %", "seed": "2"}
    started(admin_client, "montecarlo", data)
    simulated = MonteCarlo.objects.get()
    assert (simulated.plan["ruin_level"], simulated.seed) == (0.3, 2)
    queue.execute_monte_carlo(simulated)
    simulated.refresh_from_db()
    run.refresh_from_db()
    stress = simulated.result["stress"]
    assert [(cell["fee_multiple"], cell["slippage_bps"]) for cell in stress] == [(1, 0), (1, 7.5), (4, 0), (4, 7.5)]
    assert stress[0]["figures"]["total_return"] == run.total_return
    for name, value, words in (
        ("fee_multiples", "-1", "numbers from 0"),
        ("slippages_bps", "a", "separated by commas"),
    ):
        answer = posted(admin_client, "montecarlo", {**data, name: value})
        assert words in str(answer.context["form"].errors)
    assert MonteCarlo.objects.count() == 1


@pytest.mark.parametrize(
    ("kind", "changes", "words"),
    [
        ("backtest", {}, "1 bar is missing"),
        ("backtest", {"start": "2023-04-01"}, "bars, "),
        ("optimisation", searching("5", "9") | searching("8", "10", name="ema_slow"), "15 combinations, 12 allowed"),
        ("optimisation", searching("60", "90"), "no combination"),
        ("optimisation", {"method": "tpe", "max_trials": "70"}, "at most 70 trials"),
        ("walkforward", {"train_days": "60", "test_days": "30"}, "4 windows"),
    ],
)
def test_the_form_previews_its_run_while_it_is_filled_in(admin_client, market, kind, changes, words):
    data = filled_in(admin_client, kind, dataset="BTCUSDT:1h", **changes)
    answer = admin_client.post(reverse("backtests:preview", args=[kind]), data)
    assert words in answer.content.decode()
    assert not any(model._default_manager.exists() for model in Run.__subclasses__())


def test_a_run_is_started_again_with_its_form_filled_in(admin_client, market):
    plan = {"grid": ["ema_fast=5:8", "stop_loss=none,0.02"], "min_trades": 3, "method": "tpe", "max_trials": 9}
    search = rounds.new_optimisation(RunRequest("BTCUSDT", "1h", {"ema_slow": "44"}, "2023-02-01", "2023-05-01"), plan)
    data = filled_in(admin_client, "optimisation", {"run": f"optimisation:{search.pk}"})
    started(admin_client, "optimisation", data)
    again = Optimisation.objects.latest("pk")
    assert again.pk != search.pk
    assert again.plan["grid"] == search.plan["grid"]
    assert rounds.stored_plan(again) == rounds.stored_plan(search)
    assert (again.start_at, again.end_at, again.hold_out_end_at) == (
        search.start_at,
        search.end_at,
        search.hold_out_end_at,
    )
    query = {"run": f"optimisation:{search.pk}", "parameters": "ema_fast=7 stop_loss=0.02"}
    posted(admin_client, "backtest", filled_in(admin_client, "backtest", query))
    trial = Backtest.objects.get()
    assert (trial.settings["ema_fast"], trial.settings["stop_loss"], trial.settings["ema_slow"]) == (7, "0.02", 44)


def test_forms_without_candles_tell_how_to_import_them(admin_client):
    for kind, words in (("backtest", "import_klines"), ("montecarlo", "no finished backtest")):
        assert words in admin_client.get(reverse("backtests:new", args=[kind])).content.decode()


def test_addresses_with_nonsense_open_an_empty_form(admin_client, market):
    for query in ({"bot": "x"}, {"run": "optimisation:99"}, {"run": "nothing"}, {"backtest": "x"}):
        for kind in ("backtest", "optimisation", "montecarlo"):
            assert admin_client.get(f"{reverse('backtests:new', args=[kind])}?{urlencode(query)}").status_code == 200
    assert admin_client.get(reverse("backtests:new", args=["nonsense"])).status_code == 404


def test_the_admins_add_buttons_lead_to_the_forms(admin_client, market):
    for name in ("backtest", "optimisation", "walkforward", "montecarlo"):
        answer = admin_client.get(reverse(f"admin:backtests_{name}_add"))
        assert answer.url == reverse("backtests:new", args=[name])


def test_a_list_may_say_off_only_where_the_limit_can_be_off():
    form = OptimisationForm({"strategy": "ema_rsi", "range__common__cooldown_bars_list": "off, 2"})
    form.is_valid()
    assert "cannot be off" in " ".join(form.errors["range__common__cooldown_bars"])
