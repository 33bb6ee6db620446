"""The filter of the list of results: what each field leaves in, and in which order."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from backtests.forms.results_filter import ResultsFilterForm
from backtests.models import Backtest, RunStatus

pytestmark = pytest.mark.django_db
COMMON: dict[str, Any] = {
    "settings": {}, "symbol_info": {}, "status": RunStatus.DONE, "result": {},
    "finished_at": datetime(2024, 5, 1, tzinfo=UTC),
}  # fmt: skip
A = {"symbol": "BTCUSDT", "interval": "1h", "strategy": "ema_rsi", "note": "First try", "total_return": 0.10,
     "sharpe": 1.5, "max_drawdown": 0.3, "closed_trades": 40}  # fmt: skip
B = {"symbol": "ETHUSDT", "interval": "4h", "strategy": "donchian", "note": "", "total_return": -0.05,
     "sharpe": None, "max_drawdown": 0.1, "closed_trades": 200}  # fmt: skip
C = {"symbol": "SOLUSDT", "interval": "1h", "strategy": "ema_rsi", "note": "", "total_return": 0.30,
     "sharpe": 0.5, "max_drawdown": 0.2, "closed_trades": 5}  # fmt: skip


@pytest.fixture(autouse=True)
def runs():
    """Store three results: of January, February and March."""
    for month, values in enumerate((A, B, C), 1):
        start, end = datetime(2024, month, 1, tzinfo=UTC), datetime(2024, month + 1, 1, tzinfo=UTC)
        Backtest.objects.create(**COMMON, **values, start_at=start, end_at=end)


def found(**query) -> str:
    """Return the initials of the results that are left, in their order."""
    rows = ResultsFilterForm(query).apply(Backtest.objects.order_by("symbol"))
    return "".join(row.symbol[0] for row in rows)


@pytest.mark.parametrize(
    ("words", "left"),
    [
        ("", "BES"),
        ("btc", "B"),
        ("1h", "BS"),
        ("donch", "E"),
        ("FIRST", "B"),
        ("1h ema", "BS"),
        ("btc 4h", ""),
        ("h", "E"),  # in ETHUSDT: an interval is matched whole
    ],
)
def test_every_word_must_be_found_somewhere(words, left):
    assert found(q=words) == left


@pytest.mark.parametrize(
    ("dates", "left"),
    [
        ({"start": "2024-02-01"}, "ES"),  # January ends where February begins
        ({"start": "2024-01-31"}, "BES"),
        ({"end": "2024-02-01"}, "BE"),
        ({"end": "2024-01-31"}, "B"),
        ({"start": "2024-02-10", "end": "2024-02-12"}, "E"),
    ],
)
def test_a_result_whose_period_overlaps_the_dates_is_left(dates, left):
    assert found(**dates) == left


@pytest.mark.parametrize(("least", "left"), [("10", "BS"), ("10.1", "S"), ("0", "BS"), ("-5", "BES")])
def test_a_minimum_return_is_in_percent(least, left):
    assert found(least_return=least) == left


def test_a_minimum_sharpe_leaves_out_results_without_one():
    assert found(least_sharpe="0") == "BS"


@pytest.mark.parametrize(("least", "left"), [("40", "BE"), ("41", "E")])
def test_a_minimum_of_trades_includes_itself(least, left):
    assert found(least_trades=least) == left


@pytest.mark.parametrize(
    ("sort", "order"), [("return", "SBE"), ("sharpe", "BSE"), ("drawdown", "ESB"), ("trades", "EBS"), ("newest", "SEB")]
)
def test_results_are_sorted_and_undefined_ones_last(sort, order):
    assert found(sort=sort) == order


def test_an_unknown_order_is_ignored():
    assert found(sort="__class__") == "BES"


@pytest.mark.parametrize("query", [{"start": "soon"}, {"least_return": "x"}, {"least_trades": "-1"}])
def test_a_field_that_cannot_be_read_filters_nothing(query):
    assert found(**query) == "BES"


def test_a_field_that_cannot_be_read_shows_its_error():
    form = ResultsFilterForm({"start": "soon"})
    form.apply(Backtest.objects.all())
    assert "start" in form.errors


@pytest.mark.parametrize(
    ("query", "is_filtering", "is_more"),
    [
        ({}, False, False),
        ({"sort": "return"}, False, True),
        ({"q": "btc"}, True, False),
        ({"least_trades": "0"}, True, True),
        ({"start": "soon"}, False, True),
    ],
)
def test_a_form_knows_whether_it_filters(query, is_filtering, is_more):
    form = ResultsFilterForm(query)
    form.is_valid()
    assert (form.is_filtering, form.is_filtering_more) == (is_filtering, is_more)
