"""Results and decisions as pandas DataFrames with UTC indexes, for reports, notebooks and `manage.py shell`.

pandas takes a second to load: code of the site imports this module where it needs a frame, not at the top.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from backtests.errors import RunError
from backtests.models import Optimisation, Run
from backtests.runs.history import History, history_of
from bots.models import BotConfig, Decision

TRADE_NUMBERS = ("entry_price", "quantity", "exit_price", "fees", "net_pnl")
DECISION_FIELDS = ("bar", "version__number", "action", "signal", "reason", "close", "quantity", "equity", "decided_at")


def trades_frame(run: Run) -> pd.DataFrame:
    """Return the trades of a finished run, by entry time; an open trade comes last, without an exit.

    Prices and amounts are floats: the exact digits are in the result's JSON and in the trades' CSV.
    """
    return trades_of(_result_of(run))


def equity_frame(run: Run) -> pd.DataFrame:
    """Return equity, close, buy and hold, daily return and drawdown of a finished run, by UTC day."""
    return days_of(history_of(run, _result_of(run)))


def decisions_frame(bot: BotConfig, since: datetime | None = None) -> pd.DataFrame:
    """Return a bot's decisions by the open time of their bar, with a column for each indicator value."""
    decisions = Decision.objects.filter(bot=bot).order_by("bar")
    if since is not None:
        decisions = decisions.filter(bar__gte=since)
    rows = list(decisions.values_list(*DECISION_FIELDS, "values"))
    frame = pd.DataFrame([row[:-1] for row in rows], columns=list(DECISION_FIELDS))
    frame = frame.rename(columns={"version__number": "version"})
    for column in ("bar", "decided_at"):
        frame[column] = pd.to_datetime(frame[column], utc=True)
    for column in ("close", "quantity", "equity"):
        frame[column] = frame[column].astype(float)
    values = pd.DataFrame([row[-1] for row in rows], index=frame.index, dtype=float)
    values.columns = [f"{name}_indicator" if name in frame else name for name in values.columns]
    return frame.join(values).set_index("bar")


def write_frame(frame: pd.DataFrame, path: Path | str) -> None:
    """Write a frame as CSV or Parquet, by the file's suffix. Times stay in UTC."""
    path = Path(path)
    match path.suffix:
        case ".csv":
            frame.to_csv(path, date_format="%Y-%m-%dT%H:%M:%SZ")
        case ".parquet":
            frame.to_parquet(path)
        case other:
            raise RunError(f"A frame can be written as .csv or .parquet, not {other!r}.")


def trades_of(result: Mapping[str, Any]) -> pd.DataFrame:
    """Return the trades of an engine result, as `trades_frame` does."""
    names = ["entry_time", "entry_price", "quantity", "exit_time", "exit_price", "exit_reason", "fees", "net_pnl"]
    frame = pd.DataFrame([[trade[name] for name in names] for trade in result["trades"]], columns=names)
    for name in ("entry_time", "exit_time"):
        frame[name] = pd.to_datetime(frame[name], unit="ms", utc=True)
    for name in TRADE_NUMBERS:
        frame[name] = frame[name].astype(float)
    frame["return"] = frame["net_pnl"].where(frame["exit_time"].notna()) / (frame["entry_price"] * frame["quantity"])
    return frame.set_index("entry_time")


def days_of(history: History) -> pd.DataFrame:
    """Return the days of stored series, as `equity_frame` does. Older results have no close."""
    index = pd.to_datetime(history.day, unit="D", utc=True).rename("day")
    frame = pd.DataFrame({"equity": history.day_equity}, index=index)
    frame["close"] = history.day_close if len(history.day_close) else np.nan
    frame["buy_and_hold"] = frame["close"] / history.first_close * history.capital if history.first_close else np.nan
    frame["return"] = frame["equity"].pct_change()
    frame["drawdown"] = 1 - frame["equity"] / frame["equity"].cummax().clip(lower=history.capital)
    return frame


def _result_of(run: Run) -> Mapping[str, Any]:
    """Return the engine's result of a run: of an optimisation that of its best trial."""
    result: Mapping[str, Any] | None = run.result
    if isinstance(run, Optimisation) and result is not None:
        result = result["run"]
    if result is None or "trades" not in result:
        raise RunError(f"{run} has no trades: only a finished backtest or optimisation has.")
    return result
