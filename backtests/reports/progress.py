"""The progress of an unfinished run: steps, time left, the best so far, what to do."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from backtests.models import Optimisation, Run, RunStatus, WalkForward
from backtests.optimisation.rounds import best_trial_so_far, stored_plan
from backtests.reports.formats import metric_text
from backtests.reports.trials import label, value_text
from core.formats import duration

STEPS = {"optimisation": "trials", "walkforward": "windows", "backtest": "runs", "montecarlo": "runs"}
PROGRESS_METRICS = ("sharpe", "total_return", "max_drawdown", "closed_trades")
ADVICE = {
    RunStatus.QUEUED: "It waits for a worker. If it stays here, see whether the site's workers run (healthz says so).",
    RunStatus.RUNNING: "",
    RunStatus.PAUSED: "Nothing is made while it is paused. What was made is kept; resume goes on from there.",
    RunStatus.CANCELLED: "Cancelled runs have no result.",
    RunStatus.FAILED: "Nothing half-made is kept as a result. Mend what the sentence says and start it again.",
}


def progress_of(run: Run, now: datetime) -> dict[str, Any]:
    """Return the progress of a run as its page shows it."""
    elapsed = _elapsed_s(run, now)
    left = _left_s(run, elapsed)
    return {
        "share": run.progress,
        "percent": f"{run.progress:.0%}",
        "steps": STEPS[run.kind],
        "counts": run.total_steps > 1,
        "elapsed": "" if elapsed is None else duration(elapsed),
        "left": "" if left is None else duration(left),
        "is_live": run.status in (RunStatus.QUEUED, RunStatus.RUNNING),
        "advice": ADVICE.get(RunStatus(run.status), ""),
        "best": _best(run) if isinstance(run, Optimisation) else None,
        "windows": _windows(run) if isinstance(run, WalkForward) and run.result is None else [],
    }


def _elapsed_s(run: Run, now: datetime) -> float | None:
    if run.started_at is None:
        return None
    until = run.finished_at or (run.heartbeat_at if run.status == RunStatus.PAUSED else now) or now
    return max((until - run.started_at).total_seconds(), 0.0)


def _left_s(run: Run, elapsed: float | None) -> float | None:
    """Estimate the time left from the pace so far; None before there is one."""
    if run.status != RunStatus.RUNNING or elapsed is None or not 0 < run.done_steps < run.total_steps:
        return None
    return elapsed * (run.total_steps - run.done_steps) / run.done_steps


def _best(run: Optimisation) -> dict[str, Any] | None:
    best = best_trial_so_far(run)
    if best is None:
        return None
    names = stored_plan(run).space.names
    return {
        "parameters": [(label(name), value_text(best["parameters"][name])) for name in names],
        "figures": [(label(name), metric_text(name, best["figures"][name])) for name in PROGRESS_METRICS],
    }


def _windows(run: WalkForward) -> list[dict[str, Any]]:
    """Return the windows that are finished."""
    return [
        {
            "number": step["window"]["number"] + 1,
            "parameters": ", ".join(f"{label(n)} {value_text(v)}" for n, v in (step["parameters"] or {}).items()),
            "gain": f"{(step['equity'][-1] if step['equity'] else 1.0) - 1:+.1%}",
            "trades": step["outside"]["trades"],
        }
        for step in run.steps
    ]
