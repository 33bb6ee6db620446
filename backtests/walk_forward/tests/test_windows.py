"""Walk-forward: windows as published, out-of-sample results stitched by hand."""

import json

import numpy as np
import pytest

from backtests.engine.result import Segment
from backtests.walk_forward.windows import (
    WindowChoice,
    efficiency,
    run_window,
    stability,
    stitch,
    summarise,
    windows,
)
from core.errors import UserError


def segment(*equity, days=365.0, trades=0):
    return Segment(np.array(equity, dtype=float), days, trades)


def walk_forward(plan, search, trade, ranges):
    return summarise([run_window(window, search, trade) for window in plan], ranges)


def test_windows_are_the_published_ones(shared_data):
    cases = json.loads((shared_data.parent / "reference" / "overfitting" / "splits.json").read_text())["walk_forward"]
    for case in cases:
        found = windows(
            case["n"],
            case["train"],
            case["test"],
            anchored=case.get("anchored", False),
            keep_short_last=case.get("keep_short_last_test", False),
        )
        assert [{"train": list(w.train), "test": list(w.test)} for w in found] == case["folds"], case["id"]


def test_test_windows_follow_each_other_without_hole_or_overlap():
    for anchored in (False, True):
        found = windows(1003, 200, 90, anchored=anchored)
        tested = [row for window in found for row in window.test]
        assert tested == list(range(200, 1003))
        assert all(window.train.stop == window.test.start for window in found)


def test_a_short_last_window_is_left_out_on_request():
    assert windows(25, 10, 10, keep_short_last=False)[-1].test == range(10, 20)
    assert windows(25, 10, 10)[-1].test == range(20, 25)


@pytest.mark.parametrize("arguments", [(5, 6, 1), (10, 0, 1), (10, 4, 0), (4, 4, 1)])
def test_windows_that_do_not_fit_are_refused(arguments):
    with pytest.raises(UserError, match="bar"):
        windows(*arguments)


def test_each_segment_begins_with_what_the_last_ended_with():
    assert stitch([segment(1.1, 1.2), segment(0.5, 1.5), segment(2.0)]) == pytest.approx([1.1, 1.2, 0.6, 1.8, 3.6])


def test_the_search_sees_no_out_of_sample_row():
    rows = np.arange(100.0)
    seen = []

    def search(first, stop):
        seen.append(rows[first:stop].max())
        return WindowChoice({"p": rows[first:stop].max()}, 1.0, segment(1.2), trials=4)

    def trade(parameters, first, stop):
        assert parameters["p"] == first - 1
        return segment(*np.linspace(1.0, 1.1, stop - first))

    found = walk_forward(windows(100, 40, 20), search, trade, {"p": (0, 100)})
    assert seen == [39, 59, 79]
    assert len(found.equity) == 60
    assert found.out_of_sample_return == pytest.approx(1.1**3 - 1)
    assert found.trials == 12
    assert found.profitable_windows == 1.0


def test_a_window_without_a_choice_trades_nothing():
    choices = iter([None, WindowChoice({"p": 3.0}, 1.0, segment(2.0), trials=5)])
    found = walk_forward(windows(30, 10, 10), lambda first, stop: next(choices), lambda *_: segment(1.5), {"p": (1, 5)})
    assert found.equity[:10].tolist() == [1.0] * 10
    assert found.out_of_sample_return == pytest.approx(0.5)
    assert found.profitable_windows == 1.0
    assert found.stability["p"].values == (3.0,)


def test_efficiency_is_the_out_of_sample_share_of_the_return():
    def step(inside, outside):
        return walk_forward(
            windows(2, 1, 1), lambda *_: WindowChoice({}, 1.0, inside, trials=1), lambda *_: outside, {}
        ).steps[0]

    half = [step(segment(1.2, days=365), segment(1.1, days=365))]
    assert efficiency(half) == pytest.approx(0.5)
    quarter_year = [step(segment(1.2, days=365), segment(1.2**0.25, days=91.25))]
    assert efficiency(quarter_year) == pytest.approx(1.0)
    assert efficiency([step(segment(0.9), segment(1.1))]) is None


def test_stability_is_one_for_equal_choices_and_none_for_one_choice():
    assert stability([7, 7, 7], 5, 25).stability == 1.0
    assert stability([5, 25, 5, 25], 5, 25).stability == 0.0
    assert 0.7 < stability([10, 11, 12, 13], 5, 25).stability < 1.0
    assert stability([7], 5, 25).stability is None
    assert stability([], 5, 25).stability is None
