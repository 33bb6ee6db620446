"""The report of a walk-forward, from a stored result of two windows."""

from __future__ import annotations

import numpy as np
import pytest

from backtests.models import WalkForward
from backtests.reports.walk_forward import walk_forward_report
from backtests.runs.queue import pack

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def window(number=0, *, growth=1.1, chosen=None, inside=None, score=1.5) -> dict:
    return {
        "window": {"number": number}, "parameters": chosen, "train_from": 0, "test_from": 30 * DAY_MS,
        "test_to": 40 * DAY_MS - HOUR_MS, "inside": inside, "score": score, "growth": growth, "trials": 12,
        "outside": {"figures": {"sharpe": 0.5, "max_drawdown": 0.25}, "trades": 4},
    }  # fmt: skip


def report(*windows, **result) -> dict:
    run = WalkForward(
        interval="1h", strategy="ema_rsi", settings={},
        plan={"grid": ["ema_fast=5:9", "stop_loss=none,0.02"], "train_days": 30, "test_days": 10, "anchored": False},
        series=pack(times=np.array([0, 1000]), equity=np.array([1.0, 1.1])),
        result={
            "windows": list(windows), "out_of_sample_return": 0.1234, "efficiency": 0.456, "profitable_windows": 0.5,
            "trials": 2400, "stability": {}, **result,
        },
    )  # fmt: skip
    return walk_forward_report(run)


def stability_of(value) -> dict:
    return report(stability={"ema_fast": {"stability": value, "mean": 7.0, "deviation": 1.25}})["parameters"][0]


def test_a_window_is_numbered_from_1():
    assert [one["number"] for one in report(window(0), window(1))["windows"]] == [1, 2]


def test_a_window_ends_with_the_close_of_its_last_bar():
    assert report(window())["windows"][0]["traded_to"] == "1970-02-10"


def test_a_window_names_what_it_chose():
    (one,) = report(window(chosen={"ema_fast": 7.0, "stop_loss": None}))["windows"]
    assert (one["values"], one["chosen"]) == (["7", "off"], "Fast EMA 7, Stop-loss off")


def test_a_window_that_chose_nothing_says_so():
    (one,) = report(window(chosen=None, score=None))["windows"]
    assert (one["values"], one["chosen"], one["score"]) == (["–", "–"], "", "–")


@pytest.mark.parametrize(
    ("growth", "gain", "tone"), [(1.1, "+10.0%", "gain"), (0.9, "-10.0%", "loss"), (1.0, "+0.0%", "")]
)
def test_a_window_has_its_gain_and_tone(growth, gain, tone):
    (one,) = report(window(growth=growth))["windows"]
    assert (one["gain"], one["tone"]) == (gain, tone)


def test_a_window_has_its_gain_in_sample_too():
    assert report(window(inside={"growth": 1.5}))["windows"][0]["inside_gain"] == "+50.0%"


def test_a_window_of_an_older_result_has_no_gain_in_sample():
    assert report(window())["windows"][0]["inside_gain"] == "–"


def test_the_summary_has_return_efficiency_share_and_trials():
    assert [row["value"] for row in report(window())["summary"]] == ["12.34%", "46%", "50%", "2,400"]


def test_an_efficiency_that_is_not_defined_is_a_dash():
    assert report(efficiency=None)["summary"][1]["value"] == "–"


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.5, "steady"), (0.49, "wanders"), (0.1, "wanders"), (0.09, "like chance"), (None, "not measured")],
)
def test_stability_is_in_words(value, words):
    assert stability_of(value)["words"] == words


def test_stability_has_its_mean_and_deviation():
    row = stability_of(0.5)
    assert (row["mean"], row["deviation"]) == ("7", "1.25")


def test_a_parameter_that_was_never_measured_has_dashes():
    row = report()["parameters"][1]
    assert (row["stability"], row["mean"], row["deviation"]) == ("–", "–", "–")


def test_the_chart_of_a_parameter_has_its_choice_in_each_window():
    windows = (window(0, chosen={"ema_fast": 7.0, "stop_loss": None}), window(1, chosen=None))
    lines = report(*windows)["charts"]["parameters"]
    assert [line["values"] for line in lines] == [[7.0, None], [None, None]]


def test_the_chart_of_a_parameter_has_its_bounds():
    line = report()["charts"]["parameters"][0]
    assert (line["low"], line["high"]) == (5.0, 9.0)
