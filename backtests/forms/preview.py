"""The live preview of a form that starts a run: bars, gaps, combinations, windows.

It is an estimate from what is on record about the candles; nothing is read and nothing is refused here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from backtests.forms.monte_carlo import MonteCarloForm
from backtests.forms.optimisation import OptimisationForm, WalkForwardForm
from backtests.forms.run import RunForm
from backtests.optimisation.samplers import SearchMethod
from backtests.walk_forward import windows as walk_forward
from core.errors import UserError
from core.times import DAY_MS, parse_utc, to_ms
from exchange.api.types import INTERVAL_MS
from exchange.models import Dataset


@dataclass(slots=True)
class FormPreview:
    lines: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def form_preview(form: Any) -> FormPreview:
    """Return what the form would run, as far as it is filled in."""
    preview = FormPreview()
    if isinstance(form, MonteCarloForm):
        _simulation(form, preview)
        return preview
    time_range = _time_range(form)
    if time_range is not None:
        _bars(form, time_range, preview)
    if isinstance(form, OptimisationForm):
        _combinations(form, preview)
    if isinstance(form, WalkForwardForm) and time_range is not None:
        _windows(form, time_range, preview)
    return preview


def _time_range(form: RunForm) -> tuple[Dataset, int, int] | None:
    """Return the dataset, and the first and last time of the range inside it, in ms."""
    data = form.cleaned_data
    row = next((row for row in form.rows if f"{row.symbol}:{row.interval}" == data.get("dataset")), None)
    if row is None or "start" not in data or "end" not in data:
        return None
    length = INTERVAL_MS[row.interval]
    first, last = to_ms(row.first_open_time), to_ms(row.last_open_time) + length
    start = max(_given(data["start"]) or first, first)
    end = min(_given(data["end"]) or last, last)
    return (row, start, end) if start < end else None


def _given(text: str) -> int | None:
    return to_ms(parse_utc(text)) if text else None


def _bars(form: RunForm, time_range: tuple[Dataset, int, int], preview: FormPreview) -> None:
    row, start, end = time_range
    holes = _holes(row.gaps, start, end, INTERVAL_MS[row.interval])
    count = (end - start) // INTERVAL_MS[row.interval] - holes
    share = form.cleaned_data.get("hold_out") or 0.0
    preview.lines.append(f"{count:,} bars, {(end - start) / DAY_MS:,.0f} days")
    if share:
        preview.lines.append(f"the last {share:.0%} held out")
    if holes:
        missing = "1 bar is" if holes == 1 else f"{holes:,} bars are"
        preview.warnings.append(f"{missing} missing in this period; a gap is not a bar")


def _holes(gaps: Sequence[Sequence[int]], start: int, end: int, length: int) -> int:
    """Return how many bars are missing inside the range."""
    return sum(
        (min(last, end - length) - max(first, start)) // length + 1
        for first, last in gaps
        if first < end and last >= start
    )


def _combinations(form: OptimisationForm, preview: FormPreview) -> None:
    if not form.grid() or "strategy" not in form.cleaned_data:
        preview.warnings.append("nothing to optimise yet: give at least one parameter a range")
        return
    try:
        size, allowed = form.count()
    except UserError as error:
        preview.warnings.append(str(error))
        return
    preview.lines.append(f"{size:,} combinations" + ("" if allowed is None else f", {allowed:,} allowed"))
    if allowed == 0:
        preview.warnings.append(
            "no combination satisfies the conditions and the strategy's own rules: widen the ranges"
        )
    if form.cleaned_data.get("method") != SearchMethod.GRID:
        preview.lines.append(f"at most {min(form.cleaned_data.get('max_trials') or size, size):,} trials of them")


def _windows(form: WalkForwardForm, time_range: tuple[Dataset, int, int], preview: FormPreview) -> None:
    train, test = form.cleaned_data.get("train_days"), form.cleaned_data.get("test_days")
    if not train or not test:
        return
    row, start, end = time_range
    a_day = DAY_MS / INTERVAL_MS[row.interval]
    count = (end - start) // INTERVAL_MS[row.interval]
    try:
        windows = walk_forward.windows(count, round(train * a_day), round(test * a_day))
    except UserError as error:
        preview.warnings.append(str(error))
        return
    preview.lines.append(f"{len(windows):,} windows")


def _simulation(form: MonteCarloForm, preview: FormPreview) -> None:
    backtest, paths = form.cleaned_data.get("backtest"), form.cleaned_data.get("paths")
    if backtest is not None and paths:
        preview.lines.append(f"{paths:,} paths of {backtest}")
    fees, slippages = form.cleaned_data.get("fee_multiples"), form.cleaned_data.get("slippages_bps")
    if fees and slippages:
        preview.lines.append(f"{len(fees) * len(slippages)} cells of the stress grid")
