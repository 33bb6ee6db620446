"""Parts of a backtest's page that are asked for on their own: a page of its trades, a window of candles, a file."""

from __future__ import annotations

import csv

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from backtests.reports.backtest.candles import Window, candle_window
from backtests.reports.backtest.trades import TradeQuery, exact_rows, trade_table
from backtests.runs.inputs import RunError
from backtests.views.base import run_of

may_view = permission_required("backtests.view_backtest", raise_exception=True)


@may_view
def trades(request: HttpRequest, pk: int) -> HttpResponse:
    """A page of trades, sorted and filtered as the address says."""
    run = run_of("backtest", pk)
    table = trade_table(run.result or {"trades": []}, TradeQuery.read(request.GET.dict()))
    return render(request, "backtests/trades.html", {"run": run, "table": table, "is_part": True})


@may_view
def candles(request: HttpRequest, pk: int) -> HttpResponse:
    """Candles of a window with what the run did on them; a sentence where they cannot be shown."""
    run = run_of("backtest", pk)
    if not run.result:
        return JsonResponse({"problem": "This run has no result yet."}, status=404)
    try:
        return JsonResponse(candle_window(run, run.result, Window.read(request.GET.dict())))
    except RunError as error:
        return JsonResponse({"problem": str(error)}, status=409)


@may_view
def trades_csv(request: HttpRequest, pk: int) -> HttpResponse:
    """A backtest's trades, all of them, exact."""
    run = run_of("backtest", pk)
    answer = HttpResponse(content_type="text/csv")
    answer["Content-Disposition"] = f'attachment; filename="backtest-{pk}-trades.csv"'
    rows = exact_rows((run.result or {}).get("trades", []))
    if rows:
        writer = csv.DictWriter(answer, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return answer
