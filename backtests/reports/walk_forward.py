"""What a walk-forward's page shows."""

from __future__ import annotations

from typing import Any

from backtests import runs
from backtests.models import WalkForward
from backtests.reports.figures import equity_points, moment


def walk_forward_report(run: WalkForward) -> dict[str, Any]:
    result = run.result or {}
    windows = [
        {**window, "searched_from": moment(window["train_from"])[:10], "traded_from": moment(window["test_from"])[:10],
         "traded_to": moment(window["test_to"])[:10], "gain": f"{window['growth'] - 1:.1%}",
         "trades": window["outside"]["trades"]}
        for window in result["windows"]
    ]  # fmt: skip
    return {"windows": windows, "charts": {"equity": equity_points(runs.unpack(run.series))}}
