"""backtesting.py: one run. Runs in its own environment.

Its `spread` moves entries alone, so slippage is charged with the commission, which it takes on both sides; the prices
reported here are what fills came to with it.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy
from common import CAPITAL, FEE, SLIPPAGE, main, signals, timed, trade_rows
from data import Bars

warnings.filterwarnings("ignore", "Some trades remain open")


class Cross(Strategy):
    def init(self) -> None:
        self.entries, self.exits = (decided.tolist() for decided in signals(np.asarray(self.data.Close)))

    def next(self) -> None:
        row = len(self.data) - 1
        if self.exits[row]:
            if self.position:
                self.position.close()
        elif self.entries[row] and not self.position:
            self.buy()


def one(bars: Bars, repeats: int) -> dict[str, Any]:
    columns = {name.title(): getattr(bars, name) for name in ("open", "high", "low", "close")}
    frame = pd.DataFrame(columns, index=pd.to_datetime(bars.open_time, unit="ms"))

    def run() -> Any:
        return Backtest(frame, Cross, cash=CAPITAL, commission=FEE + SLIPPAGE).run()

    closed = run()["_trades"]
    trades = trade_rows(
        closed.EntryBar,
        closed.EntryPrice * (1 + SLIPPAGE),
        closed.ExitBar,
        closed.ExitPrice * (1 - SLIPPAGE),
        closed.ReturnPct,
    )
    return {"backtesting.py": timed(run, max(repeats // 4, 3)) | {"trades": trades}}


if __name__ == "__main__":
    main(one, None)
