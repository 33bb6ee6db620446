"""A person at the admin in a real browser: logs in, makes a bot, reads its page, at any width."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.utils import timezone
from playwright.sync_api import Page, sync_playwright

from bots.models import BotConfig, Trade
from bots.tests import builders
from bots.trading import tick
from bots.trading.context import context_for_tick
from exchange.api.errors import RequestRejected
from exchange.factory import connect
from exchange.models import ApiKey

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium"),
]


@pytest.fixture
def page() -> Iterator[Page]:
    """Open a browser. Any error that a page reports fails the test."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                complaints.append(f"{message.text} {message.location}") if message.type == "error" else None
            ),
        )
        yield page
        browser.close()
    assert complaints == []


@pytest.fixture
def logged_in(page: Page, live_server) -> Page:
    call_command("migrate", verbosity=0, interactive=False)
    get_user_model().objects.create_superuser("operator", password="right-password")
    page.goto(f"{live_server.url}/admin/")
    page.fill("#id_username", "operator")
    page.fill("#id_password", "right-password")
    page.click("[type=submit]")
    page.wait_for_selector(".site-nav")
    return page


def test_a_person_logs_in_and_makes_a_bot_through_the_form(logged_in: Page, live_server):
    builders.btcusdt()
    key = builders.paper_key()
    page = logged_in
    page.goto(f"{live_server.url}/admin/bots/botconfig/add/")
    assert page.is_visible("#id_ema_fast")
    assert not page.is_visible("#id_donchian__entry_period")
    page.select_option("#id_strategy", "donchian")
    assert page.is_visible("#id_donchian__entry_period")
    page.select_option("#id_strategy", "ema_rsi")
    page.fill("#id_name", "Morning bot")
    page.select_option("#id_api_key", str(key.pk))
    page.fill("#id_symbol", "BTCUSDT")
    page.fill("#id_stop_loss", "0.025")
    assert page.inner_text(".field-stop_loss output") == "= 2.5 %"
    page.click("[name=_save]")
    page.wait_for_selector(".bot-header")
    assert page.inner_text(".bot-header h1") == "Morning bot"
    assert "Simulated" in page.inner_text(".money-banner")
    assert BotConfig.objects.get().name == "Morning bot"


def test_the_live_page_draws_its_chart_and_refreshes_its_figures(logged_in: Page, live_server):
    made = builders.with_history(builders.bot("Alpha"), until=timezone.now())
    page = logged_in
    page.goto(f"{live_server.url}/admin/bots/botconfig/{made.pk}/live/")
    page.wait_for_selector("#bot-chart canvas")
    assert "lightweight-charts" in page.inner_text(".attribution")
    BotConfig.objects.filter(pk=made.pk).update(initial_capital=4321)
    page.wait_for_selector("text=capital 4,321.00", timeout=12_000)


@pytest.mark.parametrize("width", [390, 1440])
def test_no_page_is_wider_than_the_screen(logged_in: Page, live_server, width: int):
    made = builders.with_history(builders.bot("Alpha"), until=timezone.now())
    page = logged_in
    page.set_viewport_size({"width": width, "height": 900})
    for address in (
        "",
        "bots/botconfig/",
        f"bots/botconfig/{made.pk}/live/",
        f"bots/botconfig/{made.pk}/change/",
        "bots/decision/",
        "bots/trade/",
        "exchange/apikey/add/",
        "django_celery_beat/periodictask/",
        "kill-switch/",
    ):
        page.goto(f"{live_server.url}/admin/{address}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address


# Many, so that whenever the test runs one of them has just broken out.
BASES = (
    *("BTC", "ETH", "BNB", "SOL", "XRP", "ADA", "DOGE", "LTC", "TRX", "LINK", "DOT", "AVAX", "UNI", "ATOM", "ETC"),
    *("XLM", "FIL", "NEAR", "APT", "ARB", "OP", "INJ", "AAVE", "ALGO", "SAND", "MANA", "EGLD", "XTZ", "EOS", "GRT"),
)


def market_with_a_breakout(key: ApiKey) -> tuple[str, str]:
    """Return a symbol and timeframe of the paper market whose newest closed bar is a two-bar breakout."""
    exchange = connect(key)
    now_ms = exchange.server_time_ms()
    for symbol in (f"{base}USDT" for base in BASES):
        for timeframe in ("2h", "4h", "6h", "8h", "12h", "1d"):
            try:
                klines = exchange.klines(symbol, timeframe, limit=5)
            except RequestRejected:
                continue  # not offered there
            is_closed = [klines.close_time_ms(row) < now_ms for row in range(len(klines))]
            closed = klines[: sum(is_closed)]
            if closed.close[-1] > max(closed.high[-3:-1]):
                return symbol, timeframe
    pytest.fail("no market of the paper exchange breaks out at present")


def test_a_person_makes_a_key_and_a_bot_starts_it_and_sees_its_trade(logged_in: Page, live_server, settings, redis_url):
    settings.PAPER_URL = f"{live_server.url}/paper"
    page = logged_in
    page.goto(f"{live_server.url}/admin/exchange/apikey/add/")
    page.fill("#id_name", "My paper key")
    page.click("[name=_save]")
    page.wait_for_selector(".messagelist .success")
    key = ApiKey.objects.get()
    symbol, timeframe = market_with_a_breakout(key)

    page.goto(f"{live_server.url}/admin/bots/botconfig/add/")
    page.fill("#id_name", "Breakout")
    page.select_option("#id_api_key", str(key.pk))
    page.fill("#id_symbol", symbol)
    page.select_option("#id_timeframe", timeframe)
    page.select_option("#id_strategy", "donchian")
    page.fill("#id_donchian__entry_period", "2")
    page.fill("#id_donchian__exit_period", "2")
    page.fill("#id_stop_loss", "5 %")
    page.fill("#id_take_profit", "10 %")
    page.fill("#id_max_signal_age_s", "86400")
    page.click("[name=_save]")
    page.wait_for_selector(".bot-header")

    page.click("button:text-is('Start')")
    page.wait_for_selector(".badge.running")
    tick.run_bot(BotConfig.objects.get().pk, context_for_tick)  # the schedule's tick, as the worker runs it

    page.wait_for_selector("text=Active stop", timeout=12_000)
    assert page.is_visible(".badge.enter")
    assert page.is_visible(".badge.filled")
    assert Trade.objects.get().stop_price is not None
