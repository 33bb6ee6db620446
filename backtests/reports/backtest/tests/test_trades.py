"""The table of trades: read from an address, filtered, sorted, paged. Four trades, by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest
from django.http import QueryDict

from backtests.reports.backtest import trades
from backtests.reports.backtest.trades import TradeQuery, closed_trades, exact_rows, trade_table

HOUR_MS = 3_600_000


def at(day, hour=0) -> int:
    return round(datetime(2024, 1, day, hour, tzinfo=UTC).timestamp() * 1000)


def trade(day, net="0", reason="signal", *, hours=1, price="100", quantity="2", fees="1") -> dict:
    is_open = reason is None
    return {
        "entry_time": at(day), "entry_price": price, "quantity": quantity, "fees": fees, "net_pnl": net,
        "exit_time": None if is_open else at(day) + hours * HOUR_MS,
        "exit_price": None if is_open else "110", "exit_reason": reason,
    }  # fmt: skip


WON = trade(1, "20", "take_profit", hours=3)
LOST = trade(2, "-10", "stop_loss", hours=1, price="50")
EVEN = trade(3, "0", "signal", hours=2)
OPEN = trade(4, "-1", None)
RESULT = {"trades": [WON, LOST, EVEN, OPEN]}


def table(**query) -> dict:
    return trade_table(RESULT, TradeQuery.read(query))


def numbers(**query) -> list[int]:
    return [row["number"] for row in table(**query)["rows"]]


def column(name, **query) -> dict:
    return next(one for one in table(**query)["columns"] if one["name"] == name)


def test_columns_leave_out_the_open_trade():
    assert closed_trades(RESULT).net.tolist() == [20, -10, 0]


def test_the_cost_of_a_trade_is_price_times_quantity():
    assert closed_trades(RESULT).cost.tolist() == [200, 100, 200]


def test_the_gain_of_a_trade_is_its_net_over_its_cost():
    assert closed_trades(RESULT).gain.tolist() == [0.1, -0.1, 0]


def test_columns_of_no_trades_are_empty_and_typed():
    none = closed_trades({"trades": []})
    assert (len(none), none.entry_time.dtype, none.net.dtype) == (0, np.int64, np.float64)


def test_without_an_order_the_newest_trade_comes_first():
    assert numbers() == [4, 3, 2, 1]


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("number", [1, 2, 3, 4]),
        ("entry_price", [2, 1, 3, 4]),
        ("-held", [1, 3, 2, 4]),
        ("-net", [1, 3, 2, 4]),
        ("gain", [4, 2, 3, 1]),
        ("reason", [4, 3, 2, 1]),
        ("exit_time", [4, 1, 2, 3]),
        ("quantity", [4, 3, 2, 1]),  # no order by it is offered
        ("__class__", [4, 3, 2, 1]),
    ],
)
def test_trades_are_sorted_by_a_column(sort, order):
    assert numbers(sort=sort) == order


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"outcome": "won"}, [1]),
        ({"outcome": "lost"}, [2]),
        ({"outcome": "open"}, [4]),
        ({"outcome": "even"}, [4, 3, 2, 1]),  # no choice of the filter
        ({"reason": "stop_loss"}, [2]),
        ({"reason": "nonsense"}, []),
        ({"start": "2024-01-02", "end": "2024-01-03"}, [3, 2]),
        ({"start": "2024-01-04"}, [4]),
        ({"end": "2024-01-01"}, [1]),
        ({"start": "soon"}, [4, 3, 2, 1]),
        ({"outcome": "won", "reason": "stop_loss"}, []),
    ],
)
def test_trades_are_filtered(query, found):
    assert numbers(**query) == found


def test_the_numbers_of_a_filtered_table_are_those_of_the_whole():
    filtered = table(outcome="lost")
    assert (filtered["found"], filtered["total"]) == (1, 4)


def test_the_sum_leaves_out_the_open_trade():
    assert table()["net"] == "10.00"


def test_the_sum_is_of_the_matching_trades():
    assert table(outcome="lost")["net"] == "−10.00"


def test_the_filter_offers_the_reasons_that_there_are():
    assert table()["reasons"] == [("signal", "Signal"), ("stop_loss", "Stop loss"), ("take_profit", "Take profit")]


def test_a_closed_trade_has_its_duration_and_return():
    row = table(outcome="won")["rows"][0]
    assert (row["held"], row["gain"], row["net"]) == ("3 h", "+10.00%", "+20.00")


def test_an_open_trade_has_no_result_yet():
    row = table(outcome="open")["rows"][0]
    assert [row[name] for name in ("exited", "exit_price", "reason", "held", "net", "gain")] == [""] * 6


def test_an_open_trade_ends_on_the_chart_where_it_begins():
    row = table(outcome="open")["rows"][0]
    assert row["from_s"] == row["to_s"] == at(4) // 1000


@pytest.mark.parametrize(("text", "page"), [("2", 2), ("0", 0), ("-1", 1), ("1e3", 1), ("9999999", 1), ("", 1)])
def test_a_page_in_an_address_is_a_short_number(text, page):
    assert TradeQuery.read({"page": text}).page == page


def test_pages_link_to_each_other(monkeypatch):
    monkeypatch.setattr(trades, "PAGE", 3)
    first, second = table(), table(page="2")
    assert (first["previous"], first["next"], second["previous"], second["next"]) == (None, "page=2", "", None)


def test_the_last_page_has_the_rest(monkeypatch):
    monkeypatch.setattr(trades, "PAGE", 3)
    assert numbers(page="2") == [1]


def test_a_page_after_the_last_is_the_last(monkeypatch):
    monkeypatch.setattr(trades, "PAGE", 3)
    assert numbers(page="9") == [1]


def test_an_address_reads_back_as_the_same_query():
    query = TradeQuery("-net", "stop_loss", "won", date(2024, 1, 2), date(2024, 1, 3), 4)
    assert TradeQuery.read(QueryDict(query.address()).dict()) == query


def test_an_address_names_only_what_is_not_usual():
    assert TradeQuery().address() == ""


def test_an_address_escapes_what_a_person_typed():
    assert TradeQuery(reason="a&b=c").address() == "reason=a%26b%3Dc"


@pytest.mark.parametrize("fields", [{"reason": "signal"}, {"outcome": "won"}, {"start": date(2024, 1, 1)}])
def test_a_filter_is_known_to_be_one(fields):
    assert TradeQuery(**fields).is_filtered


def test_an_order_is_no_filter():
    assert not TradeQuery(sort="net", page=3).is_filtered


@pytest.mark.parametrize(
    ("name", "sort", "link"),
    [
        ("net", "number", "sort=-net"),  # numbers: the largest first
        ("net", "-net", "sort=net"),
        ("net", "net", "sort=-net"),
        ("reason", "number", "sort=reason"),
        ("exit_time", "number", "sort=-exit_time"),
    ],
)
def test_a_heading_links_to_its_order_or_the_reverse(name, sort, link):
    assert column(name, sort=sort)["link"] == link


def test_a_heading_begins_again_at_the_first_page():
    assert column("net", page="2")["link"] == "sort=-net"


def test_a_heading_that_is_no_order_has_no_link():
    assert column("quantity")["link"] is None


def test_a_heading_says_how_it_is_sorted():
    assert (column("net", sort="-net")["direction"], column("net", sort="net")["direction"]) == (
        "descending",
        "ascending",
    )


def test_a_file_has_every_value_exact_and_times_as_text():
    (row,) = exact_rows([WON])
    assert row == {**WON, "entered_utc": "2024-01-01 00:00", "exited_utc": "2024-01-01 03:00"}


def test_a_file_leaves_the_exit_of_an_open_trade_empty():
    assert exact_rows([OPEN])[0]["exited_utc"] == ""
