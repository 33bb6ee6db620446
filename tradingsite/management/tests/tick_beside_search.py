"""On a running site: keep the research worker busy with a long search, tick a bot meanwhile, print how that went.

`python -m tradingsite.management.tests.tick_beside_search`, in the site's environment.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import django

django.setup()

import numpy as np  # noqa: E402
from django.conf import settings  # noqa: E402

from backtests import tasks  # noqa: E402
from backtests.models import Optimisation  # noqa: E402
from backtests.optimisation import rounds  # noqa: E402
from backtests.runs import queue  # noqa: E402
from backtests.runs.inputs import RunRequest  # noqa: E402
from bots.control import demo  # noqa: E402
from bots.models import BotRun  # noqa: E402
from bots.tasks import run_bot_task  # noqa: E402
from exchange.api.types import Klines  # noqa: E402
from exchange.klines import store  # noqa: E402

BARS = 300_000
GRID = ["ema_fast=2:101", "ema_slow=110:309"]  # 20,000 trials
PATIENCE_S = 120.0


def candles() -> Klines:
    rng = np.random.default_rng(7)
    close = np.round(30_000 * np.exp(np.cumsum(rng.standard_t(4, BARS) * 0.0004)), 2)
    open_ = np.concatenate([close[:1], close[:-1]])
    times = 1_704_067_200_000 + np.arange(BARS, dtype=np.int64) * 60_000
    return Klines("1m", times, open_, np.maximum(open_, close), np.minimum(open_, close), close, np.ones(BARS))


def seconds_until(claim: Callable[[], bool]) -> float:
    began = time.monotonic()
    while not claim():
        if time.monotonic() - began > PATIENCE_S:
            raise SystemExit("it did not come about")
        time.sleep(0.05)
    return time.monotonic() - began


def chunks_in_hand(search: Optimisation) -> int:
    search.refresh_from_db()
    if search.error:
        raise SystemExit(search.error)
    return search.chunks.filter(claimed_at__isnull=False, done_at__isnull=True).count()


def main() -> None:
    bot = demo.create_bots()[1][0]
    demo.start_live(bot)
    store.merge("BTCUSDT", candles())
    search = rounds.new_optimisation(RunRequest("BTCUSDT", "1m", {}), {"grid": GRID})
    tasks.enqueue(search)
    seconds_until(lambda: chunks_in_hand(search) == settings.RESEARCH_CONCURRENCY)
    before = BotRun.objects.filter(bot=bot).count()
    run_bot_task.delay(bot.pk)
    waited_s = seconds_until(lambda: BotRun.objects.filter(bot=bot).count() > before)
    in_hand = chunks_in_hand(search)
    outcome = BotRun.objects.filter(bot=bot).latest("started_at").outcome
    print(json.dumps({"waited_s": waited_s, "outcome": outcome, "chunks_in_hand": in_hand,
                      "chunks_left": search.chunks.filter(claimed_at__isnull=True).count()}))  # fmt: skip
    queue.cancel(search)


if __name__ == "__main__":
    main()
