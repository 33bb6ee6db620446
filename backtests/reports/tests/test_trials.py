"""The trials of an optimisation as a table, a heat map, lines, a front and neighbourhoods: six trials, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from backtests.optimisation.samplers import METRIC_NAMES, OptimisationPlan, SearchMethod, Trials, as_rows
from backtests.optimisation.space import make_space
from backtests.reports import trials
from backtests.reports.trials import TrialSet

NAN = float("nan")
GRID = ("ema_fast=5:7", "ema_slow=30,40")
SHARPE = (1.0, 0.5, 2.0, NAN, 0.2, 1.5)
DRAWDOWN = (0.1, 0.2, 0.3, 0.4, 0.5, 0.05)
CLOSED = (20, 20, 20, 20, 3, 20)  # the fifth has too few trades to be best
STABILITY = {"ratio": 0.8, "best_around": [2, 0, 3, 4], "centre_around": [0, 1, 2]}


def trial_set(*, grid=GRID, sharpe=SHARPE, drawdown=DRAWDOWN, closed=CLOSED, stored=None, **plan) -> TrialSet:
    """Return every combination of the grid as a trial, the last parameter changing fastest."""
    space = make_space("ema_rsi", grid)
    rows = as_rows(space.names, list(space.combinations({})))
    metrics = np.zeros((len(rows), len(METRIC_NAMES)))
    for name, values in (("sharpe", sharpe), ("max_drawdown", drawdown), ("closed_trades", closed)):
        metrics[:, METRIC_NAMES.index(name)] = values
    made = Trials(space.names, rows, metrics, np.empty((len(rows), 0), np.float32))
    return TrialSet(OptimisationPlan(space, min_trades=10, **plan), made, stored or {})


def two_objectives() -> TrialSet:
    return trial_set(method=SearchMethod.NSGA2, objectives=("sharpe", "max_drawdown"))


def with_stops() -> TrialSet:
    """Return trials whose first two parameters do not vary, so that a stop's three values share one cell."""
    grid = ("ema_fast=5", "ema_slow=30", "stop_loss=none,0.02,0.03")
    return trial_set(grid=grid, sharpe=(1.0, 4.0, 2.0), drawdown=(0.1, 0.3, 0.2), closed=20)


def numbers(table) -> list[int]:
    return [row["number"] for row in table["rows"]]


@pytest.mark.parametrize(
    ("query", "order"),
    [
        ({}, [3, 6, 1, 2, 4, 5]),  # best first; those that may not be best come last
        ({"sort": "-max_drawdown"}, [5, 4, 3, 2, 1, 6]),
        ({"sort": "max_drawdown"}, [6, 1, 2, 3, 4, 5]),
        ({"sort": "ema_slow"}, [1, 3, 5, 2, 4, 6]),
        ({"sort": "__class__"}, [3, 6, 1, 2, 4, 5]),
    ],
)
def test_a_table_is_sorted_by_any_column(query, order):
    assert numbers(trials.table(trial_set(), query)) == order


@pytest.mark.parametrize("sort", ["sharpe", "-sharpe"])
def test_an_undefined_metric_comes_last_either_way(sort):
    assert numbers(trials.table(trial_set(), {"sort": sort}))[-1] == 4


def test_a_heading_turns_its_order_round():
    heads = {head["name"]: head for head in trials.table(trial_set(), {"sort": "-sharpe"})["heads"]}
    assert (heads["sharpe"]["sort"], heads["sharpe"]["sorted"]) == ("sharpe", "descending")


def test_another_heading_sorts_by_its_largest_first():
    heads = {head["name"]: head for head in trials.table(trial_set(), {"sort": "-sharpe"})["heads"]}
    assert (heads["win_rate"]["sort"], heads["win_rate"]["sorted"]) == ("-win_rate", "")


@pytest.mark.parametrize(("text", "page"), [("2", 2), ("9", 2), ("0", 1), ("-1", 1), ("x", 1), ("²", 1), ("", 1)])
def test_a_page_is_within_the_table(monkeypatch, text, page):
    monkeypatch.setattr(trials, "PAGE_SIZE", 4)
    assert trials.table(trial_set(), {"p": text})["page"] == page


