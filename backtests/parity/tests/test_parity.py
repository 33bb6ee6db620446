"""The backtest is the bot: the live runner on the paper exchange takes the engine's trades from the same candles."""

from __future__ import annotations

from pathlib import Path

import pytest

from backtests.parity.tests.matrix import PAIRWISE, Case, matrix, run_both

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.timeout(900)]


def assert_equal(case: Case, data: Path) -> None:
    replayed, tested = run_both(case, data)
    assert len(tested.closed_trades) >= 3
    for mine, theirs in zip(tested.trades, replayed.trades, strict=True):
        assert mine.to_json() == theirs.to_json()
    assert tested.to_json() == replayed.to_json()


@pytest.mark.parametrize("case", PAIRWISE, ids=str)
def test_the_live_bot_takes_the_trades_of_the_backtest(case, shared_data):
    assert_equal(case, shared_data)


@pytest.mark.parity
@pytest.mark.parametrize("case", list(matrix()), ids=str)
def test_the_live_bot_takes_the_trades_of_the_backtest_in_every_case(case, shared_data):
    assert_equal(case, shared_data)
