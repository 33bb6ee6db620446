"""Measure how likely a result is luck: the published measures of overfitting, on plain arrays.

Their meaning in words is in verdict.py. Sharpe ratios here are per observation (one daily return), not annualised,
unless a name says annual; kurtosis is raw (3 for a normal distribution).

Sources:
    [1] Bailey, Lopez de Prado (2012), The Sharpe Ratio Efficient Frontier, Journal of Risk 15(2)
    [2] Bailey, Lopez de Prado (2014), The Deflated Sharpe Ratio, Journal of Portfolio Management 40(5)
    [3] Bailey, Borwein, Lopez de Prado, Zhu (2014), Pseudo-Mathematics and Financial Charlatanism, Notices AMS 61(5)
    [4] Bailey, Borwein, Lopez de Prado, Zhu (2017), The Probability of Backtest Overfitting, J. Comp. Finance 20(4)
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

EULER_MASCHERONI = 0.5772156649015329
CONFIDENCE = 0.95
MAX_BLOCKS = 16
SPLITS_AT_ONCE = 512  # bounds the memory of one step: 512 splits x trials x 8 bytes

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class ReturnMoments:
    """The moments that the Sharpe measures need. `sharpe` is None if the returns do not vary."""

    count: int
    sharpe: float | None
    skew: float
    kurtosis: float


def moments(returns: Floats, risk_free: float = 0.0) -> ReturnMoments:
    """Return Sharpe per observation (sample deviation), population skew and raw kurtosis of `returns`."""
    excess = np.asarray(returns, dtype=np.float64) - risk_free
    if len(excess) < 2:
        return ReturnMoments(len(excess), None, 0.0, 3.0)
    if not np.isfinite(excess).all():
        raise ValueError("A return is not a number: the measures of overfitting need every day's return.")
    centred = excess - excess.mean()
    variance = float(np.mean(centred**2))
    if variance <= (1e-15 * max(1.0, float(np.abs(excess).max()))) ** 2:
        return ReturnMoments(len(excess), None, 0.0, 3.0)
    return ReturnMoments(
        count=len(excess),
        sharpe=float(sharpes(excess[np.newaxis, :])[0]),
        skew=float(np.mean(centred**3)) / variance**1.5,
        kurtosis=float(np.mean(centred**4)) / variance**2,
    )


def sharpes(returns: Floats) -> Floats:
    """Return the Sharpe ratio of each row of `returns`, trials x observations; NaN where it has none."""
    count = returns.shape[1]
    if count < 2:
        return np.full(len(returns), math.nan)
    if not np.isfinite(returns).all():
        raise ValueError("A return is not a number: the measures of overfitting need every day's return.")
    mean = returns.mean(axis=1)
    variance = ((returns - mean[:, np.newaxis]) ** 2).mean(axis=1)
    varies = variance > (1e-15 * np.maximum(1.0, np.abs(returns).max(axis=1))) ** 2
    ratios = np.full(len(returns), math.nan)
    ratios[varies] = mean[varies] / np.sqrt(variance[varies] * count / (count - 1))
    return ratios


def _estimation_variance(sharpe: float, skew: float, kurtosis: float) -> float:
    """Return the variance of an estimated Sharpe ratio, times the observations less one ([1], eq. 7)."""
    return max(1.0 - skew * sharpe + (kurtosis - 1.0) / 4.0 * sharpe**2, 1e-12)


def probabilistic_sharpe(
    sharpe: float, benchmark: float, count: int, skew: float = 0.0, kurtosis: float = 3.0
) -> float | None:
    """Return the probability that the true Sharpe ratio is over `benchmark` ([1], eq. 11)."""
    if count < 2:
        return None
    deviation = math.sqrt(_estimation_variance(sharpe, skew, kurtosis) / (count - 1))
    return _NORMAL.cdf((sharpe - benchmark) / deviation)


def min_track_record_length(
    sharpe: float, benchmark: float = 0.0, skew: float = 0.0, kurtosis: float = 3.0, confidence: float = CONFIDENCE
) -> float | None:
    """Return the returns needed to say that the true Sharpe ratio is over `benchmark` ([1], eq. 13).

    None where no length is enough: the ratio is not over the benchmark.
    """
    if sharpe <= benchmark:
        return None
    distance = _NORMAL.inv_cdf(confidence) / (sharpe - benchmark)
    return 1.0 + _estimation_variance(sharpe, skew, kurtosis) * distance**2


def expected_max_z(trials: int) -> float:
    """Return the expected maximum of `trials` standard normals, as in [3], eq. 6. 0 for one trial."""
    if trials < 1:
        raise ValueError("At least one trial was made.")
    if trials == 1:
        return 0.0
    rare, rarer = _NORMAL.inv_cdf(1.0 - 1.0 / trials), _NORMAL.inv_cdf(1.0 - 1.0 / (trials * math.e))
    return (1.0 - EULER_MASCHERONI) * rare + EULER_MASCHERONI * rarer


def expected_max_sharpe(trial_sharpe_variance: float, trials: int) -> float:
    """Return the Sharpe ratio that the best of `trials` worthless trials shows by luck ([2], eq. 1)."""
    return math.sqrt(max(trial_sharpe_variance, 0.0)) * expected_max_z(trials)


def deflated_sharpe(best: ReturnMoments, trial_sharpe_variance: float, trials: int) -> float | None:
    """Return the probability that the best trial's true Sharpe is over what luck would show ([2], eq. 2).

    `trials` is how many were really made, those of earlier searches on the same data included. None where the
    returns do not vary.
    """
    if best.sharpe is None:
        return None
    hurdle = expected_max_sharpe(trial_sharpe_variance, trials)
    return probabilistic_sharpe(best.sharpe, hurdle, best.count, best.skew, best.kurtosis)


def min_backtest_length_years(trials: int, annual_sharpe: float) -> float | None:
    """Return the years under which `trials` worthless trials show `annual_sharpe` ([3], eq. 8)."""
    if annual_sharpe <= 0:
        return None
    return (expected_max_z(trials) / annual_sharpe) ** 2


@dataclass(frozen=True, slots=True)
class OverfittingProbability:
    """Probability of backtest overfitting, and the logit of each split's rank out of sample."""

    probability: float
    logits: Floats
    blocks: int
    observations: int  # rows that were used; the oldest that do not fill a block are left out
    loss_probability: float  # share of splits whose chosen trial scored under 0 out of sample

    @property
    def splits(self) -> int:
        return len(self.logits)


