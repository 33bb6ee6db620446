"""vectorbt: its Portfolio, and the Rust kernels beneath it called directly. Runs in its own environment.

Decisions are moved one bar and filled at that bar's open. Timed to the records of the orders, which is the least that
either can be asked for, and to the trades and the equity too, which is what our engine gives.
"""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
import vectorbt as vbt
from common import (
    BARS,
    CAPITAL,
    FEE,
    SLIPPAGE,
    Signals,
    grid_pairs,
    grid_signals,
    main,
    next_bar,
    signals,
    timed,
    trade_rows,
)
from data import Bars, seeded_bars
from vectorbt._engine import is_rust_available
from vectorbt.portfolio import dispatch

COSTS = {"fees": FEE, "slippage": SLIPPAGE}
PROCESSES, CHUNK_PAIRS = 2, 10
if not is_rust_available():
    raise SystemExit("vectorbt-rust is missing: run benchmarks/peers/install.py")


def portfolio(bars: Bars, decided: Signals) -> Any:
    """One run from flat decisions, or a column for each combination."""
    close, opens = bars.close, bars.open
    if decided.entries.ndim == 2:
        close, opens = close[:, None], opens[:, None]
    return vbt.Portfolio.from_signals(
        close, next_bar(decided.entries), next_bar(decided.exits), price=opens, init_cash=CAPITAL, freq="1min",
        engine="rust", **COSTS,
    )  # fmt: skip


def kernel(bars: Bars, decided: Signals) -> Any:
    """The records of all orders, from the simulation that Portfolio calls; costs and prices are broadcast by it."""
    entries, exits = next_bar(decided.entries), next_bar(decided.exits)
    columns = entries.shape[1]
    orders, _ = dispatch.simulate_from_signals(
        entries.shape, np.ones(columns, np.int64), np.full(columns, CAPITAL), np.zeros(entries.shape, np.int64),
        entries=entries, exits=exits, price=bars.open[:, None], close=bars.close[:, None], use_stops=False,
        engine="rust", **{name: np.asarray(value) for name, value in COSTS.items()},
    )  # fmt: skip
    return orders


def as_column(decided: Signals) -> Signals:
    return Signals(decided.entries[:, None], decided.exits[:, None])


def trades_and_equity(bars: Bars, orders: Any) -> tuple[Any, Any]:
    shape, close = (len(bars.close), 1), bars.close[:, None]
    columns = np.arange(len(orders)), np.array([len(orders)])
    held = dispatch.assets(dispatch.asset_flow(shape, orders, columns, 2, engine="rust"), engine="rust")
    flow = dispatch.cash_flow(shape, orders, columns, False, engine="rust")
    cash = dispatch.cash(flow, np.array([CAPITAL]), engine="rust")
    equity = dispatch.value(cash, dispatch.asset_value(close, held, engine="rust"), engine="rust")
    return dispatch.get_exit_trades(orders, close, columns, engine="rust"), equity


def plain(trades: Any) -> list[list[float]]:
    closed = trades[trades["status"] == 1]
    return trade_rows(*(closed[name] for name in ("entry_idx", "entry_price", "exit_idx", "exit_price", "return")))


def one(bars: Bars, repeats: int) -> dict[str, Any]:
    def simulated() -> Any:
        return kernel(bars, as_column(signals(bars.close)))

    def whole() -> tuple[Any, Any]:
        made = portfolio(bars, signals(bars.close))
        return made.trades.values, made.value()

    orders = simulated()
    found, equity = trades_and_equity(bars, orders)
    found_too, equity_too = whole()
    if not np.allclose(equity[:, 0], np.asarray(equity_too), rtol=1e-9):
        raise SystemExit("vectorbt's kernels and its Portfolio disagree about the equity")
    kernels, whole_portfolio = plain(found), plain(found_too)
    return {
        "vectorbt kernels, orders": timed(simulated, repeats) | {"trades": kernels},
        "vectorbt kernels, trades and equity": timed(lambda: trades_and_equity(bars, simulated()), repeats)
        | {"trades": kernels},
        "vectorbt Portfolio, orders": timed(lambda: portfolio(bars, signals(bars.close)), repeats)
        | {"trades": whole_portfolio},
        "vectorbt Portfolio, trades and equity": timed(whole, repeats) | {"trades": whole_portfolio},
    }


def chunk_by(kind: str, pairs: list[tuple[int, int]]) -> list[int]:
    """How many trades each combination of these pairs closed."""
    bars = seeded_bars_once()
    found = list(grid_signals(bars.close, pairs))
    block = Signals(*(np.column_stack([getattr(one, side) for one in found]) for side in Signals._fields))
    orders = kernel(bars, block) if kind == "kernels" else portfolio(bars, block).orders.values
    sells = orders[orders["side"] == 1]
    return np.bincount(sells["col"], minlength=len(found)).tolist()


_BARS: list[Bars] = []


def seeded_bars_once() -> Bars:
    if not _BARS:
        _BARS.append(seeded_bars(BARS))
    return _BARS[0]


def grid(bars: Bars, repeats: int) -> dict[str, Any]:
    pairs = grid_pairs()
    chunks = [pairs[first : first + CHUNK_PAIRS] for first in range(0, len(pairs), CHUNK_PAIRS)]
    rows = {}
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        for kind in ("kernels", "Portfolio"):

            def run(kind: str = kind) -> list[int]:
                return [closed for part in pool.map(chunk_by, [kind] * len(chunks), chunks) for closed in part]

            rows[f"vectorbt {kind}, orders"] = timed(run, repeats) | {"closed": run()}
    return rows


if __name__ == "__main__":
    os.environ.setdefault("NUMBA_NUM_THREADS", "1")
    main(one, grid)
