"""The paper exchange inside the site: Django's request in, the dispatcher's answer out."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from exchange.paper.http.dispatch import RawRequest, serve


@csrf_exempt
def api(request: HttpRequest, path: str) -> HttpResponse:
    """One call of the REST API, whatever its method; the body is read raw, since the signature covers it."""
    answer = serve(
        RawRequest(
            method=request.method or "GET",
            path=path,
            query=str(request.META.get("QUERY_STRING", "")).encode("latin-1"),
            body=request.body,
            headers={name.lower(): value for name, value in request.headers.items()},
            address=str(request.META.get("REMOTE_ADDR", "")),
        )
    )
    return HttpResponse(answer.body, status=answer.status, headers=answer.headers)
