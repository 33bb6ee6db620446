"""A worker of its own for crash and race tests.

`python -m bots.trading.tests.processes.worker` reads lines of `BOT_ID MARKET_MS PAPER_URL`. It forks a process for each
tick, as Celery's pool does, and prints `started PID`, then `ended STATUS`, negative if a signal ended it.

`celery -A bots.trading.tests.processes.worker worker` is the site's own app with one more task: `tick_at` does what
`run_bot_task` does, at the market time of a manual clock, which the tests set.
"""

from __future__ import annotations

import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradingsite.settings")

import django

django.setup()

from celery.signals import worker_init, worker_ready  # noqa: E402
from django.conf import settings  # noqa: E402

from bots.models import BotConfig  # noqa: E402
from bots.tasks import sweep_at_once  # noqa: E402
from bots.trading import tick as runner  # noqa: E402
from bots.trading.context import TradingContext  # noqa: E402
from exchange.factory import connect  # noqa: E402
from exchange.klines.candles import shared_candles  # noqa: E402
from exchange.symbol_catalogue import rules_for  # noqa: E402
from tradingsite.celery import app  # noqa: E402


@worker_init.connect
def leave_out_the_sweep(**_: object) -> None:
    """Its runs would go by the wall's clock, years after the market's."""
    worker_ready.disconnect(sweep_at_once)


def context_at(bot_id: int, market_ms: int) -> TradingContext:
    """Return a bot's context at a market time that a test has set."""
    bot = BotConfig.objects.select_related("api_key").get(pk=bot_id)
    exchange = connect(bot.api_key)
    candles = shared_candles(exchange, bot.api_key)
    return TradingContext(exchange, candles, rules_for(bot.api_key, bot.symbol), market_ms)


def tick(bot_id: int, market_ms: int) -> runner.TickResult:
    """One whole run of a bot through the real client, at that market time."""
    return runner.run_bot(bot_id, lambda _: context_at(bot_id, market_ms))


@app.task(name="bots.tests.tick_at", ignore_result=True)
def tick_at(bot_id: int, market_ms: int) -> None:
    """`run_bot_task` on a manual clock."""
    tick(bot_id, market_ms)


def serve() -> None:
    """Until standard input ends: fork, tick, tell what became of it."""
    for line in sys.stdin:
        bot_id, market_ms, paper_url = line.split()
        child = os.fork()
        if child == 0:
            settings.PAPER_URL = paper_url
            tick(int(bot_id), int(market_ms))
            os._exit(0)
        print("started", child, flush=True)
        print("ended", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    serve()
