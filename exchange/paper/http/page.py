"""What a person sees who opens the paper exchange's address in a browser: where programs ask, and what they may."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from exchange.paper.http.dispatch import ENDPOINTS
from exchange.paper.rate_limits.limits import DEFAULT_LIMITS


def about(request: HttpRequest) -> HttpResponse:
    """The address for clients, the endpoints and the limits. It shows no account, so it asks for no login."""
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
