"""One more setting: everything about it comes from its one declaration."""

from __future__ import annotations

import sys
from collections import namedtuple
from collections.abc import Iterator
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest

from bots.models.fields import setting_field
from bots.settings import engine, parse, schema, strategies, validate
from bots.settings.form_fields import setting_fields
from bots.settings.schema import SearchRange, Setting, SettingError, SettingKind
from bots.strategy.types import RiskParams

ADDED = Setting(
    name="max_spread",
    label="Max. spread",
    kind=SettingKind.FRACTION,
    low=Decimal("0.0001"),
    high=Decimal("0.5"),
    search=SearchRange(0.0001, 0.5, 0.0005, 0.001),
    help="Spread over which no entry is made. A fraction.",
)
RiskWithSpread: Any = namedtuple("RiskWithSpread", [*RiskParams._fields, "max_spread"])  # type: ignore[misc]


@pytest.fixture(autouse=True)
def _declared(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Declare one more setting, and name it among the values of a rule."""
    monkeypatch.setitem(schema.BY_NAME, ADDED.name, ADDED)
    monkeypatch.setattr(engine, "RiskParams", RiskWithSpread)
    every = (*schema.RUN_SETTINGS, ADDED)
    modules: list[ModuleType] = [schema, parse, strategies, validate, sys.modules["bots.settings.run_settings"]]
    for module in modules:
        if hasattr(module, "RUN_SETTINGS"):
            monkeypatch.setattr(module, "RUN_SETTINGS", every)
    for cached in (strategies.common_search_fields, strategies.labels):
        cached.cache_clear()
    yield
    for cached in (strategies.common_search_fields, strategies.labels):
        cached.cache_clear()


def test_it_is_read_from_a_command():
    assert parse.make_settings(parse.parse_pairs(["max_spread=0.002"])).max_spread == Decimal("0.002")


def test_it_is_off_by_default():
    assert parse.make_settings({}).max_spread is None


def test_it_is_refused_beyond_its_bounds():
    with pytest.raises(SettingError, match=r"Max\. spread must be between 0\.0001 and 0\.5, not 0\.6"):
        parse.make_settings({"max_spread": "0.6"})


def test_it_survives_json():
    settings = parse.make_settings({"max_spread": "0.002"})
    assert settings.to_json()["max_spread"] == "0.002"
    assert parse.make_settings(settings.to_json()) == settings


def test_it_has_a_form_field():
    field = setting_fields([ADDED])["max_spread"]
    assert (field.label, field.help_text, field.clean("0.2 %")) == (ADDED.label, ADDED.help, Decimal("0.002"))


def test_it_has_a_model_field():
    field = setting_field("max_spread")
    assert (field.verbose_name, field.null, field.decimal_places) == (ADDED.label, True, 8)


def test_it_has_a_label():
    assert strategies.labels()["max_spread"] == "Max. spread"


def test_it_can_be_searched():
    field = strategies.search_fields("donchian")["max_spread"]
    assert (field.minimum, field.maximum, field.step, field.default) == (0.0001, 0.5, 0.0005, 0.001)


def test_a_rule_gets_its_value():
    risk: Any = engine.rule_settings(parse.make_settings({"max_spread": "0.002"})).risk
    assert risk.max_spread == 0.002
