"""What a search may vary, from its text form."""

import numpy as np
import pytest

from backtests.errors import SearchSpaceError
from backtests.optimisation.space import make_space, parse_dimension
from bots.settings.strategies import search_fields

FIELDS = search_fields("ema_rsi")


def test_a_range_includes_both_ends_and_takes_the_parameters_own_step():
    assert parse_dimension("ema_fast=5:8", FIELDS).values == (5, 6, 7, 8)
    assert parse_dimension("ema_slow=30:69:2", FIELDS).values[-2:] == (66, 68)
    assert parse_dimension("rsi_overbought=60:62", FIELDS).values == (60, 60.5, 61, 61.5, 62)


def test_steps_of_a_tenth_carry_no_binary_noise():
    assert parse_dimension("stop_loss=0.01:0.07:0.01", FIELDS).values == (0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07)


def test_a_list_may_turn_an_optional_limit_off():
    assert parse_dimension("stop_loss=0.05,none,0.02", FIELDS).values == (None, 0.02, 0.05)
    assert parse_dimension("stop_loss=0.05,none,0.02", FIELDS).text() == "stop_loss=none,0.02,0.05"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ema_fats=5:24", "no parameter ema_fats"),
        ("ema_fast", "write, for example"),
        ("ema_fast=", "write, for example"),
        ("ema_fast=9:5", "rise from low to high"),
        ("ema_fast=5:9:0", "rise from low to high"),
        ("ema_fast=5:x", "not a number"),
        ("ema_fast=5:nan", "not a number"),
        ("ema_fast=1:2:3:4", "low:high:step"),
        ("ema_fast=5:6:0.5", "whole numbers"),
        ("ema_fast=0:6", "lies between 1 and 1000"),
        ("ema_fast=none,5", "cannot be off"),
        ("stop_loss=0.1,2", "lies between"),
        ("position_size_fixed=1:1000000000", "are the most"),
    ],
)
def test_a_range_that_makes_no_sense_is_refused_in_words(text, words):
    with pytest.raises(SearchSpaceError, match=words):
        parse_dimension(text, FIELDS)


def test_only_combinations_that_the_strategy_allows_are_made():
    space = make_space("ema_rsi", ["ema_fast=10:12", "ema_slow=11:12"])
    assert space.size == 6
    found = [(p["ema_fast"], p["ema_slow"]) for p in space.combinations({})]
    assert found == [(10, 11), (10, 12), (11, 12)]


def test_fixed_parameters_count_in_the_strategys_rules():
    space = make_space("ema_rsi", ["ema_fast=10:12"])
    assert [p["ema_fast"] for p in space.combinations({"ema_slow": "12"})] == [10, 11]


def test_conditions_bind_parameters():
    space = make_space("ema_rsi", ["ema_fast=5:10", "ema_slow=10:30:10"], ["ema_slow >= 3 * ema_fast", "ema_fast<7"])
    found = [(p["ema_fast"], p["ema_slow"]) for p in space.combinations({})]
    assert found == [(5, 20), (5, 30), (6, 20), (6, 30)]


def test_a_limit_that_is_off_satisfies_every_condition():
    space = make_space("ema_rsi", ["stop_loss=none,0.05,0.2", "take_profit=0.1,0.3"], ["take_profit > stop_loss"])
    found = [(p["stop_loss"], p["take_profit"]) for p in space.combinations({})]
    assert found == [(None, 0.1), (None, 0.3), (0.05, 0.1), (0.05, 0.3), (0.2, 0.3)]


@pytest.mark.parametrize(
    ("grid", "conditions", "words"),
    [
        ([], [], "Nothing to search"),
        (["ema_fast=5:9", "ema_fast=10:12"], [], "given twice"),
        (["ema_fast=1:1000", "ema_slow=2:2000", "cooldown_bars=0:9"], [], "combinations"),
        (["ema_fast=5:9"], ["ema_slow > 3"], "no parameter of this search"),
        (["ema_fast=5:9"], ["ema_fast"], "not a condition"),
        (["ema_fast=5:9"], ["__import__('os') > 1"], "not a condition"),
    ],
)
def test_a_space_that_makes_no_sense_is_refused_in_words(grid, conditions, words):
    with pytest.raises(SearchSpaceError, match=words):
        make_space("ema_rsi", grid, conditions)


def test_every_strategy_has_something_to_search():
    for strategy, own in (("ema_rsi", "ema_fast"), ("donchian", "entry_period"), ("bollinger", "deviations")):
        assert own in search_fields(strategy)
        assert "stop_loss" in search_fields(strategy)


def test_indices_name_a_combination():
    space = make_space("ema_rsi", ["ema_fast=5:9", "stop_loss=none,0.05"])
    assert space.at([2, 0]) == {"ema_fast": 7, "stop_loss": None}
    assert space.places({"ema_fast": 7, "stop_loss": None}) == [2, 0]
    assert space.places_of(np.array([[7, np.nan], [5, np.nan], [7, np.nan]])).tolist() == [[2, 0], [0, 0], [2, 0]]


def test_a_fixed_parameter_that_is_still_empty_has_its_default():
    space = make_space("ema_rsi", ["ema_fast=5,90"])
    allowed = space.combinations({"ema_slow": None})
    assert [combination["ema_fast"] for combination in allowed] == [5.0]