def probability_of_overfitting(
    returns: Floats, blocks: int = MAX_BLOCKS, score: str = "sharpe"
) -> OverfittingProbability:
    """Run combinatorially symmetric cross-validation ([4], section 2.2) of `returns`, days x trials.

    The days are cut into `blocks` equal blocks in time order (the oldest few that do not fill one are left out). Each
    choice of half of them is in-sample once; the trial with the best in-sample `score` ("sharpe" or "mean") is ranked
    among all out of sample, 1 being the worst, ties taking the average rank. PBO is the share of splits whose
    logit of rank / (trials + 1) is not over 0. A trial without any movement scores 0.
    """
    matrix = np.asarray(returns, dtype=np.float64)
    _check_pbo_input(matrix, blocks, score)
    length = len(matrix) // blocks
    used = matrix[len(matrix) - length * blocks :].reshape(blocks, length, matrix.shape[1])
    sums, squares = used.sum(axis=1), (used**2).sum(axis=1)
    half_size = length * blocks // 2
    logits: list[Floats] = []
    losses = 0
    for in_sample in _halves(blocks):
        chosen = _score(in_sample @ sums, in_sample @ squares, half_size, score).argmax(axis=1)
        out_of_sample = _score((1 - in_sample) @ sums, (1 - in_sample) @ squares, half_size, score)
        chosen_scores = out_of_sample[np.arange(len(chosen)), chosen][:, None]
        below, equal = (out_of_sample < chosen_scores).sum(axis=1), (out_of_sample == chosen_scores).sum(axis=1)
        share = (below + (equal + 1) / 2) / (matrix.shape[1] + 1)
        logits.append(np.log(share / (1 - share)))
        losses += int((chosen_scores < 0).sum())
    joined = np.concatenate(logits)
    return OverfittingProbability(float(np.mean(joined <= 0)), joined, blocks, length * blocks, losses / len(joined))


