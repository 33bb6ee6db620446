"""Serve the paper exchange inside the site, through Django."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from exchange.paper.http.dispatch import RawRequest, serve


@csrf_exempt
def api(request: HttpRequest, path: str) -> HttpResponse:
    """Answer one call of the REST API. The body is read raw, since the signature covers it."""
    response = serve(
        RawRequest(
            method=request.method or "GET",
            path=path,
            query=str(request.META.get("QUERY_STRING", "")).encode("latin-1"),
            body=request.body,
            headers={name.lower(): value for name, value in request.headers.items()},
            address=str(request.META.get("REMOTE_ADDR", "")),
        )
    )
    return HttpResponse(response.body, status=response.status, headers=response.headers)
