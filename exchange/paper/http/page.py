"""Show a person who opens the paper exchange's address where programs send requests, and its limits."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from exchange.paper.http.dispatch import ENDPOINTS
from exchange.paper.rate_limits.limits import DEFAULT_LIMITS


def about(request: HttpRequest) -> HttpResponse:
    """Show the address for clients, the endpoints and the limits. No account is shown, so no login is needed."""
    endpoints = [
        {
            "method": method,
            "path": path,
            "weight": endpoint.weight if isinstance(endpoint.weight, int) else None,
            "is_signed": endpoint.security.is_signed,
        }
        for (method, path), endpoint in sorted(ENDPOINTS.items(), key=lambda entry: (entry[0][1], entry[0][0]))
    ]
    address = request.build_absolute_uri("/paper")
    shown = {"title": "Paper exchange", "address": address, "endpoints": endpoints, "limits": DEFAULT_LIMITS}
    return render(request, "paper/about.html", {**admin.site.each_context(request), **shown})
