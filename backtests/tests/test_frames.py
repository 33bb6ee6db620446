"""Results and decisions as DataFrames: numbers small enough to check by hand."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtests.errors import RunError
from backtests.frames import decisions_frame, equity_frame, trades_frame, write_frame
from backtests.models import Backtest, Optimisation, WalkForward
from backtests.runs import queue
from backtests.runs.inputs import RunRequest
from backtests.runs.queue import pack
from bots.models import BotConfig, Decision

HOUR_MS = 3_600_000
START_MS = 1_704_067_200_000  # 2024-01-01
FIRST_DAY = START_MS // 86_400_000


def trade(hour: int, exit_hour: int | None, net: str) -> dict:
    is_open = exit_hour is None
    return {
        "entry_time": START_MS + hour * HOUR_MS,
        "entry_price": "100",
        "quantity": "2",
        "exit_time": None if is_open else START_MS + exit_hour * HOUR_MS,
        "exit_price": None if is_open else "110",
        "exit_reason": None if is_open else "signal",
        "fees": "0.4",
        "net_pnl": net,
    }


def result(*trades: dict) -> dict:
    return {
        "trades": list(trades),
        "parameters": {"initial_capital": "1000"},
        "metrics": {"buy_and_hold_return": 0.1},
        "rejections": {},
    }


@pytest.fixture
def backtest() -> Backtest:
    series = pack(
        day=np.array([FIRST_DAY, FIRST_DAY + 1, FIRST_DAY + 2]),
        day_equity=np.array([1100.0, 990.0, 1210.0]),
        day_close=np.array([20.0, 10.0, 40.0]),
        first_close=np.array([10.0]),
    )
    return Backtest(result=result(trade(1, 3, "20"), trade(5, None, "-200.4")), series=series)


def test_trades_are_indexed_by_their_entry_in_utc(backtest):
    assert trades_frame(backtest).index[0] == pd.Timestamp("2024-01-01T01:00Z")


def test_exits_are_times_in_utc(backtest):
    assert trades_frame(backtest)["exit_time"].iloc[0] == pd.Timestamp("2024-01-01T03:00Z")


def test_a_trades_return_is_its_profit_over_its_cost(backtest):
    assert trades_frame(backtest)["return"].iloc[0] == pytest.approx(0.1)


def test_an_open_trade_has_no_exit(backtest):
    assert trades_frame(backtest).iloc[1][["exit_time", "exit_price", "exit_reason", "return"]].isna().all()


def test_prices_and_amounts_are_floats(backtest):
    numbers = trades_frame(backtest)[["entry_price", "quantity", "exit_price", "fees", "net_pnl"]]
    assert set(numbers.dtypes) == {np.dtype(np.float64)}


def test_a_run_without_trades_has_an_empty_frame_of_the_same_columns(backtest):
    empty = trades_frame(Backtest(result=result()))
    assert (len(empty), list(empty.columns)) == (0, list(trades_frame(backtest).columns))


def test_an_optimisations_trades_are_those_of_its_best_trial():
    best = Optimisation(result={"run": result(trade(1, 3, "20"))})
    assert trades_frame(best)["net_pnl"].tolist() == [20.0]


def test_an_unfinished_run_has_no_trades():
    with pytest.raises(RunError, match="has no trades"):
        trades_frame(Backtest())


def test_a_walk_forward_has_no_trades():
    with pytest.raises(RunError, match="has no trades"):
        trades_frame(WalkForward(result={"windows": []}))


def test_equity_is_indexed_by_day_in_utc(backtest):
    assert equity_frame(backtest).index.tolist() == list(pd.date_range("2024-01-01", periods=3, tz="UTC"))


def test_buy_and_hold_is_the_capital_bought_at_the_first_close(backtest):
    assert equity_frame(backtest)["buy_and_hold"].tolist() == [2000.0, 1000.0, 4000.0]


def test_daily_returns_begin_with_the_second_day(backtest):
    returns = equity_frame(backtest)["return"]
    assert np.isnan(returns.iloc[0])
    assert returns.iloc[1:].tolist() == pytest.approx([-0.1, 2 / 9])


def test_drawdown_is_the_fall_from_the_peak_so_far(backtest):
    assert equity_frame(backtest)["drawdown"].tolist() == pytest.approx([0.0, 0.1, 0.0])


def test_the_starting_capital_is_a_peak(backtest):
    backtest.series = pack(
        day=np.array([FIRST_DAY]),
        day_equity=np.array([900.0]),
        day_close=np.array([1.0]),
        first_close=np.array([1.0]),
    )
    assert equity_frame(backtest)["drawdown"].tolist() == pytest.approx([0.1])


@pytest.mark.parametrize("name", ["trades.csv", "trades.parquet"])
def test_a_written_frame_is_read_back_with_its_times(backtest, tmp_path, name):
    path = tmp_path / name
    write_frame(trades_frame(backtest), path)
    read = (
        pd.read_csv(path, parse_dates=["entry_time"]) if name.endswith("csv") else pd.read_parquet(path).reset_index()
    )
    assert read["entry_time"].iloc[0] == pd.Timestamp("2024-01-01T01:00Z")


def test_another_kind_of_file_is_refused(backtest, tmp_path):
    with pytest.raises(RunError, match=r"\.csv or \.parquet"):
        write_frame(trades_frame(backtest), tmp_path / "trades.xlsx")


@pytest.fixture
def decided(bot: BotConfig) -> BotConfig:
    version = bot.versions.get()
    for hour in range(3):
        bar = datetime(2024, 1, 1, hour, tzinfo=UTC)
        Decision.objects.create(
            bot=bot,
            version=version,
            bar=bar,
            action="wait",
            close=100.0 + hour,
            values={"rsi": 50.0 + hour},
            quantity=Decimal("0.5"),
            equity=1000.0,
            decided_at=bar + timedelta(hours=1),
        )
    return bot


def test_decisions_are_indexed_by_their_bar_oldest_first(decided):
    assert decisions_frame(decided).index.tolist() == list(pd.date_range("2024-01-01", periods=3, freq="h", tz="UTC"))


def test_decisions_begin_with_a_given_bar(decided):
    assert len(decisions_frame(decided, since=datetime(2024, 1, 1, 1, tzinfo=UTC))) == 2


def test_indicators_of_a_decision_are_columns(decided):
    assert decisions_frame(decided)["rsi"].tolist() == [50.0, 51.0, 52.0]


def test_a_bot_without_decisions_has_an_empty_frame(bot):
    assert len(decisions_frame(bot)) == 0


def test_the_worked_example_of_the_documents_runs(bot, tmp_path, monkeypatch, capsys):
    run = queue.new_backtest(RunRequest("BTCUSDT", "1h", {}))
    queue.execute_backtest(run)
    BotConfig.objects.filter(pk=bot.pk).update(name="btc")
    monkeypatch.chdir(tmp_path)
    document = Path(__file__).parents[2] / "docs" / "analysis.md"
    _, *examples = re.findall(r"```python\n(.*?)```", document.read_text(), re.DOTALL)
    for example in examples:
        exec(compile(example, "analysis.md", "exec"), {})
    assert (tmp_path / "trades.parquet").is_file()
