"""Parts of a backtest's page that are loaded on their own: trades, candles, the trades' CSV."""

from __future__ import annotations

import csv

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from backtests.errors import RunError
from backtests.reports.backtest.candles import ChartWindow, candle_window
from backtests.reports.backtest.trades import TradeQuery, exact_rows, trade_table
from backtests.views.base import get_run

can_view = permission_required("backtests.view_backtest", raise_exception=True)


@can_view
def trades(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a page of trades, sorted and filtered as the address says."""
    run = get_run("backtest", pk)
    table = trade_table(run.result or {"trades": []}, TradeQuery.read(request.GET.dict()))
    return render(request, "backtests/trades.html", {"run": run, "table": table, "is_part": True})


@can_view
def candles(request: HttpRequest, pk: int) -> HttpResponse:
    """Return the candles of a window with the run's trades; a sentence if they cannot be shown."""
    run = get_run("backtest", pk)
    if not run.result:
        return JsonResponse({"problem": "This run has no result yet."}, status=404)
    try:
        return JsonResponse(candle_window(run, run.result, ChartWindow.read(request.GET.dict())))
    except RunError as error:
        return JsonResponse({"problem": str(error)}, status=409)


@can_view
def trades_csv(request: HttpRequest, pk: int) -> HttpResponse:
    """Return a backtest's trades, all of them, exact."""
    run = get_run("backtest", pk)
    response = HttpResponse(content_type="text/csv")
    response["Content-Disposition"] = f'attachment; filename="backtest-{pk}-trades.csv"'
    rows = exact_rows((run.result or {}).get("trades", []))
    if rows:
        writer = csv.DictWriter(response, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return response
