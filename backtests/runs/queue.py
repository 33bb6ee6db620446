"""Runs on record: put there, moved on, ended. Every end is a compare-and-set, so a cancelled run stays cancelled.

What a search does round by round is in rounds.py. A result is written in the same statement as `done`.
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
from backtests.models import UNFINISHED, Backtest, MonteCarlo, Run, Status
from backtests.monte_carlo import simulation
from backtests.runs.inputs import Request, RunError, fields, market_of, read, span_of
from backtests.runs.series import screen_rows, series_of
from backtests.statistics import verdict
from backtests.statistics.run_verdict import judge
from backtests.statistics.trials import earlier_trials
from bots.settings.parse import make_settings

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]
LUCK_OF_SOURCE = ("deflated_sharpe", "closed_trades", "concentration")


def new_backtest(request: Request) -> Backtest:
    """A backtest on record, queued. Raise `RunError` and store nothing where it cannot be made."""
    return Backtest.objects.create(**fields(request, read(request)))


def begin(run: Run) -> bool:
    """Take a queued run, or one that a dead worker left, in hand. False when it was ended or paused meanwhile."""
    now = timezone.now()
    rows = type(run)._default_manager.filter(pk=run.pk, status__in=(Status.QUEUED, Status.RUNNING))
    if not rows.update(status=Status.RUNNING, heartbeat_at=now):
        return False
    type(run)._default_manager.filter(pk=run.pk, started_at=None).update(started_at=now)
    run.refresh_from_db()
    return True


def beat(run: Run, done: int, total: int) -> bool:
    """Say how far a run is. False when it is not to go on."""
    rows = type(run)._default_manager.filter(pk=run.pk, status=Status.RUNNING)
    return bool(rows.update(done_steps=done, total_steps=max(total, 1), heartbeat_at=timezone.now()))


def finish(run: Run, result: dict[str, Any], **columns: Any) -> bool:
    """Write a run's result, all of it at once. False when it was cancelled meanwhile: then nothing is written."""
    rows = type(run)._default_manager.filter(pk=run.pk, status=Status.RUNNING)
    return bool(rows.update(status=Status.DONE, result=result, finished_at=timezone.now(), error="", **columns))


def fail(run: Run, reason: str) -> bool:
    """End a run with the reason, a sentence for people."""
    rows = type(run)._default_manager.filter(pk=run.pk, status__in=UNFINISHED)
    return bool(rows.update(status=Status.FAILED, error=reason[:1000], finished_at=timezone.now()))


def cancel(run: Run) -> bool:
    """End a run without a result. What a worker is making of it is thrown away."""
    rows = type(run)._default_manager.filter(pk=run.pk, status__in=UNFINISHED)
    return bool(rows.update(status=Status.CANCELLED, finished_at=timezone.now()))


def pause(run: Run) -> bool:
    """Stop after the step at hand; `resume` goes on from there."""
    rows = type(run)._default_manager.filter(pk=run.pk, status__in=(Status.QUEUED, Status.RUNNING))
    return bool(rows.update(status=Status.PAUSED))


def resume(run: Run) -> bool:
    """Put a paused run back in the queue; the caller rings its task."""
    return bool(type(run)._default_manager.filter(pk=run.pk, status=Status.PAUSED).update(status=Status.QUEUED))


@contextmanager
def reporting(run: Run) -> Iterator[None]:
    """Turn whatever ends a run into its failure, in words."""
    try:
        yield
    except ValueError as error:
        fail(run, str(error))
    except Exception as error:
        logger.exception("run failed", extra={"kind": run.kind, "run": run.pk})
        fail(run, f"It stopped at an error of the site's own ({type(error).__name__}); the log has the details.")


def execute_backtest(run: Backtest) -> None:
    """Run the engine and write the result. Twice is as good as once."""
    if not begin(run):
        return
    with reporting(run):
        done = engine.backtest(market := market_of(run), make_settings(run.settings), span_of(run))
        finish(run, done.result.to_json(), **backtest_columns(run, market, done))


