"""The report of an optimisation: overfitting, the best trial as a backtest, all trials, the hold-out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backtests.models import Application, Optimisation
from backtests.optimisation.samplers import OBJECTIVES
from backtests.reports import trials
from backtests.reports.backtest.report import backtest_report
from backtests.reports.formats import KEY_METRICS, label, metric_text
from backtests.statistics.verdict import THRESHOLDS

HOLD_OUT_METRICS = (*KEY_METRICS, "buy_and_hold_return")


def optimisation_report(run: Optimisation, query: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of a finished optimisation's page."""
    result = run.result or {}
    trial_set = trials.trial_set(run)
    report = backtest_report(run, result["run"], query) | trials_report(trial_set, query)
    stability = trials.stability(trial_set)
    report["charts"] |= {"plateau": stability and {k: stability[k] for k in ("groups", "slices")}}
    return report | {
        "best": _pairs(result["best"]["parameters"], trial_set.names),
        "best_values": _values(result["best"]["parameters"], trial_set.names),
        "overfitting": overfitting_rows(result["overfitting"]),
        "stability": stability,
        "hold_out": hold_out_rows(run),
        "applications": applications(run),
    }


def trials_report(trial_set: trials.TrialSet, query: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of the trials alone, also for an optimisation without a result."""
    if not len(trial_set.trials):
        return {}
    heat, front = trials.heat_map(trial_set, query), trials.front(trial_set)
    return {
        "names": trial_set.names,
        "name_labels": [(name, trials.label(name)) for name in trial_set.names],
        "metric_labels": [(name, trials.label(name)) for name in trial_set.metrics],
        "statistics": trials.STATISTICS,
        "objective": OBJECTIVES[trial_set.objective].label,
        "heat": heat,
        "heat_table": trials.heat_table(heat),
        "front": front,
        "trials": trials.table(trial_set, query),
        "trial_charts": {"heat": heat, "parallel": trials.parallel(trial_set), "front": front},
    }


def _pairs(parameters: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return " ".join(f"{name}={trials.plain(parameters[name])}" for name in names)


def _values(parameters: Mapping[str, Any], names: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(trials.label(name), trials.value_text(parameters[name])) for name in names]


def overfitting_rows(measures: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return each measure of overfitting with its value and its meaning."""
    days = f"{measures['days']:,}"

    def row(label: str, name: str, form: str, meaning: str) -> dict[str, str]:
        value = measures.get(name)
        return {"label": label, "value": "–" if value is None else format(value, form), "meaning": meaning}

    return [
        row("Trials of this optimisation", "trials", ",", "Each counts: the best of many is good by chance alone."),
        row("All trials on this data", "trials_on_this_data", ",", "With earlier optimisations on these bars."),
        row("Expected max. Sharpe by luck", "expected_max_sharpe", ".2f",
            "What the best of so many worthless trials is expected to reach, yearly."),
        row("Deflated Sharpe ratio", "deflated_sharpe", ".1%", THRESHOLDS["deflated_sharpe"].meaning),
        row("Probability of backtest overfitting", "pbo", ".1%",
            f"{THRESHOLDS['pbo'].meaning} {measures['pbo_splits']:,} splits were made."),
        row("Probability of an out-of-sample loss", "pbo_loss_probability", ".1%",
            "Share of those splits in which the trial chosen lost money on the other half."),
        row("Probabilistic Sharpe ratio", "probabilistic_sharpe", ".1%",
            "Probability that its true Sharpe ratio is over 0, were it the only trial."),
        row("Min. track record, days", "min_track_record_days", ",.0f",
            f"Days needed to tell its Sharpe ratio from 0 with 95 % confidence; there are {days}."),
        row("Min. backtest length, years", "min_backtest_years", ".1f",
            "Years under which so many worthless trials are expected to show this Sharpe ratio."),
    ]  # fmt: skip


def hold_out_rows(run: Optimisation) -> dict[str, Any]:
    """Return the hold-out's openings, and the metrics of each beside those in-sample."""
    openings = list(run.openings.select_related("opened_by", "backtest"))
    backtests = [opening.backtest for opening in openings if opening.backtest and opening.backtest.result]
    in_sample = ((run.result or {}).get("run") or {}).get("metrics", {})
    columns = [(backtest.result or {})["metrics"] for backtest in backtests]
    rows = [
        {"label": label(name), "values": [metric_text(name, metrics.get(name)) for metrics in (in_sample, *columns)]}
        for name in HOLD_OUT_METRICS
    ]
    return {"openings": openings, "rows": rows if backtests else [], "looks": backtests}


def applications(run: Any) -> list[dict[str, Any]]:
    """Return the bots that a result was applied to, and whether that version is still their newest."""
    rows = Application.objects.filter(kind=run.kind, run_id=run.pk).select_related("version__bot", "version__author")
    return [
        {"application": application, "version": application.version, "bot": application.version.bot,
         "is_newest": not application.version.bot.versions.filter(number__gt=application.version.number).exists()}
        for application in rows
    ]  # fmt: skip
