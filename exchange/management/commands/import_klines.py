"""Bring candle files into the store: all of a file or nothing."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from rich.console import Console

from exchange.klines import store
from exchange.klines.files import FileReport, read_report
from exchange.klines.report import print_coverage, terminal
from exchange.klines.series import KlinesInvalid


class Command(BaseCommand):
    help = (
        "Import candles from Binance's 12-column CSV (plain, .gz or .zip) or Parquet, times in ms or µs. Symbol and "
        "interval come from names like BTCUSDT-1h-2024-01.csv unless given. One bad row, and nothing is stored."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE")
        parser.add_argument("--symbol", help="As in BTCUSDT; for all files.")
        parser.add_argument("--interval", help="As in 1h; for all files.")
        parser.add_argument("--replace", action="store_true", help="New bars win where they contradict stored ones.")

    def handle(self, *args: Any, **options: Any) -> None:
        console = terminal(self.stdout)
        try:
            # All files are read before any is stored, so that a bad one among them leaves nothing behind.
            reports = [read_report(path, options["symbol"], options["interval"]) for path in options["files"]]
        except KlinesInvalid as error:
            raise CommandError(f"{error}. Nothing was stored.") from error
        try:
            self._store(console, reports, options["replace"])
        except KlinesInvalid as error:
            for symbol, interval in {(report.symbol, report.klines.interval) for report in reports}:
                store.sweep(symbol, interval)
            raise CommandError(f"{error}. Nothing was stored.") from error

    def _store(self, console: Console, reports: list[FileReport], replace: bool) -> None:
        shown = []
        with transaction.atomic():
            for report in reports:
                merged = store.merge(report.symbol, report.klines, replace=replace)
                notes = {"from file": report.path, "new bars": f"{merged.added:,}"}
                if merged.repeated:
                    notes["known already"] = f"{merged.repeated:,}"
                if merged.replaced:
                    notes["replaced"] = f"{merged.replaced:,}"
                notes["duplicate rows in the file"] = f"{report.duplicates:,} (identical, dropped)"
                if not report.duplicates:
                    notes["duplicate rows in the file"] = "none"
                shown.append((merged.dataset, notes))
        for dataset, notes in shown:
            print_coverage(console, dataset, notes)
