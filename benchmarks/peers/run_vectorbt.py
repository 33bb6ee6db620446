"""vectorbt: its Portfolio, and the Rust kernels beneath it called directly. Runs in its own environment.

Decisions are moved one bar and filled at that bar's open. Timed to the records of the orders, which is the least that
either can be asked for, and to the trades and the equity of each bar too, which is what the others give.
"""

from __future__ import annotations

import itertools
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
        engine="rust", max_orders=most_orders(decided), **COSTS,
    )  # fmt: skip


def most_orders(decided: Signals) -> int:
    """Room for as many orders as there are decisions: a place for each bar of each column costs more to make."""
    return int(np.count_nonzero(decided.entries) + np.count_nonzero(decided.exits))


def kernel(bars: Bars, decided: Signals) -> Any:
    """Return all orders' records, from the simulation that Portfolio calls; it broadcasts costs and prices."""
    entries, exits = next_bar(decided.entries), next_bar(decided.exits)
    columns = entries.shape[1]
    orders, _ = dispatch.simulate_from_signals(
        entries.shape, np.ones(columns, np.int64), np.full(columns, CAPITAL), np.zeros(entries.shape, np.int64),
        entries=entries, exits=exits, price=bars.open[:, None], close=bars.close[:, None], use_stops=False,
        engine="rust", max_orders=most_orders(decided), **{name: np.asarray(value) for name, value in COSTS.items()},
    )  # fmt: skip
    return orders


def as_column(decided: Signals) -> Signals:
    return Signals(decided.entries[:, None], decided.exits[:, None])


def equity_of(bars: Bars, orders: Any, count: int) -> Any:
    """Return the value at each close, a column for each combination."""
    shape, close = (len(bars.close), count), np.broadcast_to(bars.close[:, None], (len(bars.close), count))
    columns = columns_of(orders, count)
    held = dispatch.assets(dispatch.asset_flow(shape, orders, columns, 2, engine="rust"), engine="rust")
    flow = dispatch.cash_flow(shape, orders, columns, False, engine="rust")
    cash = dispatch.cash(flow, np.full(count, CAPITAL), engine="rust")
    return dispatch.value(cash, dispatch.asset_value(close, held, engine="rust"), engine="rust")


def columns_of(orders: Any, count: int) -> tuple[Any, Any]:
    """Which records are which column's: they come sorted by it."""
    return np.arange(len(orders)), np.bincount(orders["col"], minlength=count)


def trades_and_equity(bars: Bars, orders: Any) -> tuple[Any, Any]:
    trades = dispatch.get_exit_trades(orders, bars.close[:, None], columns_of(orders, 1), engine="rust")
    return trades, equity_of(bars, orders, 1)


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


def chunk_by(kind: str, with_equity: bool, pairs: list[tuple[int, int]]) -> list[tuple[int, float]]:
    """How many trades each combination of these pairs closed; where equity is asked for, what it ended at too."""
    bars = seeded_bars_once()
    found = list(grid_signals(bars.close, pairs))
    block = Signals(*(np.column_stack([getattr(one, side) for one in found]) for side in Signals._fields))
    if kind == "kernels":
        orders = kernel(bars, block)
        equity = equity_of(bars, orders, len(found)) if with_equity else None
    else:
        made = portfolio(bars, block)
        orders, equity = made.orders.values, made.value().to_numpy() if with_equity else None
    sells = np.bincount(orders["col"][orders["side"] == 1], minlength=len(found))
    return list(zip(sells.tolist(), [0.0] * len(found) if equity is None else equity[-1].tolist(), strict=True))


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
        for kind, with_equity in itertools.product(("kernels", "Portfolio"), (False, True)):

            def run(kind: str = kind, with_equity: bool = with_equity) -> list[tuple[int, float]]:
                same = len(chunks)
                parts = pool.map(chunk_by, [kind] * same, [with_equity] * same, chunks)
                return list(itertools.chain.from_iterable(parts))

            name = f"vectorbt {kind}, orders" + (" and equity" if with_equity else "")
            rows[name] = timed(run, repeats) | {"closed": [closed for closed, _ in run()]}
    return rows


if __name__ == "__main__":
    os.environ.setdefault("NUMBA_NUM_THREADS", "1")
    main(one, grid)