def blocks_for(days: int) -> int:
    """Return the most blocks, even and at most 16, that hold ten days each; 0 for too few days."""
    blocks = min(MAX_BLOCKS, days // 10 // 2 * 2)
    return blocks if blocks >= 4 else 0


def _check_pbo_input(matrix: Floats, blocks: int, score: str) -> None:
    if matrix.ndim != 2 or matrix.shape[1] < 2:
        raise ValueError("The probability of overfitting needs the returns of at least two trials.")
    if blocks < 2 or blocks % 2 or len(matrix) < blocks:
        raise ValueError(f"{len(matrix)} days cannot be cut into {blocks} blocks: give an even number of at least 2.")
    if not np.isfinite(matrix).all():
        raise ValueError("A return is not a number: the probability of overfitting needs every day of every trial.")
    if score not in ("sharpe", "mean"):
        raise ValueError(f"The score is “sharpe” or “mean”, not “{score}”.")


def _halves(blocks: int) -> Iterator[Floats]:
    """Yield every choice of half of the blocks as rows of 0 and 1, some hundred rows at a time."""
    rows: list[Floats] = []
    for chosen in combinations(range(blocks), blocks // 2):
        row = np.zeros(blocks)
        row[list(chosen)] = 1.0
        rows.append(row)
        if len(rows) == SPLITS_AT_ONCE:
            yield np.array(rows)
            rows = []
    if rows:
        yield np.array(rows)


def _score(sums: Floats, squares: Floats, count: int, score: str) -> Floats:
    mean = sums / count
    if score == "mean":
        return mean
    variance = squares / count - mean**2
    still = variance <= 1e-12 * np.maximum(squares / count, 1e-300)
    return np.where(still, 0.0, mean / np.sqrt(np.where(still, 1.0, variance)))


@dataclass(frozen=True, slots=True)
class Plateau:
    """The best trial beside its neighbours, and the trial whose neighbourhood is best."""

    best: int  # row of the best trial
    best_score: float
    neighbours: NDArray[np.int64]  # rows, nearest first
    neighbour_median: float | None
    ratio: float | None  # neighbours' median over the best's score; None where that is not over 0
    centre: int  # row whose own and neighbours' median score is the highest
    centre_score: float
    centre_neighbours: NDArray[np.int64]


def plateau(parameters: Floats, scores: Floats, reach: int = 1) -> Plateau:
    """Compare the best of `scores` (higher is better) with the trials around it.

    `parameters` is trials x parameters. A neighbour differs by at most `reach` steps in every parameter, a step being
    the next value that was tried; where a search tried scattered values, the nearest trials by scaled distance,
    two for each parameter, stand in. A peak without good neighbours is what noise looks like.
    """
    usable = np.isfinite(scores)
    if not usable.any():
        raise ValueError("No trial has a score.")
    ranked = np.where(usable, scores, -np.inf)
    best = int(ranked.argmax())
    places, scattered = _places(parameters)
    around = _neighbours(places, best, reach, scattered)
    median = float(np.median(ranked[around])) if len(around) else None
    centre, centre_score = _best_centre(places, ranked, reach, scattered)
    peak = float(ranked[best])
    return Plateau(
        best=best,
        best_score=peak,
        neighbours=around,
        neighbour_median=median if median is not None and math.isfinite(median) else None,
        ratio=max(median, 0.0) / peak if median is not None and peak > 0 else None,
        centre=centre,
        centre_score=centre_score,
        centre_neighbours=_neighbours(places, centre, reach, scattered),
    )


def _places(parameters: Floats) -> tuple[Floats, bool]:
    """Return each value as its index among the parameter's values; scaled to 0..1 where they are scattered."""
    columns = [np.unique(parameters[:, k], return_inverse=True) for k in range(parameters.shape[1])]
    cells = math.prod(len(values) for values, _ in columns)
    if cells <= 4 * len(parameters):
        return np.column_stack([index for _, index in columns]).astype(np.float64), False
    low, high = parameters.min(axis=0), parameters.max(axis=0)
    return (parameters - low) / np.where(high > low, high - low, 1.0), True


def _neighbours(places: Floats, row: int, reach: int, scattered: bool) -> NDArray[np.int64]:
    if scattered:
        order = np.argsort(((places - places[row]) ** 2).sum(axis=1), kind="stable")
        return order[order != row][: 2 * places.shape[1]]
    is_near = np.ones(len(places), dtype=np.bool_)
    for column in places.T:  # one parameter after another: whole columns, and no array of all differences
        is_near &= np.abs(column - column[row]) <= reach
    near = np.flatnonzero(is_near)
    distance = ((places[near] - places[row]) ** 2).sum(axis=1)
    return near[np.argsort(distance, kind="stable")][np.count_nonzero(distance == 0) :]


def _best_centre(places: Floats, scores: Floats, reach: int, scattered: bool) -> tuple[int, float]:
    """Return the row with the highest median of itself and its neighbours, among the best 200."""
    best_row, best_score = -1, -math.inf
    for row in np.argsort(-scores, kind="stable")[:200]:
        around = _neighbours(places, int(row), reach, scattered)
        score = float(np.median(scores[np.append(around, row)]))
        if score > best_score:
            best_row, best_score = int(row), score
    if best_row < 0:
        best_row = int(np.argmax(scores))
        best_score = float(scores[best_row])
    return best_row, best_score
