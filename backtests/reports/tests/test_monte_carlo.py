"""The report of a Monte Carlo run, from a small stored result."""

from __future__ import annotations

import numpy as np
import pytest

from backtests.models import MonteCarlo
from backtests.reports.monte_carlo import monte_carlo_report, stress_table
from backtests.runs.queue import pack

PERCENTILES = {"5": -0.2, "25": 0.0, "50": 0.1, "75": 0.2, "95": 0.456}
HISTOGRAM = {"edges": [-0.5, 0.0, 0.5], "counts": [0, 7]}


def simulated(method="shuffle", *, actual=None, worse=None, steps=24, **arrays) -> MonteCarlo:
    """Return a finished run, not stored."""
    return MonteCarlo(
        plan={"method": method, "ruin_level": 0.3},
        result={
            "percentiles": {
                "return": PERCENTILES, "drawdown": PERCENTILES, "underwater": dict.fromkeys(PERCENTILES, 1234)
            },
            "histograms": dict.fromkeys(("return", "drawdown", "underwater"), HISTOGRAM),
            "loss_probability": 0.125, "ruin_probability": 0.0042, "stress": [], "actual": actual, "worse": worse,
        },
        series=pack(fan_steps=np.arange(steps + 1), fan=np.linspace(1, 1.1, 5 * (steps + 1)).reshape(5, -1), **arrays),
    )  # fmt: skip


def cell(fee, slippage, total_return, **metrics) -> dict:
    figures = {"total_return": total_return, "sharpe": None, "max_drawdown": 0.0, **metrics}
    return {"fee_multiple": fee, "slippage_bps": slippage, "figures": figures}


def test_outcomes_have_their_percentiles_in_order():
    assert monte_carlo_report(simulated())["rows"][0]["values"] == ["-20.0%", "0.0%", "10.0%", "20.0%", "45.6%"]


@pytest.mark.parametrize(("method", "text"), [("shuffle", "1,234 trades"), ("block", "1,234 days")])
def test_time_under_water_counts_the_steps_of_the_method(method, text):
    assert monte_carlo_report(simulated(method))["rows"][2]["values"][0] == text


def test_probabilities_are_percentages():
    report = monte_carlo_report(simulated())
    assert (report["loss"], report["ruin"], report["ruin_level"]) == ("12.5%", "0.42%", "30%")


def test_the_chart_marks_the_equity_that_counts_as_ruin():
    assert monte_carlo_report(simulated())["charts"]["fan"]["ruin"] == 0.7


def test_an_outcome_stands_beside_the_real_one():
    row = monte_carlo_report(simulated(actual={"drawdown": 0.25}, worse={"drawdown": 0.4}))["rows"][1]
    assert (row["actual"], row["worse"]) == ("25.0%", "40% of the paths had a larger drawdown")


def test_an_older_result_has_no_real_outcome():
    row = monte_carlo_report(simulated())["rows"][0]
    assert (row["actual"], row["worse"]) == ("–", "")


def test_an_older_result_has_no_real_line():
    assert monte_carlo_report(simulated())["charts"]["fan"]["course"] == []


def test_the_real_line_is_drawn():
    run = simulated(course=np.array([1.0, 1.2345678]))
    assert monte_carlo_report(run)["charts"]["fan"]["course"] == [1.0, 1.23457]


def test_the_table_of_the_fan_has_about_a_dozen_steps():
    assert [row["step"] for row in monte_carlo_report(simulated(steps=24))["fan_rows"]] == list(range(0, 25, 2))


def test_the_table_of_a_short_fan_has_every_step():
    assert [row["step"] for row in monte_carlo_report(simulated(steps=3))["fan_rows"]] == [0, 1, 2, 3]


def test_empty_bins_are_left_out_of_the_table():
    assert monte_carlo_report(simulated())["histogram_rows"][0]["bins"] == [
        {"low": "0.0%", "high": "50.0%", "count": 7}
    ]


def test_a_stress_table_has_a_row_for_each_fee_in_rising_order():
    table = stress_table([cell(2.0, 5.0, 0.1), cell(1.0, 0.0, 0.2), cell(1.0, 5.0, 0.3), cell(2.0, 0.0, 0.4)])
    assert table["slippages"] == ["0", "5"]
    assert [(row["fee"], [one["text"] for one in row["cells"]]) for row in table["rows"]] == [
        ("1", ["20.00%", "30.00%"]),
        ("2", ["40.00%", "10.00%"]),
    ]


def test_a_stress_table_leaves_a_missing_pair_empty():
    table = stress_table([cell(1.0, 0.0, 0.1), cell(2.0, 5.0, 0.1)])
    assert table["rows"][0]["cells"][1]["text"] == ""


@pytest.mark.parametrize(
    ("total_return", "shade"),
    [(0.0, ""), (0.01, ""), (0.02, "up-1"), (-0.02, "down-1"), (0.5, "up-4"), (-0.9, "down-5")],
)
def test_a_stress_cell_is_shaded_by_its_return(total_return, shade):
    assert stress_table([cell(1.0, 0.0, total_return)])["rows"][0]["cells"][0]["shade"] == shade


def test_a_stress_cell_without_a_sharpe_ratio_says_so():
    assert stress_table([cell(1.0, 0.0, 0.1)])["rows"][0]["cells"][0]["sharpe"] == "–"
