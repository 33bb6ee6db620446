"""What a search's page shows: how likely its best is luck, that best as a backtest, its trials, its hold-out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backtests.models import Application, Optimisation
from backtests.optimisation.samplers import OBJECTIVES
from backtests.reports import trials
from backtests.reports.backtest.report import backtest_report
from backtests.reports.formats import KEY_FIGURES, figure, label
from backtests.statistics.verdict import THRESHOLDS

HOLD_OUT_FIGURES = (*KEY_FIGURES, "buy_and_hold_return")


def search_report(run: Optimisation, query: Mapping[str, str]) -> dict[str, Any]:
    """A finished search."""
    result = run.result or {}
    found = trials.trial_set(run)
    report = backtest_report(run, result["run"], query) | trials_report(found, query)
    plateau = trials.plateau(found)
    report["charts"] |= {"plateau": plateau and {k: plateau[k] for k in ("groups", "slices")}}
    return report | {
        "best": _pairs(result["best"]["parameters"], found.names),
        "best_values": _values(result["best"]["parameters"], found.names),
        "luck": luck_rows(result["overfitting"]),
        "plateau": plateau,
        "hold_out": hold_out_rows(run),
        "applications": applications(run),
    }


def trials_report(found: trials.TrialSet, query: Mapping[str, str]) -> dict[str, Any]:
    """The trials alone: also of a search that was paused, cancelled or failed, and has no result."""
    if not len(found.trials):
        return {}
    heat, front = trials.heat_map(found, query), trials.front(found)
    return {
        "names": found.names,
        "name_labels": [(name, trials.label(name)) for name in found.names],
        "measure_labels": [(name, trials.label(name)) for name in found.measures],
        "statistics": trials.STATISTICS,
        "objective": OBJECTIVES[found.objective].label,
        "heat": heat,
        "heat_table": trials.heat_table(heat),
        "front": front,
        "trials": trials.table(found, query),
        "trial_charts": {"heat": heat, "parallel": trials.parallel(found), "front": front},
    }


def _pairs(parameters: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return " ".join(f"{name}={trials.plain(parameters[name])}" for name in names)


def _values(parameters: Mapping[str, Any], names: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(trials.label(name), trials.value_text(parameters[name])) for name in names]


def luck_rows(luck: Mapping[str, Any]) -> list[dict[str, str]]:
    """Each measure of luck: its value, and what it means in a sentence."""
    days = f"{luck['days']:,}"

    def row(label: str, name: str, form: str, meaning: str) -> dict[str, str]:
        value = luck.get(name)
        return {"label": label, "value": "–" if value is None else format(value, form), "meaning": meaning}

    return [
        row("Trials of this search", "trials", ",", "Every one counts: the best of many is good by chance alone."),
        row("Trials on this data altogether", "trials_on_this_data", ",", "With earlier searches on these bars."),
        row("Sharpe ratio that luck would show", "expected_max_sharpe", ".2f",
            "What the best of so many worthless trials is expected to reach, yearly."),
        row("Deflated Sharpe ratio", "deflated_sharpe", ".1%", THRESHOLDS["deflated_sharpe"].meaning),
        row("Probability of backtest overfitting", "pbo", ".1%",
            f"{THRESHOLDS['pbo'].meaning} {luck['pbo_splits']:,} splits were made."),
        row("Chance of a loss out of sample", "pbo_loss_probability", ".1%",
            "Share of those splits in which the trial chosen lost money on the other half."),
        row("Probabilistic Sharpe ratio", "probabilistic_sharpe", ".1%",
            "Probability that its true Sharpe ratio is over 0, were it the only trial."),
        row("Shortest record that would prove it", "min_track_record_days", ",.0f",
            f"Days needed to tell its Sharpe ratio from 0 with 95 % confidence; there are {days}."),
        row("Shortest data for so many trials", "min_backtest_years", ".1f",
            "Years under which so many worthless trials are expected to show this Sharpe ratio."),
    ]  # fmt: skip


def hold_out_rows(run: Optimisation) -> dict[str, Any]:
    """What was kept back, who looked at it, and each look beside the same parameters in-sample."""
    openings = list(run.openings.select_related("opened_by", "backtest"))
    done = [opening.backtest for opening in openings if opening.backtest and opening.backtest.result]
    inside = ((run.result or {}).get("run") or {}).get("metrics", {})
    columns = [(backtest.result or {})["metrics"] for backtest in done]
    rows = [
        {"label": label(name), "values": [figure(name, metrics.get(name)) for metrics in (inside, *columns)]}
        for name in HOLD_OUT_FIGURES
    ]
    return {"openings": openings, "rows": rows if done else [], "looks": done}


def applications(run: Any) -> list[dict[str, Any]]:
    """The bots that a result went to, and whether that version is still the newest, so that it can be taken back."""
    found = Application.objects.filter(kind=run.kind, run_id=run.pk).select_related("version__bot", "version__author")
    return [
        {"application": one, "version": one.version, "bot": one.version.bot,
         "is_newest": not one.version.bot.versions.filter(number__gt=one.version.number).exists()}
        for one in found
    ]  # fmt: skip
