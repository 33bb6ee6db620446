"""What the pages of results show, as plain values: figures, tables, thinned series. Nothing is measured anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from backtests import runs, searches
from backtests.fields import FIELDS
from backtests.metrics import DEFINITIONS
from backtests.models import Backtest, MonteCarlo, Optimisation, Run, WalkForward
from bots.models import BotConfig
from bots.params import parameter_values

KEY_FIGURES = ("total_return", "cagr", "sharpe", "max_drawdown", "calmar", "profit_factor", "win_rate", "closed_trades")
PERCENT = frozenset({"total_return", "cagr", "max_drawdown", "win_rate", "exposure", "buy_and_hold_return"})
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MOST_TRADES = 500
# Named here because a JSON column does not keep the order of keys.
STRESS_FIGURES = ("total_return", "sharpe", "max_drawdown", "closed_trades")
PERCENTILES = ("5", "25", "50", "75", "95")


def settings_of(bot: BotConfig) -> dict[str, str]:
    """A bot's settings as a run takes them, decimals as text, unset ones left out."""
    values = {name: getattr(bot, name) for name in FIELDS if hasattr(bot, name)} | parameter_values(bot)
    texts = {name: _text(value) for name, value in values.items() if value is not None and value != ""}
    return {"strategy": bot.strategy, **texts}


