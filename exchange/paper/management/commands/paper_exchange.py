"""Serve the paper exchange alone, for any Binance client: its own port, market, clock and throw-away database."""

from __future__ import annotations

import json
import secrets
from argparse import ArgumentParser
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.errors import UserError
from core.times import parse_utc, to_ms
from exchange.paper.account.accounts import AccountTerms, create_account
from exchange.paper.http.server import PaperServer
from exchange.paper.market.base import Market
from exchange.paper.market.clock import Clock, ManualClock, WallClock
from exchange.paper.market.load import market_from_spec
from exchange.paper.market.registry import MarketRegistry
from exchange.paper.models import PaperAccount
from exchange.paper.rate_limits.limits import DEFAULT_LIMITS, Counters, RateLimit, read_limits


class Command(BaseCommand):
    """Serve until Ctrl-C or SIGTERM; its rows are dropped with the scratch database."""

    scratch_database = True  # its runs must not touch the site's rows

    help = (
        "Serve Binance's Spot REST API with simulated money at http://HOST:PORT/api/v3/. Prints `ready` once up. "
        "Its ledger live in a throw-away database."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="Address to listen on (127.0.0.1).")
        parser.add_argument("--port", type=int, default=9000, help="Port to listen on; 0 takes a free one (9000).")
        parser.add_argument("--market", required=True, help="replay:FILE_OR_DATASET,… or simulated:SEED or mirror.")
        parser.add_argument("--exchange-info", metavar="FILE", help="A saved answer of GET /api/v3/exchangeInfo.")
        parser.add_argument(
            "--clock",
            choices=("manual", "real"),
            default="real",
            help="manual stands until moved, real runs with the wall clock (real).",
        )
        parser.add_argument("--start", help="Market time to start at: ISO date or time (UTC unless it says), or ms.")
        parser.add_argument(
            "--balance", action="append", default=[], metavar="ASSET=AMOUNT", help="What the account holds; repeatable."
        )
        parser.add_argument("--api-key", help="The account's key (generated and printed unless given).")
        parser.add_argument("--api-secret", help="Its secret (generated and printed unless given).")
        parser.add_argument("--maker-fee-rate", default="0.001", help="Fraction: 0.001 is 0.1 %% (0.001).")
        parser.add_argument("--taker-fee-rate", default="0.001", help="Fraction (0.001).")
        parser.add_argument("--slippage-bps", default="0", help="Half the spread, in basis points (0).")
        parser.add_argument("--volume-share", help="Share of a bar's volume that one order may take; off by default.")
        parser.add_argument("--bnb-fees", action="store_true", help="Pay commissions in BNB while there is enough.")
        parser.add_argument(
            "--control",
            action="store_true",
            help="Let callers on this machine move the manual clock by POST /control/clock.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            server = self._server(options)
        except UserError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(
                f"cannot serve at {options['host']}:{options['port']} ({error.strerror or error}); is the port taken?"
            ) from error
        host, port = server.server_address[:2]
        self.stdout.write(f"serving http://{host!s}:{port}/api/v3/")
        self.stdout.write("ready")
        self.stdout.flush()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass
        finally:
            server.server_close()

    def _server(self, options: dict[str, Any]) -> PaperServer:
        if options["control"] and options["clock"] != "manual":
            raise CommandError("--control moves a manual clock: give --clock manual with it")
        market = market_from_spec(options["market"], options["exchange_info"])
        clock = _clock(options, market)
        account = self._account(options)
        served_by = MarketRegistry(counters=Counters(_limits(options["exchange_info"])))
        served_by.install(account, clock=clock, market=market, default=True)
        controlled = (clock, market) if options["control"] and isinstance(clock, ManualClock) else None
        return PaperServer((options["host"], options["port"]), served_by, controlled)

    def _account(self, options: dict[str, Any]) -> PaperAccount:
        key, secret = options["api_key"] or secrets.token_hex(32), options["api_secret"] or secrets.token_hex(32)
        share = options["volume_share"]
        account = create_account(
            "paper_exchange",
            options["market"][:400],
            _balances(options["balance"]),
            AccountTerms(
                maker_fee_rate=_amount("--maker-fee-rate", options["maker_fee_rate"]),
                taker_fee_rate=_amount("--taker-fee-rate", options["taker_fee_rate"]),
                slippage_bps=_amount("--slippage-bps", options["slippage_bps"]),
                volume_share=None if share is None else _amount("--volume-share", share),
                pays_fees_in_bnb=options["bnb_fees"],
            ),
            api_key=key,
            api_secret=secret,
        )
        for name, given, value in (("key", options["api_key"], key), ("secret", options["api_secret"], secret)):
            if not given:
                self.stdout.write(f"API {name}: {value}")
        return account


def _amount(name: str, text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or value < 0:
        raise CommandError(f"{name} must be a number from 0 up, not {text!r}")
    return value


def _balances(given: list[str]) -> dict[str, Decimal]:
    balances: dict[str, Decimal] = {}
    for text in given:
        asset, equals, amount = text.partition("=")
        if not equals or not asset.isalnum() or not asset.isupper():
            raise CommandError(f"--balance wants ASSET=AMOUNT as in USDT=10000, not {text!r}")
        balances[asset] = _amount(f"--balance {asset}", amount)
    return balances


def _clock(options: dict[str, Any], market: Market) -> Clock:
    start_ms = _time_ms(options["start"]) if options["start"] else None
    if options["clock"] == "manual":
        return ManualClock(market.default_start_ms() if start_ms is None else start_ms)
    if start_ms is None and market.name != "replay":
        return WallClock()
    return WallClock.starting_at(market.default_start_ms() if start_ms is None else start_ms)


def _time_ms(text: str) -> int:
    if text.isdigit() and len(text) > 8:
        return int(text)
    try:
        return to_ms(parse_utc(text))
    except ValueError:
        raise CommandError(f"--start wants an ISO date or time, or milliseconds, not {text!r}") from None


def _limits(exchange_info: str | None) -> tuple[RateLimit, ...]:
    """Return the file's own rate limits, or today's if it has none."""
    if exchange_info is None:
        return DEFAULT_LIMITS
    try:
        return read_limits(json.loads(Path(exchange_info).read_text()).get("rateLimits", [])) or DEFAULT_LIMITS
    except (KeyError, ValueError, TypeError) as error:
        raise CommandError(f"{exchange_info}: its rateLimits cannot be read ({error})") from error
