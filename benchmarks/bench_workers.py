"""A search as Celery chunks: the wall time that one worker takes, and two.

    python benchmarks/bench_workers.py [--trials 9600]

Real PostgreSQL, Redis and `celery worker` processes of one process each, on throw-away data; from the ring of the
doorbell to a judged result, every trial stored. A first, small search warms each worker.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from data import seeded_bars

from tradingsite.embedded.servers.postgres import Postgres
from tradingsite.embedded.servers.sockets import make_socket_folder
from tradingsite.embedded.servers.valkey import Valkey

ROOT = Path(__file__).resolve().parent.parent
BARS = 100_000
PATIENCE_S = 3600
COMMON = ("ema_fast=5:24", "ema_slow=30:68:2")  # 400 pairs
INFO = {
    "symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT", "isSpotTradingAllowed": True,
    "baseAssetPrecision": 8, "quoteAssetPrecision": 8, "orderTypes": ["LIMIT", "MARKET", "STOP_LOSS_LIMIT"],
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
        {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"},
        {"filterType": "NOTIONAL", "minNotional": "5", "applyMinToMarket": True, "avgPriceMins": 5},
    ],
}  # fmt: skip


@contextmanager
def servers(folder: Path) -> Iterator[None]:
    """PostgreSQL and Redis under `folder`, and an environment that names them, for us and the workers we start."""
    run = folder / "run"
    postgres, redis = Postgres(folder / "postgres", run, durable=False), Valkey(folder / "redis", run, durable=False)
    make_socket_folder(run)
    postgres.initialise()
    with ExitStack() as stopping:
        for server in (postgres, redis):
            process = server.start()
            stopping.callback(server.stop, process)
            server.wait_until_ready(process)
        os.environ |= {
            "VAR_DIR": str(folder / "var"),
            "KLINES_URL": str(folder / "klines"),
            "DATABASE_URL": postgres.url("postgres"),
            "CELERY_BROKER_URL": redis.broker_url(0),
            "REDIS_URL": redis.url(1),
            "LOG_LEVEL": "ERROR",
            "DJANGO_SETTINGS_MODULE": "tradingsite.settings",
        }
        yield


def prepare() -> None:
    """Make a migrated database with the seeded bars and the symbol's rules."""
    import django

    django.setup()
    import numpy as np

    from exchange import symbol_catalogue
    from exchange.api.types import Klines
    from exchange.klines import store
    from tradingsite.embedded.database.migrations import ensure_migrated

    ensure_migrated()
    store.merge("BTCUSDT", Klines("1m", *seeded_bars(BARS), np.ones(BARS)))
    symbol_catalogue.store("paper", [INFO])


@contextmanager
def workers(count: int) -> Iterator[None]:
    """So many workers of the research queue, of one process each, taking tasks."""
    from django.conf import settings

    from tradingsite.celery import app

    command = (sys.executable, "-m", "celery", "-q", "-A", "tradingsite", "worker", "-Q", settings.RESEARCH_QUEUE)
    options = ("--without-gossip", "--without-mingle", "-c", "1")
    started = [subprocess.Popen([*command, "-n", f"bench{n}@%h", *options], cwd=ROOT) for n in range(count)]
    try:
        give_up = time.monotonic() + 120
        while len(app.control.ping(timeout=1.0) or []) < count:
            if time.monotonic() > give_up or any(process.poll() is not None for process in started):
                raise SystemExit("a worker did not start")
        yield
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(timeout=60)


def search(levels: int) -> tuple[Any, float]:
    """Have 400 x `levels` trials made, and the seconds that took."""
    from backtests import tasks
    from backtests.optimisation import rounds
    from backtests.runs.inputs import RunRequest

    plan = {"grid": [*COMMON, "rsi_overbought=" + ",".join(f"{60 + n / 2:g}" for n in range(levels))]}
    settings = {"initial_capital": "100000000", "position_size_mode": "percent", "position_size_perc": "1"}
    one = rounds.new_optimisation(RunRequest("BTCUSDT", "1m", settings), plan, hold_out=0.0)
    began = time.perf_counter()
    tasks.enqueue(one)
    while one.is_unfinished:
        time.sleep(0.05)
        one.refresh_from_db()
        if time.perf_counter() - began > PATIENCE_S:
            raise SystemExit("the search did not end")
    took = time.perf_counter() - began
    if one.status != "done":
        raise SystemExit(f"the search ended as {one.status}: {one.error}")
    return one, took


def making_seconds(one: Any) -> float:
    """From the first chunk's claim to the last one's end: without the queueing before and the judging after."""
    from django.db.models import Max, Min

    time_range = one.chunks.aggregate(first=Min("claimed_at"), last=Max("done_at"))
    return (time_range["last"] - time_range["first"]).total_seconds()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=9600, help="a multiple of 400")
    levels = max(parser.parse_args().trials // 400, 1)
    folder = Path(tempfile.mkdtemp(prefix="tradingsite-bench-"))
    whole, making = {}, {}
    try:
        with servers(folder):
            prepare()
            for count in (1, 2):
                with workers(count):
                    search(1)
                    one, whole[count] = search(levels)
                    making[count] = making_seconds(one)
                    sys.stdout.write(
                        f"{count} worker(s): {one.trials_made:,} trials of {BARS:,} bars in {whole[count]:.1f} s from "
                        f"the ring to the judged result, {making[count]:.1f} s of it making trials\n"
                    )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    ratio, alone = whole[1] / whole[2], making[1] / making[2]
    sys.stdout.write(f"two workers: {ratio:.2f} x one; of the trials alone {alone:.2f} x\n")


if __name__ == "__main__":
    main()