def _text(value: Any) -> str:
    text = str(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def figure(name: str, value: Any) -> str:
    """A measure as people read it."""
    if value is None:
        return "–"
    number = float(value)
    if name in PERCENT:
        return f"{number:.2%}"
    return f"{number:,.0f}" if name == "closed_trades" else f"{number:,.2f}"


def figures(metrics: Mapping[str, Any], names: Sequence[str] = KEY_FIGURES) -> list[dict[str, str]]:
    return [
        {"name": name, "label": name.replace("_", " ").capitalize(), "value": figure(name, metrics.get(name)),
         "meaning": DEFINITIONS.get(name, "")}
        for name in names
    ]  # fmt: skip


def moment(time_ms: int | None) -> str:
    return "" if time_ms is None else datetime.fromtimestamp(time_ms / 1000, tz=UTC).strftime("%Y-%m-%d %H:%M")


def backtest_report(run: Run, result: Mapping[str, Any]) -> dict[str, Any]:
    """Everything of one run of the engine: also of a search's best."""
    series = runs.unpack(run.series)
    closed = [trade for trade in result["trades"] if trade["exit_time"] is not None]
    metrics = result["metrics"]
    return {
        "key_figures": figures(metrics),
        "all_figures": figures(metrics, tuple(metrics)),
        "buy_and_hold": figure("buy_and_hold_return", metrics["buy_and_hold_return"]),
        "trades": [_trade_row(trade) for trade in result["trades"][-MOST_TRADES:]][::-1],
        "trade_count": len(result["trades"]),
        "by_reason": _groups(closed, lambda trade: str(trade["exit_reason"]).replace("_", " ")),
        "by_weekday": _groups(closed, lambda trade: WEEKDAYS[_entry(trade).weekday()]),
        "by_hour": _groups(closed, lambda trade: f"{_entry(trade).hour:02d}:00"),
        "months": months(series),
        "rejections": sorted(result["rejections"].items()),
        "fee_share": _fee_share(closed),
        "charts": {"equity": equity_points(series), "pnl": [float(trade["net_pnl"]) for trade in closed]},
    }


def _trade_row(trade: Mapping[str, Any]) -> dict[str, Any]:
    return {**trade, "entered": moment(trade["entry_time"]), "exited": moment(trade["exit_time"]),
            "won": float(trade["net_pnl"]) > 0}  # fmt: skip


def _entry(trade: Mapping[str, Any]) -> datetime:
    return datetime.fromtimestamp(trade["entry_time"] / 1000, tz=UTC)


def _groups(trades: Sequence[Mapping[str, Any]], key: Callable[[Mapping[str, Any]], str]) -> list[dict[str, Any]]:
    """Count, wins and net profit of the trades by `key`."""
    found: dict[str, dict[str, Any]] = {}
    for trade in trades:
        row = found.setdefault(key(trade), {"count": 0, "wins": 0, "net": 0.0})
        net = float(trade["net_pnl"])
        row["count"], row["wins"], row["net"] = row["count"] + 1, row["wins"] + (net > 0), row["net"] + net
    order = {name: place for place, name in enumerate(WEEKDAYS)}
    return [{"name": name, **found[name]} for name in sorted(found, key=lambda name: (order.get(name, 0), name))]


def _fee_share(trades: Sequence[Mapping[str, Any]]) -> float | None:
    """Fees over what the trades earned before them."""
    gross = sum(float(trade["net_pnl"]) + float(trade["fees"]) for trade in trades)
    return sum(float(trade["fees"]) for trade in trades) / gross if gross > 0 else None


def months(series: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return of each month from the equity kept for the screen, which holds every stretch's last bar."""
    if "times" not in series or not len(series["times"]):
        return []
    ends: dict[str, float] = {}
    for time_ms, equity in zip(series["times"].tolist(), series["equity"].tolist(), strict=True):
        ends[moment(time_ms)[:7]] = equity
    before, found = float(series["equity"][0]), []
    for month, equity in ends.items():
        change = equity / before - 1 if before else 0.0
        found.append({"month": month, "change": change, "text": f"{change:.1%}", "gain": change > 0})
        before = equity
    return found


def equity_points(series: Mapping[str, Any]) -> list[list[float]]:
    """[seconds, equity, drawdown] for the chart."""
    if "times" not in series:
        return []
    equity = series["equity"]
    fall = 1 - equity / np.maximum.accumulate(equity)
    rows = zip((series["times"] // 1000).tolist(), equity.tolist(), fall.tolist(), strict=True)
    return [[time, round(value, 6), round(drawdown, 5)] for time, value, drawdown in rows]


def search_report(run: Optimisation, x: str = "", y: str = "") -> dict[str, Any]:
    """A search: its best as a backtest, its measures of luck, its trials, and the heat map of two parameters."""
    result = run.result or {}
    plan = searches.search_plan(run)
    names = plan.space.names
    x = x if x in names else names[0]
    y = y if y in names and y != x else next((name for name in names if name != x), x)
    objective = plan.objectives[0]
    report = backtest_report(run, result["run"])
    report["charts"]["heat"] = heat_map(run, x, y)
    top = [
        {"values": [trial["parameters"][name] for name in names],
         "figures": [figure(name, trial["figures"][name]) for name in KEY_FIGURES],
         "query": " ".join(f"{name}={_plain(trial['parameters'][name])}" for name in names)}
        for trial in result["top"]
    ]  # fmt: skip
    best = " ".join(f"{name}={_plain(value)}" for name, value in result["best"]["parameters"].items())
    return report | {
        "names": names, "x": x, "y": y, "objective": objective, "top": top, "best": best,
        "luck": result["overfitting"], "plateau": result["plateau"], "figure_names": KEY_FIGURES,
    }  # fmt: skip


def _plain(value: float | None) -> str:
    return "none" if value is None else f"{value:.12g}"


def heat_map(run: Optimisation, x: str, y: str) -> dict[str, Any]:
    """The best score over all other parameters for each pair of values of `x` and `y`."""
    from backtests.optimise import scores

    trials, plan = searches.trials_of(run), searches.search_plan(run)
    found: dict[tuple[str, str], float] = {}
    values = scores(trials, plan)[:, 0]
    for row in np.flatnonzero(np.isfinite(values)):
        at = trials.at(int(row))
        cell = (_plain(at[x]), _plain(at[y]))
        found[cell] = max(found.get(cell, -np.inf), float(values[row]))
    lists = {d.name: [_plain(value) for value in d.values] for d in plan.space.dimensions}
    cells = [[lists[x].index(a), lists[y].index(b), round(value, 4)] for (a, b), value in found.items()]
    return {"x": x, "y": y, "xs": lists[x], "ys": lists[y], "cells": cells}


def monte_carlo_report(run: MonteCarlo) -> dict[str, Any]:
    result = run.result or {}
    series = runs.unpack(run.series)
    rows = [
        {"label": label, "values": [_percentile(name, v) for v in map(result["percentiles"][name].get, PERCENTILES)]}
        for name, label in (("return", "Return"), ("drawdown", "Drawdown"), ("underwater", "Longest under water"))
    ]
    stress = [{**cell, "texts": figures(cell["figures"], STRESS_FIGURES)} for cell in result["stress"]]
    return {
        "rows": rows,
        "stress": stress,
        "charts": {
            "fan": {"steps": series["fan_steps"].tolist(), "lines": series["fan"].tolist()},
            "histograms": result["histograms"],
        },
    }


def _percentile(name: str, value: float) -> str:
    return f"{value:,.0f} steps" if name == "underwater" else f"{value:.1%}"


def walk_forward_report(run: WalkForward) -> dict[str, Any]:
    result = run.result or {}
    windows = [
        {**window, "searched_from": moment(window["train_from"])[:10], "traded_from": moment(window["test_from"])[:10],
         "traded_to": moment(window["test_to"])[:10], "gain": f"{window['growth'] - 1:.1%}",
         "trades": window["outside"]["trades"]}
        for window in result["windows"]
    ]  # fmt: skip
    return {"windows": windows, "charts": {"equity": equity_points(runs.unpack(run.series))}}


def report(run: Run, query: Mapping[str, str]) -> dict[str, Any]:
    """The values of a finished run's page."""
    if isinstance(run, Optimisation):
        return search_report(run, query.get("x", ""), query.get("y", ""))
    if isinstance(run, MonteCarlo):
        return monte_carlo_report(run)
    if isinstance(run, WalkForward):
        return walk_forward_report(run)
    assert isinstance(run, Backtest)  # noqa: S101
    return backtest_report(run, run.result or {})
