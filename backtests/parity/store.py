"""Where checks are kept, what drift sets off, and whose turn it is."""

from __future__ import annotations

import logging
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Exists, Max, OuterRef
from django.utils import timezone

from backtests.parity.causes import Cause, Difference
from backtests.parity.check import USUAL_SPAN, NothingToCompare, Parity, check
from backtests.runs.inputs import utc
from bots import incidents
from bots.incidents import Kind
from bots.models import BotConfig, Incident, ParityCheck, Status
from core.formats import plain
from exchange.api.errors import ExchangeError

logger = logging.getLogger(__name__)

REPAIR = (
    "Open the bot's page Parity: it has each difference. An unexplained one is a fault of the site or of its record; "
    "pause the bot if you cannot tell which."
)
ROWS_KEPT = 500
CHECKS_KEPT = 30
EVERY = timedelta(hours=20)  # a night's round takes each bot once, also when it is rung twice


def check_bot(bot: BotConfig) -> ParityCheck:
    """Check a bot and keep what came of it, also that nothing could be compared."""
    try:
        return keep(bot, check(bot))
    except (NothingToCompare, ExchangeError) as error:
        reason = str(error)
    except Exception as error:  # a fault of ours: on record, and no reason to leave the other bots unchecked
        logger.exception("parity check failed", extra={"bot": bot.pk})
        reason = f"{type(error).__name__}: {error}"
    kept = ParityCheck.objects.create(bot=bot, error=reason[:500])
    _drop_old(bot)
    return kept


def keep(bot: BotConfig, parity: Parity) -> ParityCheck:
    """Store a result; open an incident where it is drift, close it where it is none."""
    kept = ParityCheck.objects.create(
        bot=bot,
        first_bar=parity.first_bar,
        last_bar=parity.last_bar,
        bars=parity.bars,
        trades=parity.trades,
        differences=len(parity.differences),
        unexplained=parity.counts[Cause.UNEXPLAINED],
        causes=causes_of(parity),
        rows=[row_of(one) for one in parity.differences[:ROWS_KEPT]],
        notes=list(parity.notes),
        cost=parity.cost.quantize(Decimal("1e-8")),
        cost_bps=parity.cost_bps,
        drift=parity.drift[:500],
    )
    if not parity.drift:
        incidents.over(bot, Kind.PARITY_DRIFT)
    elif not _is_accepted(bot, parity):
        incidents.report(bot, Kind.PARITY_DRIFT, parity.drift, repair=REPAIR)
    _drop_old(bot)
    return kept


def _is_accepted(bot: BotConfig, parity: Parity) -> bool:
    """Whether a person has resolved this very drift before: it is not theirs to resolve again each night."""
    resolved = Incident.objects.filter(bot=bot, kind=Kind.PARITY_DRIFT, resolved_by__isnull=False).aggregate(
        at=Max("resolved_at")
    )
    if resolved["at"] is None:
        return False
    bars = [one.bar_ms for one in parity.differences if one.cause == Cause.UNEXPLAINED]
    if not bars:
        return timezone.now() - resolved["at"] < USUAL_SPAN
    return utc(max(bars)) < resolved["at"]


def causes_of(parity: Parity) -> list[dict[str, Any]]:
    """Each cause with its count and what it came to in quote, the most frequent first."""
    return [
        {
            "cause": str(cause),
            "count": count,
            "impact": _money(sum(one.impact or Decimal(0) for one in parity.differences if one.cause == cause)),
            "is_drift": cause == Cause.UNEXPLAINED,
        }
        for cause, count in parity.counts.most_common()
    ]


def row_of(one: Difference) -> dict[str, Any]:
    """A difference as JSON holds it."""
    return {
        "bar": utc(one.bar_ms).isoformat(),
        "what": one.what,
        "live": one.live,
        "engine": one.engine,
        "cause": str(one.cause),
        "impact": None if one.impact is None else _money(one.impact),
        "is_drift": one.cause == Cause.UNEXPLAINED,
    }


def _money(value: Decimal | int) -> str:
    return plain(Decimal(value).quantize(Decimal("1e-8")))


def _drop_old(bot: BotConfig) -> None:
    newest = ParityCheck.objects.filter(bot=bot).order_by("-checked_at").values("pk")[:CHECKS_KEPT]
    ParityCheck.objects.filter(bot=bot).exclude(pk__in=list(newest.values_list("pk", flat=True))).delete()


def next_due() -> BotConfig | None:
    """A bot that runs, or is paused, and was not checked for most of a day."""
    fresh = ParityCheck.objects.filter(bot=OuterRef("pk"), checked_at__gt=timezone.now() - EVERY)
    at_work = (Status.RUNNING, Status.PAUSED)
    bots = BotConfig.objects.select_related("api_key").filter(state__status__in=at_work)
    return bots.filter(~Exists(fresh), state__last_bar__isnull=False).order_by("pk").first()
