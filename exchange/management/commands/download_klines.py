"""Fetch candles from the exchange into the store, going on where an earlier download stopped."""

from __future__ import annotations

import contextlib
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError

from core.errors import UserError
from core.progress import progress_bar
from core.times import format_utc, parse_utc, to_datetime, to_ms
from exchange.klines import intervals
from exchange.klines.download import KlineSpan, PublicKlines, download, missing_spans
from exchange.klines.report import print_coverage, terminal
from exchange.models import Dataset

DEFAULT_HOST = "https://api.binance.com"


class Command(BaseCommand):
    help = (
        "Download candles of a symbol and interval. Only what is not stored yet is asked for, so the same command goes "
        "on after an interruption (Ctrl-C keeps what has come so far)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("symbol", help="As in BTCUSDT.")
        parser.add_argument("interval", help="As in 1h.")
        parser.add_argument("--from", dest="start", help="ISO date or time, UTC; the first there is unless given.")
        parser.add_argument(
            "--to", dest="end", help="ISO date or time, UTC, excluded; the last whole bar if not given."
        )
        parser.add_argument("--base-url", default=DEFAULT_HOST, help="The exchange's root, above /api/v3.")

    def handle(self, *args: Any, **options: Any) -> None:
        symbol, interval = options["symbol"].upper(), options["interval"]
        if not intervals.is_interval(interval):
            raise CommandError(f"there is no interval {interval!r}; use one of {' '.join(intervals.INTERVALS)}")
        start, end = _time_ms("--from", options["start"]), _time_ms("--to", options["end"])
        if start is not None and end is not None and start >= end:
            raise CommandError(f"--from {options['start']} is not before --to {options['end']}")
        source = PublicKlines(options["base_url"])
        try:
            span = self._available(source, symbol, interval, start, end)
            self._download(source, symbol, interval, span)
        except UserError as error:
            raise CommandError(str(error)) from error

    def _available(
        self, source: PublicKlines, symbol: str, interval: str, start: int | None, end: int | None
    ) -> KlineSpan:
        """Return the requested span as far as the exchange has whole bars of it, without the bar in progress."""
        first, newest = source.open_time(symbol, interval, startTime=0), source.open_time(symbol, interval)
        span = KlineSpan(max(first, start or 0), min(newest, end if end is not None else newest))
        if span.start_ms >= span.end_ms:
            raise CommandError(
                f"the exchange has no whole bars of {symbol} {interval} in that span: it has them from {_iso(first)} "
                f"to before {_iso(newest)}"
            )
        return span

    def _download(self, source: PublicKlines, symbol: str, interval: str, span: KlineSpan) -> None:
        before = Dataset.objects.filter(symbol=symbol, interval=interval).first()
        rows_before = before.rows if before else 0
        try:
            with _bar(symbol, interval, span) as progress:
                download(source, symbol, interval, span, progress)
        except KeyboardInterrupt:
            raise CommandError("interrupted; what had come is stored, the same command goes on from there") from None
        dataset = Dataset.objects.filter(symbol=symbol, interval=interval).first()
        if dataset is None:
            raise CommandError(f"the exchange has no bars of {symbol} {interval} in that span")
        console = terminal(self.stdout)
        missing = missing_spans(symbol, interval, span.start_ms, span.end_ms)
        notes = {"new bars": f"{dataset.rows - rows_before:,}", "duplicate rows": "none"}
        if missing:
            notes["spans the exchange has no bars for"] = f"{len(missing):,}"
        print_coverage(console, dataset, notes)


@contextlib.contextmanager
def _bar(symbol: str, interval: str, span: KlineSpan) -> Iterator[Any]:
    """Show a progress bar over the bars of the span. Yield what `download` calls with the open time it has reached."""
    numbers = [int(n) for n in intervals.bar_numbers(interval, _array(span.start_ms, span.end_ms))]
    with progress_bar(f"{symbol} {interval}", "bars", max(numbers[1] - numbers[0], 1)) as show:

        def reached(open_time_ms: int) -> None:
            show(int(intervals.bar_numbers(interval, _array(open_time_ms))[0]) + 1 - numbers[0])

        yield reached
        show(max(numbers[1] - numbers[0], 1))


def _array(*times_ms: int) -> Any:
    return np.array(times_ms, dtype=np.int64)


def _time_ms(option: str, text: str | None) -> int | None:
    if not text:
        return None
    try:
        return to_ms(parse_utc(text))
    except ValueError:
        raise CommandError(
            f"{option} {text!r} is no ISO date or time, for example 2024-01-31 or 2024-01-31T12:00"
        ) from None


def _iso(time_ms: int) -> str:
    return format_utc(to_datetime(time_ms))