def test_the_last_page_has_the_rest(monkeypatch):
    monkeypatch.setattr(trials, "PAGE_SIZE", 4)
    assert numbers(trials.table(trial_set(), {"p": "2"})) == [4, 5]


def test_an_objective_is_the_first_metric_and_shown_once():
    shown = trial_set(objectives=("max_drawdown",)).metrics
    assert (shown[0], shown.count("max_drawdown")) == ("max_drawdown", 1)


def test_a_trial_with_too_few_trades_is_not_eligible():
    assert [trial_set().row(row)["is_eligible"] for row in range(6)] == [True, True, True, False, False, True]


def test_a_row_has_its_parameters_as_the_command_takes_them():
    assert with_stops().row(0)["parameters"] == "ema_fast=5 ema_slow=30 stop_loss=none"


def test_a_row_shows_off_for_a_limit_that_is_off():
    assert with_stops().row(0)["values"] == ["5", "30", "off"]


def test_a_row_has_its_metrics_as_text():
    assert trial_set().row(0)["figures"][:4] == ["1.00", "0.00%", "10.00%", "0.00"]


@pytest.mark.parametrize(("row", "marks"), [(2, ["best"]), (0, ["centre"]), (1, [])])
def test_the_best_and_the_robust_centre_are_marked(row, marks):
    assert trial_set(stored={"plateau": STABILITY}).marks(row) == marks


def test_trials_on_the_front_are_marked():
    assert [row for row in range(6) if "front" in two_objectives().marks(row)] == [2, 5]


def test_a_heat_map_has_a_cell_for_each_eligible_pair():
    cells = trials.heat_map(trial_set(), {})["cells"]
    assert cells == [[0, 0, 1.0, 1], [0, 1, 0.5, 1], [1, 0, 2.0, 1], [2, 1, 1.5, 1]]


@pytest.mark.parametrize(("statistic", "value"), [("best", 4.0), ("median", 2.0), ("worst", 1.0), ("nonsense", 4.0)])
def test_a_cell_joins_the_trials_that_differ_elsewhere(statistic, value):
    assert trials.heat_map(with_stops(), {"stat": statistic})["cells"] == [[0, 0, value, 3]]


@pytest.mark.parametrize(("statistic", "value"), [("best", 0.1), ("worst", 0.3)])
def test_the_best_drawdown_of_a_cell_is_the_smallest(statistic, value):
    heat = trials.heat_map(with_stops(), {"of": "max_drawdown", "stat": statistic})
    assert (heat["cells"][0][2], heat["low_is_good"]) == (value, True)


def test_a_heat_map_takes_the_parameters_asked_for():
    heat = trials.heat_map(with_stops(), {"x": "stop_loss", "y": "ema_slow"})
    assert (heat["x"], heat["y"], heat["xs"]) == ("stop_loss", "ema_slow", ["off", "0.02", "0.03"])


def test_a_heat_map_ignores_a_parameter_that_it_lacks():
    heat = trials.heat_map(trial_set(), {"x": "rsi_period", "y": "ema_fast", "of": "__class__"})
    assert (heat["x"], heat["y"], heat["measure"]) == ("ema_fast", "ema_slow", "sharpe")


def test_one_parameter_alone_is_both_axes():
    heat = trials.heat_map(trial_set(grid=("ema_fast=5:7",), sharpe=1, drawdown=0, closed=20), {})
    assert (heat["x"], heat["y"], len(heat["cells"])) == ("ema_fast", "ema_fast", 3)


def test_the_table_of_a_heat_map_begins_with_the_highest_value():
    rows = trials.heat_table(trials.heat_map(trial_set(), {}))["rows"]
    assert rows == [{"name": "40", "values": ["0.50", "", "1.50"]}, {"name": "30", "values": ["1.00", "2.00", ""]}]


def test_parallel_lines_are_the_eligible_trials_best_first():
    parallel = trials.parallel(trial_set())
    assert (parallel["numbers"], parallel["of"]) == ([3, 6, 1, 2], 6)


def test_a_parallel_line_has_its_parameters_then_its_metrics():
    parallel = trials.parallel(trial_set())
    assert parallel["lines"][0][: parallel["colour_by"] + 1] == [6.0, 30.0, 2.0]


