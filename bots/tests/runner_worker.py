"""A worker of its own for crash and race tests: `python -m bots.tests.runner_worker BOT_ID MARKET_MS` runs one tick.

As a Celery app (`celery -A bots.tests.runner_worker worker`) it is the site's own, with `tick_at` beside its tasks:
what `run_bot_task` does, at the market time of a manual clock, which the tests move.
"""

from __future__ import annotations

import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradingsite.settings")

import django

django.setup()

from bots import runner  # noqa: E402
from bots.desk import Desk  # noqa: E402
from bots.models import BotConfig  # noqa: E402
from exchange.candles import shared_candles  # noqa: E402
from exchange.connect import connect  # noqa: E402
from exchange.symbols import rules_for  # noqa: E402
from tradingsite.celery import app  # noqa: E402


def desk_at(bot_id: int, market_ms: int) -> Desk:
    """What a bot works with, at a market time that a test has set."""
    bot = BotConfig.objects.select_related("api_key").get(pk=bot_id)
    exchange = connect(bot.api_key)
    candles = shared_candles(exchange, bot.api_key)
    return Desk(exchange, candles, rules_for(bot.api_key, bot.symbol), market_ms)


def tick(bot_id: int, market_ms: int) -> runner.Tick:
    """One whole run of a bot through the real client, at that market time."""
    return runner.run_bot(bot_id, desk=desk_at(bot_id, market_ms))


@app.task(name="bots.tests.tick_at", ignore_result=True)
def tick_at(bot_id: int, market_ms: int) -> None:
    """`run_bot_task` on a manual clock."""
    tick(bot_id, market_ms)


if __name__ == "__main__":
    done = tick(int(sys.argv[1]), int(sys.argv[2]))
    print(done.outcome, done.message)
