"""Change the status of stored runs. Every change is a compare-and-set, so a cancelled run stays cancelled.

What an optimisation does round by round is in optimisation/rounds.py. A result is written in the same statement as
`done`.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import numpy as np
from django.utils import timezone
from numpy.typing import NDArray

from backtests.engine import run as engine
from backtests.engine.metrics import daily_returns
from backtests.errors import RunError
from backtests.models import UNFINISHED, Backtest, MonteCarlo, Run, RunStatus
from backtests.monte_carlo import simulation
from backtests.runs.inputs import RunRequest, fields, market_of, read, reject_as, time_range_of
from backtests.runs.series import chart_rows, run_series
from backtests.statistics import verdict
from backtests.statistics.trials import earlier_trials
from backtests.statistics.verdict import rate_run
from bots.settings.parse import make_settings
from core.errors import UserError

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]
SOURCE_MEASURES = ("deflated_sharpe", "closed_trades", "concentration")


def new_backtest(request: RunRequest) -> Backtest:
    """Store and queue a backtest. Raise `RunError` and store nothing if it cannot be made."""
    return Backtest.objects.create(**fields(request, read(request)))


def start_run(run: Run) -> bool:
    """Mark a queued run, or one that a dead worker left, as running. Return False if it was ended or paused."""
    now = timezone.now()
    rows = type(run)._default_manager.filter(pk=run.pk, status__in=(RunStatus.QUEUED, RunStatus.RUNNING))
    if not rows.update(status=RunStatus.RUNNING, heartbeat_at=now):
        return False
    type(run)._default_manager.filter(pk=run.pk, started_at=None).update(started_at=now)
    run.refresh_from_db()
    return True


def heartbeat(run: Run, done: int, total: int) -> bool:
    """Record a run's progress. Return False if it is to stop."""
    rows = type(run)._default_manager.filter(pk=run.pk, status=RunStatus.RUNNING)
    return bool(rows.update(done_steps=done, total_steps=max(total, 1), heartbeat_at=timezone.now()))


def complete(run: Run, result: dict[str, Any], **columns: Any) -> bool:
    """Write a run's result at once. Return False, writing nothing, if it was cancelled meanwhile."""
    rows = type(run)._default_manager.filter(pk=run.pk, status=RunStatus.RUNNING)
    return bool(rows.update(status=RunStatus.DONE, result=result, finished_at=timezone.now(), error="", **columns))


def fail(run: Run, reason: str) -> bool:
    """End a run with an error, a sentence for people."""
    rows = type(run)._default_manager.filter(pk=run.pk, status__in=UNFINISHED)
    return bool(rows.update(status=RunStatus.FAILED, error=reason[:1000], finished_at=timezone.now()))


def cancel(run: Run) -> bool:
    """End a run without a result. What a worker is making of it is discarded."""
    rows = type(run)._default_manager.filter(pk=run.pk, status__in=UNFINISHED)
    return bool(rows.update(status=RunStatus.CANCELLED, finished_at=timezone.now()))


def pause(run: Run) -> bool:
    """Stop a run after its present step; `resume` continues from there."""
    rows = type(run)._default_manager.filter(pk=run.pk, status__in=(RunStatus.QUEUED, RunStatus.RUNNING))
    return bool(rows.update(status=RunStatus.PAUSED))


def resume(run: Run) -> bool:
    """Put a paused run back in the queue; the caller enqueues its task."""
    return bool(type(run)._default_manager.filter(pk=run.pk, status=RunStatus.PAUSED).update(status=RunStatus.QUEUED))


@contextmanager
def record_failure(run: Run) -> Iterator[None]:
    """Record any exception as the run's failure.

    A message for people is shown as it is. Anything else is a fault of the site and goes to the log.
    """
    try:
        yield
    except UserError as error:
        fail(run, str(error))
    except Exception as error:  # the one place that ends a run: whatever it was, the run must not look unfinished
        logger.exception("run failed", extra={"kind": run.kind, "run": run.pk})
        fail(run, f"It stopped at an error of the site's own ({type(error).__name__}); the log has the details.")


