"""Turn the bytes of a request into the bytes of its answer, for Django, the stand-alone server and a `requests` session
of this process alike.

Order of checks: path, address limits, parameters' names, key format, timing, key, signature, order limits, handler.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from exchange.paper import errors
from exchange.paper.account.accounts import account_cache, reveal
from exchange.paper.endpoints import account, public, trading
from exchange.paper.errors import ApiError
from exchange.paper.http import signatures
from exchange.paper.market.registry import MarketRegistry, RequestContext, market_registry
from exchange.paper.models import PaperAccount
from exchange.paper.protocol.endpoint import ApiRequest, Endpoint, EndpointTable, Placed, TimeUnit
from exchange.paper.protocol.parameters import Parameters, merge
from exchange.paper.rate_limits.limits import Used

logger = logging.getLogger(__name__)

ENDPOINTS: EndpointTable = {**public.ENDPOINTS, **trading.ENDPOINTS, **account.ENDPOINTS}
SIGNED_PARAMETERS = frozenset({"timestamp", "recvWindow", "signature"})
CONTENT_TYPE = "application/json;charset=UTF-8"


@dataclass(frozen=True, slots=True)
class RawRequest:
    """A request as it came. `path` is below /api/v3 without a leading slash; header names are lower case."""

    method: str
    path: str
    query: bytes = b""
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    address: str = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class RawResponse:
    status: int
    headers: dict[str, str]
    body: bytes


def serve(raw: RawRequest, served_by: MarketRegistry = market_registry) -> RawResponse:
    """Answer one request. Never raises: what goes wrong here is -1000 under status 500, and logged."""
    headers = {"Content-Type": CONTENT_TYPE}
    try:
        status, body = 200, _Call(raw, served_by, headers).answer()
    except ApiError as refusal:
        status, body = refusal.http_status, {"code": refusal.code, "msg": refusal.msg}
        if refusal.retry_after_s is not None:
            headers["Retry-After"] = str(refusal.retry_after_s)
    except Exception:  # the one place: a caller must get an answer, and we the traceback
        logger.exception("paper exchange request failed", extra={"method": raw.method, "path": raw.path})
        status, body = 500, {"code": (error := errors.internal()).code, "msg": error.msg}
    return RawResponse(status, headers, json.dumps(body, separators=(",", ":")).encode())


class _Call:
    """One request on its way: each step adds what the next needs, and headers as they become known."""

    def __init__(self, raw: RawRequest, served_by: MarketRegistry, headers: dict[str, str]) -> None:
        self.raw = raw
        self.venues = served_by
        self.headers = headers
        self.wall_ms = time.time_ns() // 1_000_000

    def answer(self) -> Any:
        endpoint = ENDPOINTS.get((self.raw.method, self.raw.path))
        if endpoint is None:
            raise errors.unknown_path()
        params = self._parameters()
        account = self._account_of_key(endpoint)
        context = self.venues.context_of(account)
        weight = self._admit(endpoint, params, context)
        if endpoint.security.is_signed:
            account = self._check_signed(endpoint, params, account)
        else:
            _check_names(endpoint, params)
        result = self._handle(endpoint, self._request(params, account or context.account, context), context)
        if endpoint.free_on_success:
            caller, now_ms = context.caller(self.raw.address), context.window_ms(self.wall_ms)
            self._report_weight(context.counters.give_back(caller, weight, now_ms))
        return result

    def _parameters(self) -> Parameters:
        """Return the parameters; those of a GET are in its query string alone."""
        body = b"" if self.raw.method == "GET" else self.raw.body
        try:
            return merge(self.raw.query.decode("ascii"), body.decode("ascii"))
        except UnicodeDecodeError:
            raise ApiError(-1100, "Illegal characters found in a parameter.") from None

    def _account_of_key(self, endpoint: Endpoint) -> PaperAccount | None:
        """Return the key's account, if there is one: a public call may carry a key, and need not."""
        key = self.raw.headers.get("x-mbx-apikey")
        if not key:
            return None
        try:
            return account_cache.find(signatures.check_key_format(key))
        except ApiError:
            return None

    def _admit(self, endpoint: Endpoint, params: Parameters, context: RequestContext) -> int:
        try:
            weight = endpoint.weight_of(params)
        except ApiError:
            weight = 1
        caller, now_ms = context.caller(self.raw.address), context.window_ms(self.wall_ms)
        try:
            self._report_weight(context.counters.admit(caller, weight, now_ms))
        except ApiError:
            self._report_weight(context.counters.used_weight(caller, now_ms))
            raise
        return weight

    def _report_weight(self, counts: Used) -> None:
        for limit, used in counts:
            self.headers["X-MBX-USED-WEIGHT"] = str(used)
            self.headers[f"X-MBX-USED-WEIGHT-{limit.suffix}"] = str(used)

    def _check_signed(self, endpoint: Endpoint, params: Parameters, account: PaperAccount | None) -> PaperAccount:
        signatures.check_key_format(self.raw.headers.get("x-mbx-apikey"))
        params.need_all("timestamp", "signature")
        _check_names(endpoint, params)
        signatures.check_timing(params, self.wall_ms)
        if account is None:
            raise errors.rejected_key()
        body = b"" if self.raw.method == "GET" and not self.raw.body else self.raw.body
        secret = reveal(account.api_secret)
        signatures.check_signature(secret, self.raw.query, body, params.require("signature"))
        return account

    def _request(self, params: Parameters, account: PaperAccount | None, context: RequestContext) -> ApiRequest:
        return ApiRequest(
            params=params,
            account=account,
            market=context.market,
            clock=context.clock,
            now_ms=context.clock.now_ms(),
            wall_ms=self.wall_ms,
            time_unit=_time_unit(self.raw.headers.get("x-mbx-time-unit")),
            rate_limits=context.counters.limits,
            order_counts=lambda: self._order_counts(account, context),
            replay_rules=account is not None and self.venues.has_replay_rules(account),
        )

    def _order_counts(self, account: PaperAccount | None, context: RequestContext) -> Used:
        if account is None:
            return []
        return context.counters.order_counts(str(account.pk), context.window_ms(self.wall_ms))

    def _handle(self, endpoint: Endpoint, request: ApiRequest, context: RequestContext) -> Any:
        if not endpoint.orders or request.account is None:
            return endpoint.handler(request)
        counters, who = context.counters, str(request.account.pk)
        now_ms = context.window_ms(self.wall_ms)
        counts = counters.admit_orders(who, endpoint.orders, now_ms)
        try:
            placed: Placed = endpoint.handler(request)
        except ApiError:
            counters.return_orders(who, endpoint.orders, now_ms)
            raise
        for limit, used in counts:
            self.headers[f"X-MBX-ORDER-COUNT-{limit.suffix}"] = str(used)
        counters.return_orders(who, placed.filled, now_ms)
        return placed.body


def _check_names(endpoint: Endpoint, params: Parameters) -> None:
    """Refuse a name that the endpoint does not read, as Binance does."""
    accepted = endpoint.parameters | (SIGNED_PARAMETERS if endpoint.security.is_signed else frozenset())
    sent = params.names
    unknown = [name for name in sent if name not in accepted]
    if unknown and not accepted:
        raise errors.too_many_parameters(0, len(sent))
    if unknown:
        raise errors.unread_parameters(len(sent) - len(unknown), len(sent))


def _time_unit(header: str | None) -> TimeUnit:
    if header is None:
        return TimeUnit.MILLISECOND
    try:
        return TimeUnit[header.upper()]
    except KeyError:
        raise errors.bad_time_unit() from None
