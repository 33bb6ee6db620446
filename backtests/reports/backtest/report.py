"""What a backtest's page shows, and what every run of the engine shows on other pages: put together from its parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backtests.engine.metrics import DEFINITIONS
from backtests.models import Run
from backtests.reports.backtest import breakdowns, calendar
from backtests.reports.backtest.history import FallRow, History, history_of
from backtests.reports.backtest.trades import TradeQuery, closed_trades, trade_table
from backtests.reports.formats import KEY_FIGURES, day_text, figure, label, span_text


def backtest_report(run: Run, result: Mapping[str, Any], query: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Everything of one run of the engine: also of a search's best."""
    history, trades, metrics = history_of(run, result), closed_trades(result), result["metrics"]
    rolling, spread = calendar.rolling_sharpe(history), breakdowns.distribution(trades)
    return {
        "key_figures": [_measure(name, metrics, history) for name in KEY_FIGURES],
        "measures": [_measure(name, metrics, history) for name in _all_names(metrics)],
        "more_figures": breakdowns.more_figures(trades),
        "quote": run.symbol_info.get("quoteAsset", ""),
        "months": calendar.month_table(history),
        "month_ends": calendar.month_ends(history),
        "falls": [_fall(fall, history) for fall in _worth_telling(history.falls)],
        "longest_fall": _fall(history.longest, history) if history.longest else None,
        "rolling": rolling,
        "distribution": spread,
        "groups": breakdowns.groups(trades),
        "costs": breakdowns.costs(trades, history.slippage),
        "concentration": breakdowns.concentration(trades),
        "rejections": [(label(gate), count) for gate, count in sorted(result["rejections"].items())],
        "trades": trade_table(result, TradeQuery.read(query or {})),
        "closed_count": len(trades),
        "is_whole": history.is_whole,
        "charts": {
            "equity": equity_rows(history),
            "rolling": rolling["points"] if rolling else [],
            "distribution": spread["bins"] if spread else [],
        },
    }


def _all_names(metrics: Mapping[str, Any]) -> list[str]:
    """In the order of their definitions: a JSON column does not keep its own."""
    return [name for name in DEFINITIONS if name in metrics and name != "buy_and_hold_return"]


def _measure(name: str, metrics: Mapping[str, Any], history: History) -> dict[str, Any]:
    """A measure beside buy and hold's, where that has one."""
    value, held = metrics.get(name), history.hold.get(name)
    return {
        "name": name,
        "label": label(name),
        "value": figure(name, value),
        "meaning": DEFINITIONS[name],
        "hold": None if held is None else figure(name, held),
        "tone": _tone(name, value),
    }


def _tone(name: str, value: Any) -> str:
    """Gain or loss, for measures whose sign says so."""
    if value is None or name not in ("total_return", "cagr", "sharpe", "sortino", "calmar", "expectancy"):
        return ""
    return "gain" if float(value) > 0 else "loss" if float(value) < 0 else ""


def _worth_telling(falls: tuple[FallRow, ...]) -> list[FallRow]:
    """Deepest first, without those that are nothing beside the deepest."""
    return [fall for fall in falls if fall.depth >= falls[0].depth / 20]


def _fall(fall: FallRow, history: History) -> dict[str, Any]:
    end = int(history.times[-1]) if fall.end_ms is None else fall.end_ms
    return {
        "depth": f"{fall.depth:.1%}",
        "peak": day_text(fall.peak_ms),
        "low": day_text(fall.low_ms),
        "end": None if fall.end_ms is None else day_text(fall.end_ms),
        "length": span_text(end - fall.peak_ms),
    }


def equity_rows(history: History) -> list[list[float | None]]:
    """[seconds, equity, drawdown, buy and hold] for the chart."""
    held = history.held.tolist() or [None] * len(history.times)
    rows = zip((history.times // 1000).tolist(), history.equity.tolist(), history.drawdown.tolist(), held, strict=True)
    return [
        [time, round(equity, 4), round(fall, 5), None if hold is None else round(hold, 4)]
        for time, equity, fall, hold in rows
    ]