def execute_backtest(run: Backtest) -> engine.EngineRun | None:
    """Run the engine and write the result. Running it twice does no harm.

    Return what the engine made; None if the run was ended or paused, or failed.
    """
    if not start_run(run):
        return None
    with record_failure(run):
        engine_run = engine.run_backtest(market := market_of(run), make_settings(run.settings), time_range_of(run))
        complete(run, engine_run.result.to_json(), **backtest_columns(run, market, engine_run))
        return engine_run
    return None


def backtest_columns(
    run: Run, market: engine.MarketData, engine_run: engine.EngineRun, **arrays: Any
) -> dict[str, Any]:
    """Return the columns of a finished backtest beside its JSON; `arrays` go into its series too."""
    times = market.candles.open_time[engine_run.first : engine_run.end]
    daily = daily_returns(times, engine_run.equity)
    metrics = engine_run.result.metrics
    return {
        "result_hash": engine_run.result.digest(),
        "verdict": rate_run(engine_run.result, daily, 1 + earlier_trials(run)).to_json(),
        "series": pack(**run_series(market, engine_run), **arrays),
        "total_return": metrics.total_return,
        "sharpe": metrics.sharpe,
        "max_drawdown": metrics.max_drawdown,
        "closed_trades": metrics.closed_trades,
        "bars": engine_run.result.bars,
        "done_steps": 1,
        "total_steps": 1,
    }


def thin_equity(times: NDArray[np.int64], equity: Floats) -> dict[str, Any]:
    """Return times and equity thinned for the chart; every peak survives."""
    rows = chart_rows(equity)
    return {"times": times[rows], "equity": equity[rows]}


