"""Serve the paper exchange to a `requests` session of this process: no socket, the same dispatcher, the same bytes."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPHeaderDict, HTTPResponse

from exchange.paper.http.dispatch import RawRequest, serve
from exchange.paper.market.registry import MarketRegistry, market_registry

_PREFIX = "/api/v3/"
BASE_URL = "http://paper.invalid/api"  # mount the adapter here; the name is never resolved


class PaperAdapter(BaseAdapter):
    """Mount it on a session for an address ending in /api: `session.mount("http://paper.invalid/", PaperAdapter())`."""

    def __init__(self, served_by: MarketRegistry = market_registry) -> None:
        super().__init__()
        self._venues = served_by

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        parts = urlsplit(request.url or "")
        response = serve(
            RawRequest(
                method=request.method or "GET",
                path=parts.path.partition(_PREFIX)[2],
                query=parts.query.encode(),
                body=_bytes(request.body),
                headers={name.lower(): _text(value) for name, value in request.headers.items()},
            ),
            self._venues,
        )
        return _response(request, response.status, response.headers, response.body)

    def close(self) -> None:
        """Close nothing: no connection is open."""


def _bytes(body: Any) -> bytes:
    return b"" if body is None else body.encode() if isinstance(body, str) else bytes(body)


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _response(
    request: requests.PreparedRequest, status: int, headers: dict[str, str], body: bytes
) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response.headers = CaseInsensitiveDict(headers)
    response.encoding = "utf-8"
    response.url = request.url or ""
    response.request = request
    response.raw = HTTPResponse(io.BytesIO(body), HTTPHeaderDict(headers), status, preload_content=False)
    response._content = body
    return response