def backtest_columns(run: Run, market: engine.Market, done: engine.Backtest, **arrays: Any) -> dict[str, Any]:
    """What is kept of a finished backtest beside its JSON; `arrays` go into its series too."""
    times = market.candles.open_time[done.first : done.end]
    daily = daily_returns(times, done.equity)
    measured = done.result.metrics
    return {
        "result_hash": done.result.digest(),
        "verdict": judge(done.result, daily, 1 + earlier_trials(run)).to_json(),
        "series": pack(**series_of(market, done), **arrays),
        "total_return": measured.total_return,
        "sharpe": measured.sharpe,
        "max_drawdown": measured.max_drawdown,
        "closed_trades": measured.closed_trades,
        "bars": done.result.bars,
        "done_steps": 1,
        "total_steps": 1,
    }


def thin(times: NDArray[np.int64], equity: Floats) -> dict[str, Any]:
    """Times and equity for the screen; every peak survives."""
    rows = screen_rows(equity)
    return {"times": times[rows], "equity": equity[rows]}


def pack(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def unpack(data: bytes | memoryview | None) -> dict[str, NDArray[Any]]:
    """The arrays of a run's `series`; empty where it has none."""
    if not data:
        return {}
    with np.load(io.BytesIO(bytes(data)), allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def new_monte_carlo(backtest: Backtest, plan: dict[str, Any], seed: int = 1, user: Any = None) -> MonteCarlo:
    """A Monte Carlo run over a finished backtest. Raise `RunError` where there is nothing to draw from."""
    if backtest.status != Status.DONE or not backtest.result:
        raise RunError("Only a finished backtest can be simulated: wait for it, or start it again.")
    try:
        method = simulation.Method(plan["method"])
        # Days compound whatever the bot does; trades as the bot does.
        compounds = method is simulation.Method.BLOCK or bool(backtest.settings.get("compounding", True))
        wanted = simulation.Plan(**{"compounds": compounds, **plan, "method": method, "seed": seed})
    except (ValueError, TypeError, KeyError) as error:
        raise RunError(str(error)) from error
    if len(_returns(backtest, wanted)) < 2:
        raise RunError("There are fewer than two closed trades (or days) to draw from.")
    copied = (
        "bot", "symbol", "interval", "strategy", "settings", "symbol_info", "filters_at", "start_at", "end_at", "bars",
        "gaps", "data_hash", "code_version",
    )  # fmt: skip
    shared = {name: getattr(backtest, name) for name in copied}
    stored = {**asdict(wanted), "method": str(wanted.method)}
    return MonteCarlo.objects.create(backtest=backtest, plan=stored, seed=seed, created_by=user, **shared)


def _returns(backtest: Backtest, plan: simulation.Plan) -> Floats:
    """What a path is drawn from: days, or trades as shares of the equity (or, not compounding, the capital) before."""
    if plan.method is simulation.Method.BLOCK:
        return unpack(backtest.series).get("daily", np.empty(0))
    trades = [trade for trade in (backtest.result or {}).get("trades", ()) if trade["exit_time"] is not None]
    pnl = np.array([float(trade["net_pnl"]) for trade in trades])
    capital = float(backtest.settings["initial_capital"])
    before = capital + np.concatenate([[0.0], np.cumsum(pnl)[:-1]]) if plan.compounds and len(pnl) else capital
    return pnl / before


def execute_monte_carlo(run: MonteCarlo) -> None:
    """Simulate, and re-run the engine over the grid of costs."""
    if not begin(run):
        return
    with reporting(run):
        plan = simulation.Plan(**{**run.plan, "method": simulation.Method(run.plan["method"])})
        returns = _returns(run.backtest, plan)
        found = simulation.simulate(returns, plan)
        course = simulation.real_course(returns, plan, found.fan_steps)
        grid = simulation.stress_grid(_under_costs(run.backtest), plan)
        figures = found.percentiles()
        told = verdict.judge(
            figures["return"][50],
            1 + earlier_trials(run.backtest),
            {
                "loss_probability": found.loss_probability,
                "ruin_probability": found.ruin_probability,
                **_luck_of_source(run.backtest),
            },
        )
        result = {
            "percentiles": {name: {str(p): v for p, v in values.items()} for name, values in figures.items()},
            "loss_probability": found.loss_probability,
            "ruin_probability": found.ruin_probability,
            "steps": found.steps,
            "stress": [asdict(cell) for cell in grid],
            "actual": {"return": course.final - 1.0, "drawdown": course.drawdown, "underwater": course.underwater},
            "worse": course.worse_shares(found),
            "histograms": {
                "return": _histogram(found.final - 1.0),
                "drawdown": _histogram(found.drawdown),
                "underwater": _histogram(found.underwater.astype(np.float64)),
            },
        }
        series = pack(fan=found.fan, fan_steps=found.fan_steps, course=course.on_the_way)
        finish(
            run, result, verdict=told.to_json(), series=series, total_return=figures["return"][50], done_steps=1,
            max_drawdown=figures["drawdown"][50],
        )  # fmt: skip


def _luck_of_source(backtest: Backtest) -> dict[str, float]:
    """What speaks of the backtest's own luck: paths drawn from lucky trades are as lucky."""
    reasons = (backtest.verdict or {}).get("reasons", ())
    return {reason["name"]: reason["value"] for reason in reasons if reason["name"] in LUCK_OF_SOURCE}


def _histogram(values: Floats) -> dict[str, list[float]]:
    counts, edges = np.histogram(values, bins=40)
    return {"counts": counts.tolist(), "edges": edges.tolist()}


def _under_costs(backtest: Backtest) -> Callable[[float, float], dict[str, float | None]]:
    """The engine under other costs: fees times a multiple, and this slippage."""
    market, span = market_of(backtest), span_of(backtest)

    def run(multiple: float, slippage_bps: float) -> dict[str, float | None]:
        costs = {name: backtest.settings.get(name) for name in ("fee_rate", "maker_fee_rate")}
        dearer = {n: None if v is None else f"{min(float(v) * multiple, 0.99):.8f}" for n, v in costs.items()}
        changed = make_settings({**backtest.settings, **dearer, "slippage_bps": f"{slippage_bps:g}"})
        measured = engine.backtest(market, changed, span).result.metrics
        return {n: getattr(measured, n) for n in ("total_return", "sharpe", "max_drawdown", "closed_trades")}

    return run


def rerun(backtest: Backtest) -> tuple[str, list[str]]:
    """Run a stored backtest again: its result hash now, and what differs from what is on record."""
    if backtest.status != Status.DONE:
        raise RunError(f"{backtest} is {backtest.status}: only a finished backtest can be compared.")
    done = engine.backtest(market_of(backtest), make_settings(backtest.settings), span_of(backtest))
    return done.result.digest(), differences(backtest.result or {}, done.result.to_json())


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What changed between two results, a line each, at most twenty."""
    keys = ("bars", "first_open_time", "last_open_time", "parameters", "rejections")
    found = [f"{key}: {before.get(key)} became {after[key]}" for key in keys if before.get(key) != after[key]]
    for name, value in after["metrics"].items():
        if before.get("metrics", {}).get(name) != value:
            found.append(f"{name}: {before.get('metrics', {}).get(name)} became {value}")
    old, new = before.get("trades", []), after["trades"]
    if len(old) != len(new):
        found.append(f"{len(old)} trades became {len(new)}")
    found += [f"trade {k + 1}: {a} became {b}" for k, (a, b) in enumerate(zip(old, new, strict=False)) if a != b]
    return found[:20]