def test_a_parallel_line_has_no_number_where_a_limit_is_off():
    lines = dict(zip((p := trials.parallel(with_stops()))["numbers"], p["lines"], strict=True))
    assert lines[1][2] is None


def test_many_lines_are_thinned_but_the_best_stay(monkeypatch):
    monkeypatch.setattr(trials, "MAX_LINES", 2)
    assert trials.parallel(trial_set())["numbers"] == [3, 6]


def test_one_objective_has_no_front():
    assert trials.front(trial_set()) is None


def test_the_front_has_the_trials_that_none_beats_in_both():
    assert trials.front(two_objectives())["front"] == [[2.0, 0.3, 3], [1.5, 0.05, 6]]


def test_the_points_beside_a_front_are_the_eligible_trials():
    assert [point[-1] for point in trials.front(two_objectives())["points"]] == [1, 2, 3, 6]


@pytest.mark.parametrize("stored", [{}, {"plateau": None}, {"plateau": {"ratio": None}}])
def test_too_few_trials_have_no_stability(stored):
    assert trials.stability(trial_set(stored=stored)) is None


def test_a_neighbourhood_leaves_out_trials_that_may_not_be_best():
    best = trials.stability(trial_set(stored={"plateau": STABILITY}))["groups"][0]
    assert (best["score"], best["around"], best["count"]) == (2.0, [1.0], 3)


def test_a_neighbourhood_has_its_median_and_worst():
    centre = trials.stability(trial_set(stored={"plateau": STABILITY}))["groups"][1]
    assert (centre["median"], centre["worst"]) == (1.25, 0.5)


def test_a_neighbourhood_without_eligible_trials_has_neither():
    alone = {"ratio": None, "best_around": [2, 3, 4], "centre_around": [2]}
    report = trials.stability(trial_set(stored={"plateau": alone}))
    assert (report["groups"][0]["median"], report["groups"][0]["worst"], report["same"]) == (None, None, True)


def test_a_slice_holds_the_other_parameters_fixed():
    fast, slow = trials.stability(trial_set(stored={"plateau": STABILITY}))["slices"]
    assert (fast["best"], fast["centre"]) == ([1.0, 2.0, None], [1.0, 2.0, None])
    assert (slow["best"], slow["centre"]) == ([2.0, None], [1.0, 0.5])


def test_a_slice_says_where_the_best_and_the_centre_are():
    fast = trials.stability(trial_set(stored={"plateau": STABILITY}))["slices"][0]
    assert (fast["best_at"], fast["centre_at"]) == ("6", "5")


def test_a_slice_along_one_parameter_finds_its_like_where_another_is_off():
    around = {"ratio": 1.0, "best_around": [0], "centre_around": [1]}
    report = trials.stability(
        trial_set(
            grid=("ema_fast=5:6", "stop_loss=none,0.02"), sharpe=(1, 2, 3, 4), drawdown=0, closed=20,
            stored={"plateau": around},
        )
    )  # fmt: skip
    assert (report["slices"][0]["best"], report["slices"][0]["centre"]) == ([1.0, 3.0], [2.0, 4.0])


def test_the_file_has_every_trial_under_a_heading():
    rows = trials.csv_rows(trial_set())
    assert (rows[0][:3], len(rows), rows[1][:3]) == (["trial", "ema_fast", "ema_slow"], 7, [1, "5.0", "30.0"])


def test_the_file_leaves_an_undefined_metric_empty():
    rows = trials.csv_rows(trial_set())
    assert rows[4][rows[0].index("sharpe")] == ""


@pytest.mark.parametrize(
    ("value", "shown", "typed"), [(None, "off", "none"), (NAN, "off", "none"), (0.02, "0.02", "0.02")]
)
def test_off_is_shown_as_off_and_typed_as_none(value, shown, typed):
    assert (trials.value_text(value), trials.plain(value)) == (shown, typed)


@pytest.mark.parametrize(
    ("name", "text"), [("cagr", "CAGR"), ("stop_loss", "Stop-loss"), ("profit_factor", "Profit factor")]
)
def test_a_label_is_short(name, text):
    assert trials.label(name) == text
