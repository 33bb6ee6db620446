"""The trades of a run as columns, and as a table that is sorted, filtered and paged on the server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
from django.core.paginator import Page, Paginator
from django.http import QueryDict
from numpy.typing import NDArray

from backtests.reports.formats import moment, price
from core.formats import duration, money, signed

PAGE = 25
# Column of the table: its heading, and whether it is a number.
COLUMNS = (
    ("number", "#", True),
    ("entry_time", "Entry time", False),
    ("entry_price", "Entry price", True),
    ("quantity", "Quantity", True),
    ("exit_time", "Exit time", False),
    ("exit_price", "Exit price", True),
    ("reason", "Exit reason", False),
    ("held", "Duration", True),
    ("fees", "Fees", True),
    ("net", "Net PnL", True),
    ("gain", "Return", True),
)
SORTABLE = frozenset(name for name, _, _ in COLUMNS) - {"exit_price", "quantity"}


@dataclass(frozen=True, slots=True)
class TradeColumns:
    """Closed trades, oldest first, as arrays of equal length; money in quote, times in ms."""

    entry_time: NDArray[np.int64]
    exit_time: NDArray[np.int64]
    net: NDArray[np.float64]
    fees: NDArray[np.float64]
    cost: NDArray[np.float64]
    reason: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.net)

    @property
    def gain(self) -> NDArray[np.float64]:
        """Return the net profit over the cost of the position."""
        return self.net / self.cost


def closed_trades(result: Mapping[str, Any]) -> TradeColumns:
    rows = [trade for trade in result["trades"] if trade["exit_time"] is not None]
    prices = np.array([float(trade["entry_price"]) for trade in rows])
    return TradeColumns(
        entry_time=np.array([trade["entry_time"] for trade in rows], dtype=np.int64),
        exit_time=np.array([trade["exit_time"] for trade in rows], dtype=np.int64),
        net=np.array([float(trade["net_pnl"]) for trade in rows]),
        fees=np.array([float(trade["fees"]) for trade in rows]),
        cost=prices * np.array([float(trade["quantity"]) for trade in rows]),
        reason=np.array([trade["exit_reason"] for trade in rows], dtype=np.str_),
    )


def reason_text(reason: str) -> str:
    return reason.replace("_", " ").capitalize()


@dataclass(frozen=True, slots=True)
class TradeQuery:
    """The sorting and filters of the table. Nonsense in an address is ignored, never an error."""

    sort: str = "-number"
    reason: str = ""
    outcome: str = ""
    start: date | None = None
    end: date | None = None
    page: int = 1

    @classmethod
    def read(cls, query: Mapping[str, str]) -> TradeQuery:
        sort = query.get("sort", "")
        outcome = query.get("outcome", "")
        number = query.get("page", "")
        return cls(
            sort=sort if sort.removeprefix("-") in SORTABLE else "-number",
            reason=query.get("reason", ""),
            outcome=outcome if outcome in ("won", "lost", "open") else "",
            start=_date(query.get("start", "")),
            end=_date(query.get("end", "")),
            page=int(number) if number.isdecimal() and len(number) < 7 else 1,
        )

    @property
    def is_filtered(self) -> bool:
        return bool(self.reason or self.outcome or self.start or self.end)

    def address(self, **changes: Any) -> str:
        """Return the query string of the same table with something changed."""
        values = {
            "sort": self.sort, "reason": self.reason, "outcome": self.outcome, "start": self.start, "end": self.end,
            "page": self.page, **changes,
        }  # fmt: skip
        query = QueryDict(mutable=True)
        plain = {"sort": "-number", "page": 1}
        query.update({name: str(value) for name, value in values.items() if value and value != plain.get(name)})
        return query.urlencode()


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def trade_table(result: Mapping[str, Any], query: TradeQuery) -> dict[str, Any]:
    """Return one page of the matching trades, with links that sort and turn pages."""
    numbered = list(enumerate(result["trades"], 1))
    matching = [pair for pair in numbered if _matches(pair[1], query)]
    matching.sort(key=lambda pair: _key(pair, query.sort.removeprefix("-")), reverse=query.sort.startswith("-"))
    page: Page[Any] = Paginator(matching, PAGE).get_page(query.page)
    return {
        "asked": query,
        "columns": [_column(name, label, is_number, query) for name, label, is_number in COLUMNS],
        "rows": [_row(number, trade) for number, trade in page],
        "page": page,
        "total": len(numbered),
        "found": len(matching),
        "net": money(sum(float(trade["net_pnl"]) for _, trade in matching if trade["exit_time"] is not None)),
        "reasons": [
            (reason, reason_text(reason))
            for reason in sorted({trade["exit_reason"] for trade in result["trades"] if trade["exit_reason"]})
        ],
        "previous": query.address(page=page.number - 1) if page.has_previous() else None,
        "next": query.address(page=page.number + 1) if page.has_next() else None,
    }


def _matches(trade: Mapping[str, Any], query: TradeQuery) -> bool:
    if query.reason and trade["exit_reason"] != query.reason:
        return False
    if query.outcome and _outcome(trade) != query.outcome:
        return False
    day = datetime.fromtimestamp(trade["entry_time"] / 1000, tz=UTC).date()
    return not ((query.start and day < query.start) or (query.end and day > query.end))


def _outcome(trade: Mapping[str, Any]) -> str:
    """Return open, won, lost, or even for exactly 0."""
    if trade["exit_time"] is None:
        return "open"
    net = float(trade["net_pnl"])
    return "won" if net > 0 else "lost" if net < 0 else "even"


def _gain(trade: Mapping[str, Any]) -> float:
    return float(trade["net_pnl"]) / (float(trade["entry_price"]) * float(trade["quantity"]))


def _key(pair: tuple[int, Mapping[str, Any]], name: str) -> Any:
    """Return the sort key of a row. An open trade, which has no result yet, comes before all others."""
    number, trade = pair
    if name == "number":
        return number
    if name in ("entry_time", "entry_price", "fees"):
        return float(trade[name])
    if trade["exit_time"] is None:
        return "" if name == "reason" else float("-inf")
    match name:
        case "reason":
            return trade["exit_reason"]
        case "held":
            return trade["exit_time"] - trade["entry_time"]
        case "net":
            return float(trade["net_pnl"])
        case "gain":
            return _gain(trade)
    return float(trade[name])


def _column(name: str, label: str, is_number: bool, query: TradeQuery) -> dict[str, Any]:
    """Return a heading whose link sorts by it, largest first for numbers, or turns the order round."""
    direction = {name: "ascending", f"-{name}": "descending"}.get(query.sort, "")
    first = f"-{name}" if is_number or name.endswith("time") else name
    turned = name if query.sort == f"-{name}" else f"-{name}"
    link = query.address(sort=turned if direction else first, page=1) if name in SORTABLE else None
    return {"label": label, "is_number": is_number, "direction": direction, "link": link, "name": name}


def _row(number: int, trade: Mapping[str, Any]) -> dict[str, Any]:
    outcome = _outcome(trade)
    is_open = outcome == "open"
    end = trade["entry_time"] if is_open else trade["exit_time"]
    return {
        "number": number,
        "entered": moment(trade["entry_time"]),
        "entry_price": price(trade["entry_price"]),
        "quantity": trade["quantity"],
        "exited": moment(trade["exit_time"]),
        "exit_price": "" if is_open else price(trade["exit_price"]),
        "reason": "" if is_open else reason_text(trade["exit_reason"]),
        "held": "" if is_open else duration((trade["exit_time"] - trade["entry_time"]) / 1000),
        "fees": money(trade["fees"]),
        "net": "" if is_open else signed(trade["net_pnl"]),
        "gain": "" if is_open else f"{_gain(trade):+.2%}",
        "outcome": outcome,
        "from_s": trade["entry_time"] // 1000,
        "to_s": end // 1000,
    }


def exact_rows(trades: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return every trade for a file: exact, and with its times as text too."""
    return [
        {**trade, "entered_utc": moment(trade["entry_time"]), "exited_utc": moment(trade["exit_time"])}
        for trade in trades
    ]
