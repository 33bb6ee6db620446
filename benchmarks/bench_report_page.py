"""A backtest's report over 1,000,000 bars: what its page, its candles and its trades cost the server.

    python benchmarks/bench_report_page.py [--bars 1000000] [--repeat 7]

Seeded 1-minute bars, thousands of trades, a throw-away database and store. Each address is asked as a browser asks it,
through all of the site's middleware: median of the repeats in milliseconds, first answer, bytes, queries.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

SYMBOL, MINUTE_MS, START_MS = "BTCUSDT", 60_000, 1_640_995_200_000
SETTINGS = {"stop_loss": "0.01", "trailing_stop": "0.02", "take_profit": "0.03", "slippage_bps": "2", "fee_rate": "0"}


def seeded_klines(bars: int) -> Any:
    """Make a random series of 1-minute bars with highs and lows around it, prices in cents."""
    from exchange.api.types import Klines

    rng = np.random.default_rng(7)
    close = 30_000 * np.exp(np.cumsum(rng.standard_t(4, bars) * 0.0006))
    opened = np.concatenate(([30_000.0], close[:-1]))
    high = np.maximum(opened, close) * (1 + rng.exponential(0.0003, bars))
    low = np.minimum(opened, close) * (1 - rng.exponential(0.0003, bars))
    times = START_MS + MINUTE_MS * np.arange(bars, dtype=np.int64)
    opened, high, low, close = (np.round(column, 2) for column in (opened, high, low, close))
    return Klines("1m", times, opened, high, low, close, np.round(rng.exponential(20, bars), 5))


def finished_run(bars: int) -> Any:
    """Put a backtest on record, as its task leaves it."""
    from django.utils import timezone

    from backtests.runs import queue
    from backtests.runs.inputs import RunRequest
    from exchange.klines import store
    from exchange.models import Symbol

    filters = [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "10000000", "tickSize": "0.01"},
        {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"},
        {"filterType": "NOTIONAL", "minNotional": "5"},
    ]
    info = {
        "symbol": SYMBOL, "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT", "filters": filters,
        "orderTypes": ["MARKET", "LIMIT", "STOP_LOSS"], "baseAssetPrecision": 8, "quoteAssetPrecision": 8,
    }  # fmt: skip
    Symbol.objects.create(venue="live", name=SYMBOL, base="BTC", quote="USDT", info=info, read_at=timezone.now())
    store.merge(SYMBOL, seeded_klines(bars))
    run = queue.new_backtest(RunRequest(SYMBOL, "1m", SETTINGS))
    started = time.perf_counter()
    queue.execute_backtest(run)
    run.refresh_from_db()
    if run.status != "done" or run.result is None:
        raise SystemExit(f"the backtest failed: {run.error}")
    seconds = time.perf_counter() - started
    sys.stdout.write(f"{run.bars:,} bars, {len(run.result['trades']):,} trades, made and stored in {seconds:.2f} s\n")
    return run


def measure(name: str, client: Any, address: str, repeat: int) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    taken, size, queries = [], 0, 0
    for _ in range(repeat):
        started = time.perf_counter()
        with CaptureQueriesContext(connection) as asked:
            answer = client.get(address, SERVER_NAME="localhost")
        taken.append((time.perf_counter() - started) * 1000)
        if answer.status_code != 200:
            raise SystemExit(f"{address} answered {answer.status_code}: {answer.content[:300]!r}")
        size, queries = len(answer.content), len(asked)
    told = f"{statistics.median(taken):8.0f} ms   first {taken[0]:6.0f} ms   {size:9,} bytes   {queries} queries"
    sys.stdout.write(f"{name:<30}{told}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bars", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-report-") as folder:
        os.environ |= {"VAR_DIR": folder, "DJANGO_SETTINGS_MODULE": "tradingsite.settings", "LOG_LEVEL": "ERROR"}
        import django

        from tradingsite.embedded.servers.running import running_servers

        with running_servers():
            django.setup()
            from tradingsite.embedded.database.scratch import scratch_database

            with scratch_database():
                ask(options.bars, options.repeat)


def ask(bars: int, repeat: int) -> None:
    from django.contrib.auth import get_user_model
    from django.test import Client
    from django.urls import reverse

    run = finished_run(bars)
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("bench"))
    candles, table = reverse("backtests:candles", args=[run.pk]), reverse("backtests:trade_table", args=[run.pk])
    middle = START_MS + bars // 2 * MINUTE_MS
    two_days_on = middle + 2880 * MINUTE_MS
    measure("report page", client, reverse("backtests:show", args=["backtest", run.pk]), repeat)
    measure("candles of the whole run", client, candles, repeat)
    window = f"{candles}?from={middle}&to={two_days_on}&bars=3000"
    measure("candles of two days, exact", client, window, repeat)
    measure("trades by net profit", client, f"{table}?sort=-net&outcome=won", repeat)
    measure("list of results", client, reverse("backtests:home"), repeat)


if __name__ == "__main__":
    main()
