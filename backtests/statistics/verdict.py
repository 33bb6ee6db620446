"""Rate how far a result can be trusted: a verdict, and each reason with its threshold.

Pure. The measures come from overfitting.py, windows.py and metrics.py. The thresholds are ours and are shown beside
every verdict; they are conventions (a 5 % error, 30 trades), not laws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtests.engine.result import RunResult
from backtests.statistics import overfitting


class VerdictLevel(StrEnum):
    """Levels of a verdict, from worst to best."""

    LOSS = "loss"
    OVERFITTED = "luck"
    UNPROVEN = "unproven"
    HOLDS = "holds"


HEADLINES = {
    VerdictLevel.LOSS: "Loses money",
    VerdictLevel.OVERFITTED: "Likely luck",
    VerdictLevel.UNPROVEN: "Not proven",
    VerdictLevel.HOLDS: "Holds up",
}


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold: `good` and better counts for the result, `bad` and worse against it, between is open."""

    label: str
    good: float
    bad: float
    higher_is_better: bool
    meaning: str


THRESHOLDS: dict[str, Threshold] = {
    "deflated_sharpe": Threshold(
        "Deflated Sharpe ratio", 0.95, 0.50, True,
        "Probability that the true Sharpe ratio is over what the best of that many worthless trials shows by luck.",
    ),
    "probabilistic_sharpe": Threshold(
        "Probabilistic Sharpe ratio", 0.95, 0.50, True,
        "Probability that the true Sharpe ratio is over 0: nothing was chosen on the days it was measured on.",
    ),
    "pbo": Threshold(
        "Probability of backtest overfitting", 0.20, 0.50, False,
        "Share of splits in which the best in-sample trial was in the lower half out of sample.",
    ),
    "plateau": Threshold(
        "Neighbours of the best trial", 0.70, 0.40, True,
        "Median score of the trials around the best one, over the best score.",
    ),
    "closed_trades": Threshold("Closed trades", 100, 30, True, "Few trades prove little, whatever they earned."),
    "concentration": Threshold(
        "Profit from the two best trades", 0.30, 0.50, False, "Share of all winners' profit that two trades made.",
    ),
    "track_record": Threshold(
        "Track record length", 1.0, 0.5, True,
        "Days of data over the days needed to tell the Sharpe ratio from 0 with 95 % confidence.",
    ),
    "efficiency": Threshold(
        "Walk-forward efficiency", 0.50, 0.0, True, "Yearly return out of sample over that in sample.",
    ),
    "profitable_windows": Threshold(
        "Profitable windows", 0.60, 0.40, True, "Share of out-of-sample windows that gained.",
    ),
    "stability": Threshold(
        "Parameter stability", 0.50, 0.10, True,
        "1 where every window chose alike, 0 where the choices scatter like chance; the mean over the parameters.",
    ),
    "loss_probability": Threshold(
        "Probability of loss", 0.05, 0.25, False, "Share of simulated paths that ended under the starting capital.",
    ),
    "ruin_probability": Threshold(
        "Probability of ruin", 0.01, 0.05, False, "Share of simulated paths that ever lost the level of ruin.",
    ),
}  # fmt: skip
# One of these at its bad end means luck.
DECISIVE = ("deflated_sharpe", "probabilistic_sharpe", "pbo", "efficiency", "loss_probability")
PERCENT = frozenset(
    {"pbo", "concentration", "profitable_windows", "loss_probability", "ruin_probability", "efficiency"}
)


@dataclass(frozen=True, slots=True)
class VerdictReason:
    """One measure of a verdict: `stands` is "for", "against" or "open"."""

    name: str
    label: str
    value: float
    text: str
    stands: str
    good: float
    bad: float
    meaning: str


@dataclass(frozen=True, slots=True)
class QualityVerdict:
    """How far a result can be trusted, in one sentence, with its reasons."""

    level: VerdictLevel
    sentence: str
    reasons: tuple[VerdictReason, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "level": str(self.level),
            "headline": HEADLINES[self.level],
            "sentence": self.sentence,
            "reasons": [asdict(reason) for reason in self.reasons],
        }


