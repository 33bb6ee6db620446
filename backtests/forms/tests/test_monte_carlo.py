"""The form of a Monte Carlo run: what it stores as the plan, and what it refuses."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from backtests.forms.monte_carlo import MonteCarloForm
from backtests.models import Backtest, RunStatus

pytestmark = pytest.mark.django_db
TYPED = {
    "method": "block", "paths": "300", "mean_block": "5", "skip_probability": "20 %", "ruin_level": "30 %",
    "fee_multiples": "1, 4", "slippages_bps": "0, 7.5", "seed": "2",
}  # fmt: skip


def backtest(status=RunStatus.DONE) -> Backtest:
    done = {"result": {}, "finished_at": datetime(2024, 5, 1, tzinfo=UTC)} if status == RunStatus.DONE else {}
    return Backtest.objects.create(
        symbol="BTCUSDT", interval="1h", strategy="ema_rsi", settings={}, symbol_info={}, status=status,
        start_at=datetime(2024, 1, 1, tzinfo=UTC), end_at=datetime(2024, 2, 1, tzinfo=UTC), **done,
    )  # fmt: skip


def form(run=None, **changes) -> MonteCarloForm:
    return MonteCarloForm({"backtest": (run or backtest()).pk, **TYPED, **changes})


def test_the_plan_has_numbers_and_fractions():
    typed = form()
    assert typed.is_valid(), typed.errors
    assert typed.plan() == {
        "method": "block", "paths": 300, "mean_block": 5.0, "skip_probability": 0.2, "ruin_level": 0.3,
        "fee_multiples": [1, 4], "slippages_bps": [0, 7.5],
    }  # fmt: skip


@pytest.mark.parametrize("status", [RunStatus.QUEUED, RunStatus.FAILED])
def test_only_a_finished_backtest_can_be_chosen(status):
    assert "backtest" in form(backtest(status)).errors


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("method", "nonsense"),
        ("paths", "0"),
        ("paths", "1000001"),
        ("mean_block", "0.5"),
        ("skip_probability", "100 %"),
        ("ruin_level", "0 %"),
        ("fee_multiples", "one"),
        ("seed", "-1"),
    ],
)
def test_a_value_out_of_bounds_is_refused_at_its_field(name, value):
    assert list(form(**{name: value}).errors) == [name]


def test_every_field_is_in_a_group():
    shown = [bound.name for group in form().groups() for bound in group.fields]
    assert sorted(shown) == sorted(MonteCarloForm.base_fields)
