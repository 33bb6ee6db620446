"""Store parity checks, report drift as an incident, and choose the bot to check next."""

from __future__ import annotations

import logging
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Exists, Max, OuterRef
from django.utils import timezone

from backtests.errors import NothingToCompare
from backtests.parity.check import DEFAULT_PERIOD, ParityResult, check
from backtests.parity.classify import Cause, Difference
from bots import incidents
from bots.incidents import IncidentKind
from bots.models import BotConfig, Incident, ParityCheck, Status
from bots.settings.lot_rules import UNIT
from core.formats import plain
from core.times import to_datetime
from exchange.api.errors import ExchangeError

logger = logging.getLogger(__name__)

REPAIR = (
    "Open the bot's page Parity: it has each difference. An unexplained one is a fault of the site or of its record; "
    "pause the bot if you cannot tell which."
)
MAX_STORED_ROWS = 500
MAX_STORED_CHECKS = 30
CHECK_INTERVAL = timedelta(hours=20)  # a night's round takes each bot once, also when it is rung twice


def check_bot(bot: BotConfig) -> ParityCheck:
    """Check a bot and store the result, also if nothing could be compared."""
    try:
        return store_result(bot, check(bot))
    except (NothingToCompare, ExchangeError) as error:
        reason = str(error)
    except Exception as error:  # a fault of ours: on record, and no reason to leave the other bots unchecked
        logger.exception("parity check failed", extra={"bot": bot.pk})
        reason = f"{type(error).__name__}: {error}"
    stored = ParityCheck.objects.create(bot=bot, error=reason[:500])
    _drop_old(bot)
    return stored


def store_result(bot: BotConfig, parity: ParityResult) -> ParityCheck:
    """Store a result; report an incident if it is drift, resolve it if it is not."""
    stored = ParityCheck.objects.create(
        bot=bot,
        first_bar=parity.first_bar,
        last_bar=parity.last_bar,
        bars=parity.bars,
        trades=parity.trades,
        differences=len(parity.differences),
        unexplained=parity.counts[Cause.UNEXPLAINED],
        causes=cause_counts(parity),
        rows=[difference_json(difference) for difference in parity.differences[:MAX_STORED_ROWS]],
        notes=list(parity.notes),
        cost=parity.cost.quantize(UNIT),
        cost_bps=parity.cost_bps,
        drift=parity.drift[:500],
    )
    if not parity.drift:
        incidents.resolve(bot, IncidentKind.PARITY_DRIFT)
    elif not _is_accepted(bot, parity):
        incidents.report(bot, IncidentKind.PARITY_DRIFT, parity.drift, repair=REPAIR)
    _drop_old(bot)
    return stored


def _is_accepted(bot: BotConfig, parity: ParityResult) -> bool:
    """Return True if a person has already resolved this very drift."""
    resolved = Incident.objects.filter(bot=bot, kind=IncidentKind.PARITY_DRIFT, resolved_by__isnull=False).aggregate(
        at=Max("resolved_at")
    )
    if resolved["at"] is None:
        return False
    bars = [difference.bar_ms for difference in parity.differences if difference.cause == Cause.UNEXPLAINED]
    if not bars:
        return timezone.now() - resolved["at"] < DEFAULT_PERIOD
    return to_datetime(max(bars)) < resolved["at"]


def cause_counts(parity: ParityResult) -> list[dict[str, Any]]:
    """Return each cause with its count and its impact in quote, the most frequent first."""
    return [
        {
            "cause": str(cause),
            "count": count,
            "impact": _money(
                sum(difference.impact or Decimal(0) for difference in parity.differences if difference.cause == cause)
            ),
            "is_drift": cause == Cause.UNEXPLAINED,
        }
        for cause, count in parity.counts.most_common()
    ]


def difference_json(difference: Difference) -> dict[str, Any]:
    """Return a difference as JSON values."""
    return {
        "bar": to_datetime(difference.bar_ms).isoformat(),
        "what": difference.what,
        "live": difference.live,
        "engine": difference.engine,
        "cause": str(difference.cause),
        "impact": None if difference.impact is None else _money(difference.impact),
        "is_drift": difference.cause == Cause.UNEXPLAINED,
    }


def _money(value: Decimal | int) -> str:
    return plain(Decimal(value).quantize(UNIT))


def _drop_old(bot: BotConfig) -> None:
    newest = ParityCheck.objects.filter(bot=bot).order_by("-checked_at").values("pk")[:MAX_STORED_CHECKS]
    ParityCheck.objects.filter(bot=bot).exclude(pk__in=list(newest.values_list("pk", flat=True))).delete()


def next_due() -> BotConfig | None:
    """Return a running or paused bot that was not checked for most of a day, or None."""
    fresh = ParityCheck.objects.filter(bot=OuterRef("pk"), checked_at__gt=timezone.now() - CHECK_INTERVAL)
    at_work = (Status.RUNNING, Status.PAUSED)
    bots = BotConfig.objects.select_related("api_key").filter(state__status__in=at_work)
    return bots.filter(~Exists(fresh), state__last_bar__isnull=False).order_by("pk").first()