def rate(total_return: float, trials: int, measures: dict[str, float | None]) -> QualityVerdict:
    """Rate a result of `trials` trials. `measures` are named as in THRESHOLDS; None is left out."""
    reasons = tuple(_reason(name, value) for name, value in measures.items() if value is not None)
    level = _level(total_return, reasons)
    return QualityVerdict(level, _sentence(level, total_return, trials, reasons), reasons)


def rate_run(
    result: RunResult, daily: NDArray[np.float64], trials: int, **search_measures: float | None
) -> QualityVerdict:
    """Rate one result that is the best of `trials`.

    `search_measures` are measures of an optimisation (PBO, plateau …). Without its own spread, the trials' Sharpe
    ratios are taken to scatter as estimates of 0 would: 1 / days.
    """
    moments = overfitting.moments(daily)
    variance = search_measures.pop("trial_variance", None)
    spread = 1.0 / max(moments.count - 1, 1) if variance is None else variance
    needed = None
    if moments.sharpe is not None:
        needed = overfitting.min_track_record_length(moments.sharpe, 0.0, moments.skew, moments.kurtosis)
    pnl = np.array([float(trade.net_pnl) for trade in result.closed_trades])
    measures = {
        "deflated_sharpe": overfitting.deflated_sharpe(moments, spread, max(trials, 1)),
        **search_measures,
        "concentration": concentration(pnl),
        "closed_trades": float(len(pnl)),
        "track_record": moments.count / needed if needed else None,
    }
    return rate(result.metrics.total_return, trials, measures)


def _level(total_return: float, reasons: Sequence[VerdictReason]) -> VerdictLevel:
    against = [reason.name for reason in reasons if reason.stands == "against"]
    if total_return == 0 and any(reason.name == "closed_trades" and reason.value == 0 for reason in reasons):
        return VerdictLevel.UNPROVEN  # it never traded: nothing was lost either
    if total_return <= 0:
        return VerdictLevel.LOSS
    if any(name in DECISIVE for name in against) or len(against) >= 3:
        return VerdictLevel.OVERFITTED
    if not reasons or any(reason.stands != "for" for reason in reasons):
        return VerdictLevel.UNPROVEN
    return VerdictLevel.HOLDS


def _reason(name: str, value: float) -> VerdictReason:
    limit = THRESHOLDS[name]
    sign = 1.0 if limit.higher_is_better else -1.0
    against = sign * value <= sign * limit.bad
    stands = "for" if sign * value >= sign * limit.good else "against" if against else "open"
    return VerdictReason(
        name, limit.label, value, _measure_text(name, value), stands, limit.good, limit.bad, limit.meaning
    )


def _measure_text(name: str, value: float) -> str:
    match name:
        case "concentration":
            return f"{_share(value)} of the profit from 2 trades"
        case "closed_trades":
            return f"{value:,.0f} closed trades" if value else "no trade was closed"
        case "track_record":
            return f"the record is {value:.1f} times as long as its Sharpe ratio needs"
        case "plateau":
            return f"the best trial's neighbours reach {_share(value)} of it"
        case "pbo":
            return f"{value:.0%} probability of overfitting"
    label = THRESHOLDS[name].label.lower().replace("sharpe", "Sharpe")
    return f"{label} {value:.0%}" if name in PERCENT else f"{label} {value:.2f}"


def _share(value: float) -> str:
    return "half" if 0.495 <= value < 0.505 else f"{value:.0%}"


def _sentence(level: VerdictLevel, total_return: float, trials: int, reasons: Sequence[VerdictReason]) -> str:
    order = {"against": 0, "open": 1, "for": 2}
    shown = sorted(reasons, key=lambda reason: order[reason.stands])
    if level is not VerdictLevel.HOLDS:
        shown = [reason for reason in shown if reason.stands != "for"]
    parts = [f"{trials:,} trials"] if trials > 1 else []
    if level is VerdictLevel.LOSS:
        parts.append(f"total return {total_return:.1%}")
    parts += [reason.text for reason in shown[:4]]
    if not reasons:
        parts.append("too little data to measure anything")
    return f"{HEADLINES[level]}: {', '.join(parts)}." if parts else f"{HEADLINES[level]}."


def concentration(pnl: NDArray[np.float64], count: int = 2) -> float | None:
    """Return the share of the winners' profit that the `count` best trades made; None without a winner."""
    wins = np.sort(pnl[pnl > 0])[::-1]
    return float(wins[:count].sum() / wins.sum()) if len(wins) else None
