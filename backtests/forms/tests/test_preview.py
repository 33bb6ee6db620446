"""What a form would run, told while it is filled in, from what is on record about the candles."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from backtests.forms.monte_carlo import MonteCarloForm
from backtests.forms.optimisation import OptimisationForm, WalkForwardForm
from backtests.forms.preview import FormPreview, form_preview
from backtests.forms.run import RunForm
from core.times import to_ms
from exchange.models import Dataset

pytestmark = pytest.mark.django_db
HOUR_MS = 3_600_000
START = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def candles():
    """Store the coverage of 100 days of hours, two of which are missing on the third day."""
    gap = to_ms(datetime(2024, 1, 3, tzinfo=UTC))
    Dataset.objects.create(
        symbol="BTCUSDT", interval="1h", rows=2398, missing=2, first_open_time=START,
        last_open_time=datetime(2024, 4, 9, 23, tzinfo=UTC), gaps=[[gap, gap + HOUR_MS]], data_hash="",
    )  # fmt: skip


def preview(kind=RunForm, **data) -> FormPreview:
    form = kind({"dataset": "BTCUSDT:1h", "strategy": "ema_rsi", "start": "", "end": "", **data})
    form.is_valid()
    return form_preview(form)


def ranges(**values) -> dict[str, str]:
    """Return the inputs of lists of values to try."""
    return {f"range__ema_rsi__{name}_list": text for name, text in values.items()}


def test_bars_that_are_missing_do_not_count():
    assert preview().lines == ["2,398 bars, 100 days"]


def test_bars_that_are_missing_are_a_warning():
    assert preview().warnings == ["2 bars are missing in this period; a gap is not a bar"]


def test_a_gap_that_is_cut_counts_in_part():
    assert preview(start="2024-01-03T01:00").warnings == ["1 bar is missing in this period; a gap is not a bar"]


@pytest.mark.parametrize("data", [{"start": "2024-01-03T02:00"}, {"end": "2024-01-03"}])
def test_a_gap_outside_the_period_is_no_warning(data):
    assert preview(**data).warnings == []


def test_a_period_is_cut_to_the_candles():
    assert preview(start="2020-01-01", end="2030-01-01").lines == ["2,398 bars, 100 days"]


@pytest.mark.parametrize("data", [{"dataset": ""}, {"dataset": "ETHUSDT:1h"}, {"start": "x"}, {"start": "2030-01-01"}])
def test_without_a_period_nothing_is_told(data):
    assert preview(**data) == FormPreview()


def test_a_hold_out_is_told():
    assert "the last 20% held out" in preview(OptimisationForm, hold_out="0.2").lines


def test_nothing_to_optimise_is_a_warning():
    assert "nothing to optimise yet: give at least one parameter a range" in preview(OptimisationForm).warnings


def test_combinations_are_counted_with_those_allowed():
    lists = ranges(ema_fast="5, 9", ema_slow="8, 20")
    assert "4 combinations, 3 allowed" in preview(OptimisationForm, method="grid", **lists).lines


def test_no_allowed_combination_is_a_warning():
    found = preview(OptimisationForm, **ranges(ema_fast="60, 90", ema_slow="20, 30"))
    assert any("widen the ranges" in line for line in found.warnings)


def test_a_space_that_is_too_large_is_a_warning():
    wide = {f"range__ema_rsi__{name}_{end}": text for name in ("ema_fast", "ema_slow", "rsi_period")
            for end, text in (("from", "2"), ("to", "200"))}  # fmt: skip
    found = preview(OptimisationForm, **wide)
    assert any("are the most" in line for line in found.warnings)


@pytest.mark.parametrize(("most", "trials"), [("3", 3), ("99", 4)])
def test_a_sampler_makes_no_more_trials_than_there_are(most, trials):
    lists = ranges(ema_fast="5, 6", ema_slow="30, 40")
    found = preview(OptimisationForm, method="tpe", max_trials=most, **lists)
    assert f"at most {trials} trials of them" in found.lines


def test_a_grid_makes_every_trial():
    found = preview(OptimisationForm, method="grid", max_trials="3", **ranges(ema_fast="5, 6"))
    assert not any("at most" in line for line in found.lines)


def test_windows_are_counted():
    found = preview(WalkForwardForm, train_days="60", test_days="20", **ranges(ema_fast="5, 6"))
    assert "2 windows" in found.lines


def test_windows_that_do_not_fit_are_a_warning():
    found = preview(WalkForwardForm, train_days="600", test_days="20", **ranges(ema_fast="5, 6"))
    assert any("too few" in line for line in found.warnings)


def test_windows_without_a_length_are_not_told():
    found = preview(WalkForwardForm, train_days="", test_days="20", **ranges(ema_fast="5, 6"))
    assert not any("windows" in line for line in found.lines)


def test_a_stress_grid_is_counted():
    form = MonteCarloForm({"fee_multiples": "1, 2", "slippages_bps": "0, 5, 10"})
    form.is_valid()
    assert form_preview(form).lines == ["6 cells of the stress grid"]
