"""A person at the pages of results in a real browser: starts a backtest, reads its report, compares two."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from backtests.models import Backtest
from backtests.runs import queue
from backtests.runs.inputs import RunRequest
from bots.pages.tests import test_browser as at_the_admin

pytestmark = at_the_admin.pytestmark
page, logged_in = at_the_admin.page, at_the_admin.logged_in
SETTINGS = {"stop_loss": "0.02", "take_profit": "0.04", "slippage_bps": "5", "ema_fast": "5", "ema_slow": "20"}


@pytest.fixture(scope="module")
def klines(two_years):
    return two_years[:6000]


def done(settings: dict[str, str]) -> Backtest:
    run = queue.new_backtest(RunRequest("BTCUSDT", "1h", settings))
    queue.execute_backtest(run)
    run.refresh_from_db()
    assert run.result
    return run


def test_a_person_starts_a_backtest_from_the_form_and_reads_its_report(logged_in: Page, live_server, market, redis_url):
    page = logged_in
    page.goto(f"{live_server.url}/backtests/")
    assert "No backtest yet" in page.inner_text(".first-result")
    page.click("text=New run")
    page.fill("[name=stop_loss]", "0.02")
    page.click(".start-row [type=submit]")
    page.wait_for_selector(".page-head .run-line")
    queue.execute_backtest(Backtest.objects.get())  # the task, as the worker runs it
    page.wait_for_selector(".verdict h2", timeout=15_000)
    run = Backtest.objects.get()
    assert page.inner_text(".verdict h2") == run.verdict["sentence"]
    assert page.locator(".key-figures .tile").count() == 8
    page.click("[popovertarget=what-sharpe]")
    assert "sample standard deviation" in page.inner_text("#what-sharpe")
    assert page.is_visible("#what-sharpe")
    page.keyboard.press("Escape")
    page.wait_for_selector("#equity-chart canvas")
    page.wait_for_selector("#distribution-chart canvas")
    assert "manage.py rerun" in page.inner_text("#assumptions")


def test_scales_candles_and_trades_answer_a_persons_hands(logged_in: Page, live_server, market):
    run = done(SETTINGS)
    page = logged_in
    page.goto(f"{live_server.url}/backtests/backtest/{run.pk}/")
    page.click("[data-scale=log]")
    assert page.get_attribute("[data-scale=log]", "aria-pressed") == "true"
    assert page.get_attribute("#equity-chart", "data-mode") == "log"

    page.wait_for_selector("#candles-chart[data-ready=yes]")
    page.click("[data-tools=candles] [data-zoom=all]")
    page.wait_for_selector("#candles-chart[data-bars-in-one='2']")
    page.wait_for_selector("#candles-note:has-text('2 bars in each candle')")  # a moment after the bars
    for _ in range(4):
        page.click("[data-tools=candles] [data-zoom=in]")
    page.wait_for_selector("#candles-chart[data-bars-in-one='1']")
    page.wait_for_selector("#candles-note:has-text('bars in view')")
    page.click("#candles-behind summary")
    page.wait_for_selector("#candles-table tbody tr:nth-child(21)")

    page.select_option("#trades [name=reason]", "stop_loss")
    page.wait_for_selector("#trades [role=status]:has-text(' of ')")
    assert set(page.locator("#trades tbody td:nth-child(7)").all_inner_texts()) == {"Stop loss"}
    page.click("#trades th a:text-is('Net PnL')")
    page.wait_for_selector("#trades th[aria-sort=descending]:has-text('Net')")
    texts = page.locator("#trades tbody td:nth-child(10)").all_inner_texts()
    nets = [float(text.replace(",", "").replace("−", "-")) for text in texts]
    assert nets == sorted(nets, reverse=True)
    assert len(nets) > 5

    number = page.inner_text("#trades tbody tr:nth-child(2) td:first-child")
    page.click("#trades tbody tr:nth-child(2) td:first-child a")
    page.wait_for_selector(f"#candles-chart[data-marks~='{number}']")


@pytest.mark.parametrize("how", ["button", "keys"])
def test_a_report_is_fitted_to_paper_while_it_prints(logged_in: Page, live_server, market, how):
    page = logged_in
    page.goto(f"{live_server.url}/backtests/backtest/{done(SETTINGS).pk}/")
    page.wait_for_selector("#candles-chart[data-ready=yes]")
    page.evaluate("window.print = () => { document.body.dataset.printed = document.documentElement.className; }")
    page.click("[data-print]") if how == "button" else page.keyboard.press("Control+p")
    page.wait_for_selector("body[data-printed*=on-paper]")
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert not page.evaluate("document.documentElement.classList.contains('on-paper')")


def test_two_results_are_ticked_and_compared(logged_in: Page, live_server, market):
    one, other = done(SETTINGS), done({**SETTINGS, "ema_fast": "8"})
    page = logged_in
    page.goto(f"{live_server.url}/backtests/")
    for run in (one, other):
        page.check(f"[name=id][value='{run.pk}']")
    page.click("text=Compare two to six")
    page.wait_for_selector("#lines-chart canvas")
    assert page.locator("tr.differs").all_inner_texts()[0].split() == ["≠", "Fast", "EMA", "8", "5"]
    assert "★" in page.inner_text("section[aria-labelledby=figures-title] tbody")


@pytest.mark.parametrize("width", [390, 1440])
def test_no_page_of_results_is_wider_than_the_screen(logged_in: Page, live_server, market, width: int):
    one, other = done(SETTINGS), done({"rsi_overbought": "1", "rsi_oversold": "0"})
    page = logged_in
    page.set_viewport_size({"width": width, "height": 900})
    for address in (
        "",
        f"backtest/{one.pk}/",
        f"backtest/{other.pk}/",
        f"compare/?id={one.pk}&id={other.pk}",
        "compare/",
    ):
        page.goto(f"{live_server.url}/backtests/{address}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
