"""The report of a backtest, which the pages of other runs show too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backtests.engine.metrics import DEFINITIONS
from backtests.models import Run
from backtests.reports.backtest import breakdowns, calendar
from backtests.reports.backtest.trades import TradeQuery, closed_trades, trade_table
from backtests.reports.formats import KEY_METRICS, day_text, label, metric_text
from backtests.runs.history import DrawdownRow, History, history_of
from core.formats import duration


def backtest_report(run: Run, result: Mapping[str, Any], query: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return all values of the report."""
    history, trades, metrics = history_of(run, result), closed_trades(result), result["metrics"]
    rolling, spread = calendar.rolling_sharpe(history), breakdowns.distribution(trades)
    return {
        "key_metrics": [_metric(name, metrics, history) for name in KEY_METRICS],
        "metrics": [_metric(name, metrics, history) for name in _all_names(metrics)],
        "trade_statistics": breakdowns.trade_statistics(trades),
        "quote": run.symbol_info.get("quoteAsset", ""),
        "months": calendar.month_table(history),
        "month_ends": calendar.month_ends(history),
        "drawdowns": [_drawdown(drawdown, history) for drawdown in _notable(history.drawdowns)],
        "longest_drawdown": _drawdown(history.longest, history) if history.longest else None,
        "rolling": rolling,
        "distribution": spread,
        "groups": breakdowns.groups(result),
        "costs": breakdowns.costs(trades, history.slippage),
        "concentration": breakdowns.concentration(trades),
        "rejections": [(label(gate), count) for gate, count in sorted(result["rejections"].items())],
        "trades": trade_table(result, TradeQuery.read(query or {})),
        "closed_count": len(trades),
        "is_whole": history.has_daily_values,
        "charts": {
            "equity": equity_rows(history),
            "rolling": rolling["points"] if rolling else [],
            "distribution": spread["bins"] if spread else [],
        },
    }


def _all_names(metrics: Mapping[str, Any]) -> list[str]:
    """Return the metrics in the order of their definitions: a JSON column does not keep its own."""
    return [name for name in DEFINITIONS if name in metrics and name != "buy_and_hold_return"]


def _metric(name: str, metrics: Mapping[str, Any], history: History) -> dict[str, Any]:
    """Return a metric beside that of buy and hold, where there is one."""
    value, buy_and_hold = metrics.get(name), history.buy_and_hold.get(name)
    return {
        "name": name,
        "label": label(name),
        "value": metric_text(name, value),
        "meaning": DEFINITIONS[name],
        "buy_and_hold": None if buy_and_hold is None else metric_text(name, buy_and_hold),
        "tone": _tone(name, value),
    }


def _tone(name: str, value: Any) -> str:
    """Return gain or loss for metrics whose sign tells it."""
    if value is None or name not in ("total_return", "cagr", "sharpe", "sortino", "calmar", "expectancy"):
        return ""
    return "gain" if float(value) > 0 else "loss" if float(value) < 0 else ""


def _notable(drawdowns: tuple[DrawdownRow, ...]) -> list[DrawdownRow]:
    """Return the drawdowns that are not negligible beside the deepest."""
    return [drawdown for drawdown in drawdowns if drawdown.depth >= drawdowns[0].depth / 20]


def _drawdown(drawdown: DrawdownRow, history: History) -> dict[str, Any]:
    end = int(history.times[-1]) if drawdown.end_ms is None else drawdown.end_ms
    return {
        "depth": f"{drawdown.depth:.1%}",
        "peak": day_text(drawdown.peak_ms),
        "low": day_text(drawdown.low_ms),
        "end": None if drawdown.end_ms is None else day_text(drawdown.end_ms),
        "length": duration((end - drawdown.peak_ms) / 1000),
    }


def equity_rows(history: History) -> list[list[float | None]]:
    """Return [seconds, equity, drawdown, buy and hold] for the chart."""
    buy_and_hold = history.held.tolist() or [None] * len(history.times)
    rows = zip(
        (history.times // 1000).tolist(), history.equity.tolist(), history.drawdown.tolist(), buy_and_hold, strict=True
    )
    return [
        [time, round(equity, 4), round(drawdown, 5), None if held is None else round(held, 4)]
        for time, equity, drawdown, held in rows
    ]