def pack(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def unpack(data: bytes | memoryview | None) -> dict[str, NDArray[Any]]:
    """Return the arrays of a run's `series`; empty if it has none."""
    if not data:
        return {}
    with np.load(io.BytesIO(bytes(data)), allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def new_monte_carlo(backtest: Backtest, plan: dict[str, Any], seed: int = 1, user: Any = None) -> MonteCarlo:
    """Store and queue a Monte Carlo run over a finished backtest. Raise `RunError` if that is impossible."""
    if backtest.status != RunStatus.DONE or not backtest.result:
        raise RunError("Only a finished backtest can be simulated: wait for it, or start it again.")
    if plan.get("method") not in [str(method) for method in simulation.ResamplingMethod]:
        raise RunError(f"There is no way to draw paths called {plan.get('method')!r}.", "method")
    method = simulation.ResamplingMethod(plan["method"])
    # Days compound whatever the bot does; trades as the bot does.
    compounds = method is simulation.ResamplingMethod.BLOCK or bool(backtest.settings.get("compounding", True))
    with reject_as(""):
        simulation_plan = simulation.SimulationPlan(**{"compounds": compounds, **plan, "method": method, "seed": seed})
    if len(_returns(backtest, simulation_plan)) < 2:
        raise RunError("There are fewer than two closed trades (or days) to draw from.")
    copied = (
        "bot", "symbol", "interval", "strategy", "settings", "symbol_info", "filters_at", "start_at", "end_at", "bars",
        "gaps", "data_hash", "code_version",
    )  # fmt: skip
    shared = {name: getattr(backtest, name) for name in copied}
    stored = {**asdict(simulation_plan), "method": str(simulation_plan.method)}
    return MonteCarlo.objects.create(backtest=backtest, plan=stored, seed=seed, created_by=user, **shared)


def _returns(backtest: Backtest, plan: simulation.SimulationPlan) -> Floats:
    """Return what paths are drawn from.

    Days, or trades as shares of the equity before (of the capital, where it does not compound).
    """
    if plan.method is simulation.ResamplingMethod.BLOCK:
        return unpack(backtest.series).get("daily", np.empty(0))
    trades = [trade for trade in (backtest.result or {}).get("trades", ()) if trade["exit_time"] is not None]
    pnl = np.array([float(trade["net_pnl"]) for trade in trades])
    capital = float(backtest.settings["initial_capital"])
    before = capital + np.concatenate([[0.0], np.cumsum(pnl)[:-1]]) if plan.compounds and len(pnl) else capital
    return pnl / before


def execute_monte_carlo(run: MonteCarlo) -> None:
    """Simulate, and re-run the engine over the grid of costs."""
    if not start_run(run):
        return
    with record_failure(run):
        plan = simulation.SimulationPlan(**{**run.plan, "method": simulation.ResamplingMethod(run.plan["method"])})
        returns = _returns(run.backtest, plan)
        simulated = simulation.simulate(returns, plan)
        actual = simulation.actual_path(returns, plan, simulated.fan_steps)
        grid = simulation.stress_grid(_under_costs(run.backtest), plan)
        percentiles = simulated.percentiles()
        quality = verdict.rate(
            percentiles["return"][50],
            1 + earlier_trials(run.backtest),
            {
                "loss_probability": simulated.loss_probability,
                "ruin_probability": simulated.ruin_probability,
                **_source_measures(run.backtest),
            },
        )
        result = {
            "percentiles": {name: {str(p): v for p, v in values.items()} for name, values in percentiles.items()},
            "loss_probability": simulated.loss_probability,
            "ruin_probability": simulated.ruin_probability,
            "steps": simulated.steps,
            "stress": [cell.to_json() for cell in grid],
            "actual": {"return": actual.final - 1.0, "drawdown": actual.drawdown, "underwater": actual.underwater},
            "worse": actual.worse_shares(simulated),
            "histograms": {
                "return": _histogram(simulated.final - 1.0),
                "drawdown": _histogram(simulated.drawdown),
                "underwater": _histogram(simulated.underwater.astype(np.float64)),
            },
        }
        series = pack(fan=simulated.fan, fan_steps=simulated.fan_steps, course=actual.equity_at_marks)
        complete(
            run, result, verdict=quality.to_json(), series=series, total_return=percentiles["return"][50], done_steps=1,
            max_drawdown=percentiles["drawdown"][50],
        )  # fmt: skip


def _source_measures(backtest: Backtest) -> dict[str, float]:
    """Return the backtest's own measures of luck: paths drawn from lucky trades are as lucky."""
    reasons = (backtest.verdict or {}).get("reasons", ())
    return {reason["name"]: reason["value"] for reason in reasons if reason["name"] in SOURCE_MEASURES}


def _histogram(values: Floats) -> dict[str, list[float]]:
    counts, edges = np.histogram(values, bins=40)
    return {"counts": counts.tolist(), "edges": edges.tolist()}


def _under_costs(backtest: Backtest) -> Callable[[float, float], dict[str, float | None]]:
    """Return a function that runs the engine under other costs: a fee multiple and a slippage."""
    market, time_range = market_of(backtest), time_range_of(backtest)

    def run(multiple: float, slippage_bps: float) -> dict[str, float | None]:
        costs = {name: backtest.settings.get(name) for name in ("fee_rate", "maker_fee_rate")}
        raised = {n: None if v is None else f"{min(float(v) * multiple, 0.99):.8f}" for n, v in costs.items()}
        changed = make_settings({**backtest.settings, **raised, "slippage_bps": f"{slippage_bps:g}"})
        metrics = engine.run_backtest(market, changed, time_range).result.metrics
        return {n: getattr(metrics, n) for n in ("total_return", "sharpe", "max_drawdown", "closed_trades")}

    return run


def rerun(backtest: Backtest) -> tuple[str, list[str]]:
    """Run a stored backtest again; return its result hash now, and what differs from the stored result."""
    if backtest.status != RunStatus.DONE:
        raise RunError(f"{backtest} is {backtest.status}: only a finished backtest can be compared.")
    engine_run = engine.run_backtest(market_of(backtest), make_settings(backtest.settings), time_range_of(backtest))
    return engine_run.result.digest(), differences(backtest.result or {}, engine_run.result.to_json())


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return what changed between two results, a line each, at most twenty."""
    keys = ("bars", "first_open_time", "last_open_time", "parameters", "rejections")
    lines = [f"{key}: {before.get(key)} became {after[key]}" for key in keys if before.get(key) != after[key]]
    for name, value in after["metrics"].items():
        if before.get("metrics", {}).get(name) != value:
            lines.append(f"{name}: {before.get('metrics', {}).get(name)} became {value}")
    trades_before, trades_after = before.get("trades", []), after["trades"]
    if len(trades_before) != len(trades_after):
        lines.append(f"{len(trades_before)} trades became {len(trades_after)}")
    lines += [
        f"trade {k + 1}: {a} became {b}"
        for k, (a, b) in enumerate(zip(trades_before, trades_after, strict=False))
        if a != b
    ]
    return lines[:20]
