"""Checking settings together, and what is truly at risk."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.urls import reverse

from backtests.promote import apply_settings
from bots.bot_settings import check_bot
from bots.models import BotConfig
from bots.settings.parse import make_settings
from bots.settings.schema import BOT_SETTINGS, BY_NAME
from bots.settings.validate import capital_at_risk, check, conflicts, notes
from bots.tests import builders
from bots.tests.forms import bot_form, post_bot

RISK = {"position_size_mode": "risk", "risk_per_trade": Decimal("0.10"), "stop_loss": Decimal("0.05")}


@pytest.mark.parametrize(
    ("mode", "missing"),
    [
        ("fixed", ["position_size_fixed"]),
        ("percent", ["position_size_perc"]),
        ("risk", ["risk_per_trade", "stop_loss"]),
    ],
)
def test_a_size_mode_names_the_settings_that_it_needs(mode, missing):
    assert list(conflicts({"position_size_mode": mode})) == missing


def test_a_missing_setting_is_explained_by_its_own_sentence():
    needed = BY_NAME["position_size_fixed"]
    assert conflicts({"position_size_mode": "fixed"}) == {needed.name: needed.needed_sentence}


def test_a_setting_that_is_wrong_already_is_not_named_twice():
    assert conflicts({"position_size_mode": "fixed"}, without=["position_size_fixed"]) == {}


def test_check_gives_typed_values_and_parameters():
    checked = check("donchian", {"stop_loss": "0.05", "entry_period": "30"}, BOT_SETTINGS)
    assert (checked.values["stop_loss"], checked.strategy_params.entry_period) == (Decimal("0.05"), 30)


def test_check_names_every_problem():
    checked = check("donchian", {"stop_loss": "2", "entry_period": "0"}, BOT_SETTINGS)
    assert set(checked.problems) == {"stop_loss", "entry_period"}


def test_check_gives_no_parameters_where_one_is_wrong():
    assert check("donchian", {"entry_period": "0"}, ()).strategy_params is None


def test_an_unknown_strategy_is_a_problem_of_its_setting():
    assert set(check("martingale", {}, ()).problems) == {"strategy"}


@pytest.mark.parametrize(
    ("values", "share"),
    [
        (RISK, Decimal("0.05")),
        ({**RISK, "risk_per_trade": Decimal("0.01")}, Decimal("0.01")),
        ({**RISK, "position_size_mode": "percent"}, None),
        ({**RISK, "stop_loss": None}, None),
    ],
)
def test_capital_at_risk_is_at_most_the_stops_distance(values, share):
    assert capital_at_risk(values) == share


def test_a_note_tells_what_is_truly_at_risk():
    assert "so 5 % of it is truly at risk" in notes(RISK)["risk_per_trade"]


@pytest.mark.parametrize("risk", ["0.05", "0.01"])
def test_a_risk_within_the_stop_needs_no_note(risk):
    assert notes({**RISK, "risk_per_trade": Decimal(risk)}) == {}


def test_a_run_accepts_a_risk_over_its_stop():
    run = make_settings({name: str(value) for name, value in RISK.items()})
    assert (run.risk_per_trade, run.stop_loss) == (Decimal("0.1"), Decimal("0.05"))


@pytest.mark.django_db
def test_a_bot_accepts_a_risk_over_its_stop():
    assert check_bot(builders.bot(**RISK)).problems == {}


@pytest.mark.django_db
def test_applying_a_result_accepts_a_risk_over_its_stop():
    made = builders.bot(**{**RISK, "risk_per_trade": Decimal("0.01")})
    apply_settings(made, {"risk_per_trade": "0.1"})
    assert made.risk_per_trade == Decimal("0.1")


@pytest.mark.django_db
def test_the_form_accepts_a_risk_over_its_stop():
    assert bot_form(position_size_mode="risk", risk_per_trade="10 %", stop_loss="5 %").errors == {}


@pytest.mark.django_db
def test_saving_a_risk_over_its_stop_shows_the_note(admin_client):
    post_bot(admin_client, position_size_mode="risk", risk_per_trade="10 %", stop_loss="5 %")
    made = BotConfig.objects.get()
    page = admin_client.get(reverse("admin:bots_botconfig_live", args=[made.pk])).content.decode()
    assert notes({name: getattr(made, name) for name in RISK})["risk_per_trade"] in page
