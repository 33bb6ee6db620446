"""What a Monte Carlo run's page shows."""

from __future__ import annotations

from typing import Any

from backtests import runs
from backtests.models import MonteCarlo
from backtests.reports.figures import figures

# Named here because a JSON column does not keep the order of keys.
STRESS_FIGURES = ("total_return", "sharpe", "max_drawdown", "closed_trades")
PERCENTILES = ("5", "25", "50", "75", "95")


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
