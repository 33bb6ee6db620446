"""A person starts a search from its form in a real browser, watches it, reads its verdict and heat map, applies it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from django.db import connections
from playwright.sync_api import Page

from backtests.models import Optimisation
from backtests.optimisation import rounds
from backtests.runs import queue
from backtests.runs.inputs import RunRequest
from backtests.walk_forward import runner
from bots.pages.tests.test_browser import CHROMIUM, logged_in, page  # noqa: F401  (fixtures)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium"),
]


@pytest.fixture
def step_by_step(monkeypatch) -> Iterator[threading.Event]:
    """Run queued optimisations in a thread, the second chunk once the event is set."""
    go_on, make, made = threading.Event(), rounds.evaluate_chunk, []
    monkeypatch.setattr(rounds, "CHUNK_TRIALS", 4)

    def waiting(chunk_id: int, **options: int) -> bool:
        if made:
            go_on.wait(60)
        made.append(chunk_id)
        return make(chunk_id, **options)

    monkeypatch.setattr(rounds, "evaluate_chunk", waiting)
    started: list[threading.Thread] = []

    def work(run: Optimisation) -> None:
        try:
            rounds.run_in_process(run)
        finally:
            connections.close_all()

    def enqueue(run: Optimisation) -> None:
        started.append(threading.Thread(target=work, args=(run,)))
        started[-1].start()

    monkeypatch.setattr("backtests.tasks.enqueue", enqueue)
    yield go_on
    go_on.set()
    for thread in started:
        thread.join(60)


def test_a_search_is_started_watched_read_and_applied(logged_in: Page, live_server, bot, step_by_step):  # noqa: F811
    page = logged_in  # noqa: F811
    page.goto(f"{live_server.url}/admin/bots/botconfig/{bot.pk}/live/")
    page.click("text=Optimise…")
    for name, low, high, step in (("ema_fast", "5", "8", "1"), ("ema_slow", "30", "50", "10")):
        for part, value in (("from", low), ("to", high), ("step", step)):
            page.fill(f"[name=range__ema_rsi__{name}_{part}]", value)
    page.fill("#id_min_trades", "3")
    page.wait_for_selector("#preview >> text=12 combinations, 12 allowed")
    page.click("text=Start optimisation")

    page.wait_for_selector("#progress >> text=4 of 12 trials")
    page.wait_for_selector("#progress >> text=Best so far")
    assert not page.query_selector(".verdict")
    step_by_step.set()
    page.wait_for_selector(".verdict >> text=12 trials", timeout=60_000)
    page.wait_for_selector("#heat-chart canvas")
    page.wait_for_selector("#parallel-chart canvas")
    page.wait_for_selector("#plateau-chart canvas")

    page.click("#best >> text=Apply to bot…")
    page.fill("#reason", "read its verdict")
    page.click("text=Save as new version")
    page.wait_for_selector("text=Revert")
    best = Optimisation.objects.get().result["best"]["parameters"]
    bot.refresh_from_db()
    assert (bot.ema_fast, bot.ema_slow) == (best["ema_fast"], best["ema_slow"])
    page.click("#best button:text-is('Revert')")
    page.wait_for_selector("text=is as it was before")
    bot.refresh_from_db()
    assert (bot.ema_fast, bot.ema_slow) == (12, 26)


@pytest.mark.parametrize("width", [390, 1440])
def test_no_page_of_research_is_wider_than_the_screen(logged_in: Page, live_server, bot, width: int):  # noqa: F811
    page = logged_in  # noqa: F811
    asked = RunRequest("BTCUSDT", "1h", {})
    grid = {"grid": ["ema_fast=5:8", "ema_slow=30:50:10"], "min_trades": 1}
    search = rounds.new_optimisation(asked, grid)
    rounds.run_in_process(search)
    walk_forward = runner.new_walk_forward(asked, {**grid, "train_days": 60, "test_days": 30, "anchored": False})
    runner.execute_walk_forward(walk_forward)
    backtest = queue.new_backtest(asked)
    queue.execute_backtest(backtest)
    backtest.refresh_from_db()
    simulated = queue.new_monte_carlo(backtest, {"method": "bootstrap", "paths": 200})
    queue.execute_monte_carlo(simulated)
    page.set_viewport_size({"width": width, "height": 900})
    for address in (
        *(f"new/{kind}" for kind in ("backtest", "optimisation", "walkforward", "montecarlo")),
        f"optimisation/{search.pk}",
        f"optimisation/{search.pk}/trials/3",
        f"walkforward/{walk_forward.pk}",
        f"montecarlo/{simulated.pk}",
    ):
        page.goto(f"{live_server.url}/backtests/{address}/")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
