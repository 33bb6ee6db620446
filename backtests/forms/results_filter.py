"""The filter of the list of results: words, dates, minimum metrics, order."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import F, Q, QuerySet

# Name in the address: (column, heading, whether the largest comes first).
ORDERS = {
    "newest": ("created_at", "Newest", True),
    "return": ("total_return", "Return", True),
    "sharpe": ("sharpe", "Sharpe ratio", True),
    "drawdown": ("max_drawdown", "Max. drawdown", False),
    "trades": ("closed_trades", "Trades", True),
}


class ResultsFilterForm(forms.Form):
    """A filter of results. Every field may stay empty."""

    q = forms.CharField(
        label="Search",
        required=False,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": "symbol, bot, strategy, note"}),
    )
    start = forms.DateField(label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    end = forms.DateField(label="to", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    least_return = forms.FloatField(label="Min. return, %", required=False)
    least_sharpe = forms.FloatField(label="Min. Sharpe", required=False)
    least_trades = forms.IntegerField(label="Min. trades", required=False, min_value=0)
    sort = forms.ChoiceField(
        label="Sort by",
        required=False,
        choices=[("", "Pinned, newest"), *((name, label) for name, (_, label, _) in ORDERS.items())],
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("least_return", "least_sharpe"):
            self.fields[name].widget.attrs["step"] = "any"

    def apply(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return the matching rows in order. A field that cannot be read filters nothing and shows its error."""
        self.is_valid()
        filters = self.cleaned_data
        for word in filters.get("q", "").split():
            rows = rows.filter(
                Q(symbol__icontains=word)
                | Q(interval=word)
                | Q(strategy__icontains=word)
                | Q(bot__name__icontains=word)
                | Q(note__icontains=word)
            )
        conditions = {
            "end_at__date__gt": filters.get("start"),
            "start_at__date__lte": filters.get("end"),
            "total_return__gte": None if filters.get("least_return") is None else filters["least_return"] / 100,
            "sharpe__gte": filters.get("least_sharpe"),
            "closed_trades__gte": filters.get("least_trades"),
        }
        rows = rows.filter(**{name: value for name, value in conditions.items() if value is not None})
        if filters.get("sort"):
            column, _, is_falling = ORDERS[filters["sort"]]
            order = F(column).desc(nulls_last=True) if is_falling else F(column).asc(nulls_last=True)
            rows = rows.order_by(order, "-created_at")
        return rows

    @property
    def is_filtering(self) -> bool:
        return any(value not in (None, "") for name, value in self.cleaned_data.items() if name != "sort")

    @property
    def is_filtering_more(self) -> bool:
        """Return True if a field that a phone folds away is in use or has an error."""
        filters = {name: value for name, value in self.cleaned_data.items() if name != "q"}
        return bool(self.errors) or any(value not in (None, "") for value in filters.values())
