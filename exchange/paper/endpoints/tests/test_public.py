"""The public endpoints answer in the exchange's own words and types, through the whole way that a request takes."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from exchange.paper.account.accounts import AccountTerms, create_account
from exchange.paper.http.dispatch import RawRequest, serve
from exchange.paper.market.clock import ManualClock
from exchange.paper.market.load import market_from_spec
from exchange.paper.market.registry import MarketRegistry

NOW = 1_735_689_600_000 + 40 * 86_400_000 + 30 * 60_000 + 1  # 2025-02-10 00:30
HOUR, DAY = 3_600_000, 86_400_000

pytestmark = pytest.mark.django_db


class PublicCaller:
    """Asks one simulated exchange on a manual clock."""

    def __init__(self, spec: str = "simulated:5", exchange_info: Path | None = None, slippage_bps: str = "0") -> None:
        account = create_account("public", spec, {}, AccountTerms(slippage_bps=Decimal(slippage_bps)))
        self.clock = ManualClock(NOW)
        self.market = market_from_spec(spec, exchange_info)
        self.venues = MarketRegistry()
        self.venues.install(account, clock=self.clock, market=self.market, default=True)
        self.headers: dict[str, str] = {}

    def raw(self, path: str, **params: Any) -> tuple[int, Any]:
        request = RawRequest("GET", path, urlencode(params).encode(), headers=self.headers)
        response = serve(request, self.venues)
        self.answered = response.headers
        return response.status, json.loads(response.body)

    def get(self, path: str, **params: Any) -> Any:
        status, body = self.raw(path, **params)
        assert status == 200, body
        return body

    def refusal(self, path: str, **params: Any) -> int:
        status, body = self.raw(path, **params)
        assert status == 400, body
        assert set(body) == {"code", "msg"}
        return int(body["code"])


@pytest.fixture
def exchange() -> PublicCaller:
    return PublicCaller()


def kinds(value: Any) -> Any:
    """Return the shape of an answer: names and JSON types, a list's by its first element."""
    if isinstance(value, dict):
        return {name: kinds(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [kinds(value[0])] if value else []
    return type(value).__name__


def official(shared_data: Path, endpoint: str, label: str = "Response") -> Any:
    examples = json.loads((shared_data / "rest_samples/official_docs/rest-api.json").read_text())
    return next(e["json"] for e in examples if e["endpoint"] == f"GET /api/v3/{endpoint}" and e["label"] == label)


def recorded(shared_data: Path, name: str) -> Any:
    return json.loads((shared_data / f"rest_samples/recorded/btcusdt_2021-10-22_{name}.json").read_text())


def test_time_is_the_walls_whatever_the_market_shows(exchange: PublicCaller) -> None:
    assert exchange.get("ping") == {}
    assert abs(exchange.get("time")["serverTime"] - time.time() * 1000) < 2000
    exchange.headers = {"x-mbx-time-unit": "MICROSECOND"}
    assert abs(exchange.get("time")["serverTime"] - time.time() * 1e6) < 2e6


def test_answers_have_the_recorded_names_and_types(exchange: PublicCaller, shared_data: Path) -> None:
    for path, sample in [
        ("ticker/price", recorded(shared_data, "ticker_price")),
        ("ticker/bookTicker", recorded(shared_data, "book_ticker")),
        ("avgPrice", official(shared_data, "avgPrice")),
        ("trades", recorded(shared_data, "trades")),
        ("ticker/24hr", official(shared_data, "ticker/24hr", "Response - FULL")),
    ]:
        assert kinds(exchange.get(path, symbol="BTCUSDT")) == kinds(sample), path
    mini = official(shared_data, "ticker/24hr", "Response - MINI")
    assert kinds(exchange.get("ticker/24hr", symbol="BTCUSDT", type="MINI")) == kinds(mini)
    book = exchange.get("depth", symbol="BTCUSDT")
    assert kinds(book) == kinds(recorded(shared_data, "depth"))
    row = exchange.get("klines", symbol="BTCUSDT", interval="1h")[0]
    assert [type(item) for item in row] == [type(item) for item in recorded(shared_data, "klines")[0]]


def test_exchange_info_is_asked_for_in_one_way_at_a_time(exchange: PublicCaller, shared_data: Path) -> None:
    one = exchange.get("exchangeInfo", symbol="BTCUSDT")
    sample = json.loads((shared_data / "exchange_info.json").read_text())
    assert set(one) == set(sample)
    assert set(one["symbols"][0]) == set(sample["symbols"][0])
    assert one["rateLimits"] == sample["rateLimits"]
    two = exchange.get("exchangeInfo", symbols='["ETHUSDT","BTCUSDT"]')
    assert [entry["symbol"] for entry in two["symbols"]] == ["ETHUSDT", "BTCUSDT"]
    assert len(exchange.get("exchangeInfo")["symbols"]) > 10
    assert exchange.get("exchangeInfo", symbolStatus="HALT")["symbols"] == []
    assert exchange.get("exchangeInfo", permissions='["MARGIN"]')["symbols"] == []
    assert "permissionSets" not in exchange.get("exchangeInfo", showPermissionSets="false")["symbols"][0]
    assert exchange.refusal("exchangeInfo", symbol="BTCUSDT", symbols='["ETHUSDT"]') == -1128
    assert exchange.refusal("exchangeInfo", symbol="BTCUSDT", symbolStatus="TRADING") == -1128
    assert exchange.refusal("exchangeInfo", symbol="NOSUCH") == -1121
    assert exchange.refusal("exchangeInfo", symbolStatus="ASLEEP") == -1122


def test_klines_follow_bounds_units_and_time_zones(exchange: PublicCaller) -> None:
    rows = exchange.get("klines", symbol="BTCUSDT", interval="1h", limit=2)
    assert [row[0] for row in rows] == [NOW // HOUR * HOUR - HOUR, NOW // HOUR * HOUR]
    assert exchange.get("uiKlines", symbol="BTCUSDT", interval="1h", limit=2) == rows
    assert len(exchange.get("klines", symbol="BTCUSDT", interval="1m")) == 500
    assert len(exchange.get("klines", symbol="BTCUSDT", interval="1m", limit=5000)) == 1000
    micro = exchange.get("klines", symbol="BTCUSDT", interval="1h", startTime=rows[0][0] * 1000, limit=1)
    assert micro == rows[:1]
    east = exchange.get("klines", symbol="BTCUSDT", interval="1d", timeZone="+5:30", limit=1)
    assert (east[0][0] + 19_800_000) % DAY == 0
    exchange.headers = {"x-mbx-time-unit": "microsecond"}
    fine = exchange.get("klines", symbol="BTCUSDT", interval="1h", limit=2)
    assert (fine[0][0], fine[0][6]) == (rows[0][0] * 1000, rows[1][0] * 1000 - 1)
    assert fine[0][1:6] == rows[0][1:6]


@pytest.mark.parametrize(
    ("path", "params", "code"),
    [
        ("klines", {"interval": "1h"}, -1102),
        ("klines", {"symbol": "BTCUSDT"}, -1102),
        ("klines", {"symbol": "", "interval": "1h"}, -1105),
        ("klines", {"symbol": "btc usdt", "interval": "1h"}, -1100),
        ("klines", {"symbol": "NOSUCH", "interval": "1h"}, -1121),
        ("klines", {"symbol": "BTCUSDT", "interval": "1H"}, -1120),
        ("klines", {"symbol": "BTCUSDT", "interval": "1s"}, -1120),
        ("klines", {"symbol": "BTCUSDT", "interval": "1h", "limit": "-1"}, -1100),
        ("klines", {"symbol": "BTCUSDT", "interval": "1h", "startTime": "x"}, -1100),
        ("klines", {"symbol": "BTCUSDT", "interval": "1h", "timeZone": "15"}, -1130),
        ("klines", {"symbol": "BTCUSDT", "interval": "1h", "foo": "1"}, -1104),
        ("depth", {}, -1102),
        ("depth", {"symbol": "NOSUCH"}, -1121),
        ("trades", {"symbol": "BTCUSDT", "limit": "0"}, -1130),
        ("avgPrice", {"symbol": "NOSUCH"}, -1121),
        ("ticker/price", {"symbol": "NOSUCH"}, -1121),
        ("ticker/price", {"symbol": "BTCUSDT", "symbols": '["ETHUSDT"]'}, -1128),
        ("ticker/price", {"symbols": "BTCUSDT"}, -1100),
        ("ticker/price", {"symbol": "BTCUSDT", "symbolStatus": "HALT"}, -1220),
        ("ticker/24hr", {"symbol": "BTCUSDT", "type": "HUGE"}, -1139),
        ("ping", {"x": "1"}, -1101),
    ],
)
def test_every_way_of_asking_wrongly_has_its_code(
    exchange: PublicCaller, path: str, params: dict[str, str], code: int
) -> None:
    assert exchange.refusal(path, **params) == code


def test_book_and_tickers_show_what_a_market_order_gets() -> None:
    exchange = PublicCaller(slippage_bps="5")
    last = Decimal(exchange.get("ticker/price", symbol="BTCUSDT")["price"])
    assert last == Decimal(exchange.get("klines", symbol="BTCUSDT", interval="1m", limit=1)[0][1])
    best = exchange.get("ticker/bookTicker", symbol="BTCUSDT")
    bid, ask = Decimal(best["bidPrice"]), Decimal(best["askPrice"])
    assert 0 <= last * Decimal("0.9995") - bid < Decimal("0.01")
    assert 0 <= ask - last * Decimal("1.0005") < Decimal("0.01")
    book = exchange.get("depth", symbol="BTCUSDT", limit=7)
    assert (book["bids"][0], book["asks"][0]) == (
        [best["bidPrice"], best["bidQty"]],
        [best["askPrice"], best["askQty"]],
    )
    assert len(book["bids"]) == len(book["asks"]) == 7
    assert [Decimal(p) for p, _ in book["bids"]] == sorted((Decimal(p) for p, _ in book["bids"]), reverse=True)
    assert [Decimal(p) for p, _ in book["asks"]] == sorted(Decimal(p) for p, _ in book["asks"])
    full = exchange.get("ticker/24hr", symbol="BTCUSDT")
    assert (full["bidPrice"], full["askPrice"]) == (best["bidPrice"], best["askPrice"])


def test_one_symbol_is_an_object_and_several_are_a_list(exchange: PublicCaller) -> None:
    assert exchange.get("ticker/price", symbol="ETHUSDT")["symbol"] == "ETHUSDT"
    named = exchange.get("ticker/price", symbols='["ETHUSDT"]')
    assert [entry["symbol"] for entry in named] == ["ETHUSDT"]
    assert len(exchange.get("ticker/bookTicker")) == len(exchange.get("exchangeInfo")["symbols"])
    assert len(exchange.get("ticker/24hr", type="MINI")) > 10


def test_the_last_day_is_that_of_the_candles(exchange: PublicCaller) -> None:
    day = exchange.get("ticker/24hr", symbol="BTCUSDT")
    rows = exchange.get("klines", symbol="BTCUSDT", interval="30m", limit=49)[1:]  # now is just past a half hour
    assert Decimal(day["highPrice"]) >= max(Decimal(row[2]) for row in rows[1:])
    assert Decimal(day["lastPrice"]) == Decimal(rows[-1][4])
    assert day["closeTime"] == NOW
    assert day["openTime"] == NOW - DAY
    change = Decimal(day["lastPrice"]) - Decimal(day["openPrice"])
    assert Decimal(day["priceChange"]) == change
    assert Decimal(day["lowPrice"]) <= Decimal(day["weightedAvgPrice"]) <= Decimal(day["highPrice"])
    assert day["count"] == day["lastId"] - day["firstId"] + 1


def test_trades_are_ascending_within_their_bars_and_the_same_again(exchange: PublicCaller) -> None:
    trades = exchange.get("trades", symbol="BTCUSDT", limit=41)
    assert len(trades) == 41
    assert [t["id"] for t in trades] == sorted({t["id"] for t in trades})
    assert [t["time"] for t in trades] == sorted(t["time"] for t in trades)
    assert trades[-1]["time"] <= NOW
    assert trades[-1]["price"] == exchange.get("ticker/price", symbol="BTCUSDT")["price"]
    bar = exchange.get("klines", symbol="BTCUSDT", interval="1m", limit=2)[0]
    inside = [t for t in trades if bar[0] <= t["time"] <= bar[6]]
    prices = [Decimal(t["price"]) for t in inside]
    assert [prices[0], max(prices), min(prices), prices[-1]] == [Decimal(text) for text in bar[1:5]]
    assert exchange.get("trades", symbol="BTCUSDT", limit=41) == trades
    assert all(Decimal(t["quoteQty"]) == Decimal(t["price"]) * Decimal(t["qty"]) for t in trades)


def test_weights_are_those_of_the_documentation(exchange: PublicCaller) -> None:
    def used(path: str, **params: Any) -> int:
        before = int(exchange.raw("ping")[1] == {} and exchange.answered["X-MBX-USED-WEIGHT-1M"])
        exchange.get(path, **params)
        return int(exchange.answered["X-MBX-USED-WEIGHT-1M"]) - before

    assert used("klines", symbol="BTCUSDT", interval="1h") == 2
    assert used("exchangeInfo") == 20
    assert [used("ticker/price", symbol="BTCUSDT"), used("ticker/price")] == [2, 4]
    assert [used("depth", symbol="BTCUSDT", limit=n) for n in (100, 500, 1000, 5000)] == [5, 25, 50, 250]
    assert [used("ticker/24hr", symbol="BTCUSDT"), used("ticker/24hr", type="MINI")] == [2, 80]


def test_a_replays_klines_show_nothing_later_than_its_clock(shared_data: Path) -> None:
    path = shared_data / "starter/BTCUSDT-1h-20230101-20241231.csv.gz"
    exchange = PublicCaller(f"replay:{path}")
    start = 1_700_000_000_000 // HOUR * HOUR
    exchange.clock = ManualClock(start + 1)
    exchange.venues.install(exchange.venues._default, clock=exchange.clock)
    rows = exchange.get("klines", symbol="BTCUSDT", interval="1h", limit=3, endTime=start + 50 * HOUR)
    assert [row[0] for row in rows] == [start - 2 * HOUR, start - HOUR, start]
    assert rows[-1][1:6] == [rows[-1][1]] * 4 + ["0.00000000"]
    assert exchange.get("klines", symbol="BTCUSDT", interval="1h", startTime=start + 1) == []
    assert exchange.refusal("klines", symbol="BTCUSDT", interval="30m") == -1120
