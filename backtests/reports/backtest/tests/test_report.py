"""A backtest's report: its figures agree with one another, its parts answer alone, and it stays small."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from django.urls import reverse

from backtests.models import Backtest
from backtests.runs import queue
from backtests.runs.inputs import RunRequest
from exchange.klines import store

pytestmark = pytest.mark.django_db
SETTINGS = {"stop_loss": "0.02", "take_profit": "0.04", "slippage_bps": "5", "ema_fast": "5", "ema_slow": "20"}
HOUR_MS = 3_600_000


@pytest.fixture
def run(market):
    return done(SETTINGS)


def done(settings) -> Backtest:
    made = queue.new_backtest(RunRequest("BTCUSDT", "1h", settings))
    queue.execute_backtest(made)
    made.refresh_from_db()
    assert made.status == "done", made.error
    return made


def show(client, run, **query):
    return client.get(reverse("backtests:show", args=["backtest", run.pk]), query)


def table(client, run, **query) -> dict:
    return client.get(reverse("backtests:trade_table", args=[run.pk]), query).context["table"]


def candles(client, run, **query) -> dict:
    return client.get(reverse("backtests:candles", args=[run.pk]), query).json()


def percent(text: str) -> float:
    return float(text.rstrip("%")) / 100


def test_the_breakdowns_add_up_to_the_metrics(admin_client, run):
    report = show(admin_client, run).context["report"]
    trades = [trade for trade in run.result["trades"] if trade["exit_time"]]
    net = sum(float(trade["net_pnl"]) for trade in trades)

    years = report["months"]["years"]
    whole = np.prod([1 + percent(year["total"]["text"]) for year in years]) - 1
    assert whole == pytest.approx(run.total_return, abs=2e-3)
    for year in years:
        months = np.prod([1 + percent(cell["text"]) for cell in year["months"] if cell["text"]]) - 1
        assert months == pytest.approx(percent(year["total"]["text"]), abs=5e-3)

    for group in report["groups"]:
        assert sum(row["count"] for row in group["rows"]) == len(trades)
        assert sum(row["value"] for row in group["rows"]) == pytest.approx(net)
    assert sum(part["count"] for part in report["distribution"]["bins"]) == len(trades)
    assert not any(part["from"] < 0 < part["to"] for part in report["distribution"]["bins"])
    won = sum(part["count"] for part in report["distribution"]["bins"] if part["from"] >= 0)
    assert won == sum(Decimal(trade["net_pnl"]) > 0 for trade in trades)

    costs = [float(row["value"].replace(",", "")) for row in report["costs"]["rows"]]
    assert float(report["costs"]["gross"].replace(",", "")) - sum(costs) == pytest.approx(net, abs=0.02)
    assert min(costs) > 0
    assert percent(report["drawdowns"][0]["depth"]) == pytest.approx(run.max_drawdown, abs=1e-3)


def test_every_metric_has_its_definition_and_buy_and_hold(admin_client, run):
    page = show(admin_client, run).content.decode()
    report = show(admin_client, run).context["report"]
    assert len(report["key_metrics"]) == 8
    for measure in (*report["key_metrics"], *report["metrics"]):
        assert measure["meaning"]
        assert measure["meaning"].replace("'", "&#x27;") in page
    hold = {row["name"]: row["buy_and_hold"] for row in report["metrics"]}
    assert hold["total_return"] == f"{run.result['metrics']['buy_and_hold_return']:.2%}"
    assert hold["sharpe"] is not None


def test_assumptions_name_what_the_result_stands_on(admin_client, run):
    page = show(admin_client, run).content.decode()
    told = (
        run.data_hash, run.result_hash, run.code_version, f"manage.py rerun {run.pk}", "open of the next bar",
        "0.1000%", "5 bps", "2023-03-24 13:00", "1 gap in the data",
    )  # fmt: skip
    for words in told:
        assert words in page
    assert "Code changed" not in page
    Backtest.objects.filter(pk=run.pk).update(code_version="older")
    assert "Code changed" in show(admin_client, run).content.decode()


def test_trades_are_filtered_sorted_and_paged(admin_client, run):
    trades = run.result["trades"]
    closed = [trade for trade in trades if trade["exit_time"]]
    assert table(admin_client, run)["found"] == len(trades)
    assert [row["number"] for row in table(admin_client, run)["rows"][:2]] == [len(trades), len(trades) - 1]
    stopped = table(admin_client, run, reason="stop_loss")
    assert stopped["found"] == sum(trade["exit_reason"] == "stop_loss" for trade in closed) > 0
    assert {row["reason"] for row in stopped["rows"]} == {"Stop loss"}
    won = table(admin_client, run, outcome="won", sort="-net")
    assert won["found"] == sum(float(trade["net_pnl"]) > 0 for trade in closed)
    assert won["rows"][0]["net"] == f"{max(float(trade['net_pnl']) for trade in closed):+,.2f}"
    april = table(admin_client, run, start="2023-04-01", end="2023-04-30", sort="entry_time")
    assert april["rows"][0]["entered"] >= "2023-04-01"
    assert april["found"] == sum("2023-04" in row["entered"] for row in all_rows(admin_client, run))
    assert table(admin_client, run, page="2")["rows"][0]["number"] == len(trades) - 25


def all_rows(client, run) -> list[dict]:
    pages = table(client, run)["page"].paginator.num_pages
    return [row for page in range(1, pages + 1) for row in table(client, run, page=page)["rows"]]


def test_a_table_of_trades_ignores_nonsense_in_its_address(admin_client, run):
    whole = table(admin_client, run, sort="__class__", outcome="x", start="soon", end="2023-99-99", page="-1")
    assert whole["found"] == len(run.result["trades"])
    assert table(admin_client, run, reason="<script>")["found"] == 0
    asked = table(admin_client, run, reason="signal", sort="-net")
    assert "reason=signal" in asked["next"]
    net = next(column for column in asked["columns"] if column["name"] == "net")
    assert (net["direction"], "sort=net" in net["link"]) == ("descending", True)


def test_the_file_of_trades_is_whole_and_exact(admin_client, run):
    answer = admin_client.get(reverse("backtests:trades", args=[run.pk]))
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert [row["net_pnl"] for row in rows] == [trade["net_pnl"] for trade in run.result["trades"]]
    assert rows[0]["entered_utc"].startswith("2023-")


def test_candles_are_exact_close_by_and_joined_from_afar(admin_client, run, klines):
    start = int(klines.open_time[1000])
    near = candles(admin_client, run, **{"from": start, "to": start + 199 * HOUR_MS, "bars": 300})
    assert near["bars_in_one"] == 1
    assert near["candles"]["close"] == klines.close[1000:1200].tolist()
    assert near["candles"]["time"][0] == start // 1000
    far = candles(admin_client, run, bars=100)
    assert far["bars_in_one"] == 40
    assert len(far["candles"]["time"]) == 100
    assert far["candles"]["high"][3] == klines.high[120:160].max()
    assert far["candles"]["low"][3] == klines.low[120:160].min()
    assert (far["candles"]["open"][3], far["candles"]["close"][3]) == (klines.open[120], klines.close[159])
    assert far["levels"] == []


def test_candles_carry_indicators_trades_and_the_stops_in_force(admin_client, run, klines):
    trade = next(trade for trade in run.result["trades"][3:] if trade["exit_reason"] == "stop_loss")
    window = candles(admin_client, run, **{"from": trade["entry_time"], "to": trade["exit_time"] + 5 * HOUR_MS})
    assert [(mark["side"], mark["price"]) for mark in window["marks"][:2]] == [
        ("entry", float(trade["entry_price"])),
        ("exit", float(trade["exit_price"])),
    ]
    held = [row for row in window["levels"] if row[0] <= trade["exit_time"] // 1000]
    assert [row[0] * 1000 for row in (held[0], held[-1])] == [trade["entry_time"], trade["exit_time"]]
    stop = float(trade["entry_price"]) * 0.98
    assert held[0][1] == pytest.approx(stop, abs=0.01)
    assert {one["name"]: one["pane"] for one in window["indicators"]} == {"EMA fast": "", "EMA slow": "", "RSI": "rsi"}
    # A window's indicators are the run's own, however little of the data it shows.
    row = int(np.searchsorted(klines.open_time, trade["entry_time"]))
    around = {"from": int(klines.open_time[row - 300]), "to": int(klines.open_time[row + 300])}
    whole = candles(admin_client, run, **around)
    at = whole["candles"]["time"].index(trade["entry_time"] // 1000)
    assert whole["indicators"][0]["values"][at] == window["indicators"][0]["values"][0]


def test_other_candles_than_the_runs_are_never_shown(admin_client, run, klines):
    bar = klines[100:101]
    changed = replace(bar, high=bar.high + 1)
    store.merge("BTCUSDT", changed, replace=True)
    answer = admin_client.get(reverse("backtests:candles", args=[run.pk]))
    assert answer.status_code == 409
    assert "changed since this run" in answer.json()["problem"]
    store.delete("BTCUSDT", "1h")
    assert "import them" in candles(admin_client, run)["problem"]


@pytest.mark.parametrize(
    "query", [{"from": "x"}, {"from": "9" * 15}, {"to": "0"}, {"from": "-5", "bars": "-9"}, {"bars": "1e9"}]
)
def test_any_chart_window_can_be_shown(admin_client, run, query):
    window = candles(admin_client, run, **query)
    assert 1 <= len(window["candles"]["time"]) <= 3000


def test_a_run_without_trades_reads_well(admin_client, market):
    run = done({"rsi_overbought": "1", "rsi_oversold": "0"})
    page = show(admin_client, run)
    text = page.content.decode()
    assert "No trades." in text
    assert "Not proven: no trade was closed" in text
    assert "never fell below its peak" in text
    assert page.context["report"]["groups"][0]["rows"] == []
    assert candles(admin_client, run)["marks"] == []


def test_rejected_entries_are_counted_by_rule(admin_client, market):
    run = done({**SETTINGS, "max_daily_trades": "1", "cooldown_bars": "6"})
    assert run.result["rejections"]
    page = show(admin_client, run).content.decode()
    assert "Cooldown" in page
    assert "Daily trade limit" in page


def test_an_older_result_still_shows_without_what_it_lacks(admin_client, market):
    run = done({**SETTINGS, "slippage_bps": "0"})
    stored = queue.unpack(run.series)
    old = {name: stored[name] for name in ("times", "equity", "daily")}
    new_months = show(admin_client, run).context["report"]["months"]
    Backtest.objects.filter(pk=run.pk).update(series=queue.pack(**old))
    page = show(admin_client, run)
    assert "before drawdowns were recorded" in page.content.decode()
    assert "from before slippage was recorded" in page.content.decode()
    totals = [year["total"]["text"] for year in page.context["report"]["months"]["years"]]
    assert totals == [year["total"]["text"] for year in new_months["years"]]
    assert page.context["report"]["charts"]["equity"][0][3] is None


def test_a_page_stays_small_and_quick_for_a_large_result(admin_client, run, django_assert_max_num_queries):
    """What a 1,000,000-bar run has: 20,000 trades, a thinned line, years of days. Times are in benchmarks/."""
    closed = [trade for trade in run.result["trades"] if trade["exit_time"]]
    many = [closed[number % len(closed)] for number in range(20_000)]
    series = queue.unpack(run.series)
    days = np.arange(19_000, 19_000 + 700)
    large = {
        "day": days, "day_equity": np.linspace(1000, 2000, 700), "day_close": np.linspace(1, 2, 700),
        "daily": np.full(699, 0.001) + np.arange(699) * 1e-6, "slippage": np.ones(20_000),
    }  # fmt: skip
    Backtest.objects.filter(pk=run.pk).update(
        result={**run.result, "trades": many}, series=queue.pack(**{**series, **large}), bars=1_000_000
    )
    with django_assert_max_num_queries(14):
        page = show(admin_client, run)
    assert len(page.content) < 300_000
    report = page.context["report"]
    assert len(report["trades"]["rows"]) == 25
    assert len(report["charts"]["equity"]) <= 2001
    assert len(report["charts"]["rolling"]) <= 800
    assert sum(part["count"] for part in report["distribution"]["bins"]) == 20_000
    with django_assert_max_num_queries(10):
        window = candles(admin_client, run)
    assert window["marks"] == []
    assert window["trades"] == 20_000
