"""Report and resolve incidents: one open row per bot and kind, counted when it happens again."""

from __future__ import annotations

from enum import StrEnum

from django.db.models import F
from django.utils import timezone

from bots.models import BotConfig, Incident


class IncidentKind(StrEnum):
    """Name the kinds of incidents. The names are stored, so renaming one makes a new kind."""

    TICKS_FAILING = "ticks_failing"
    CREDENTIALS_REFUSED = "credentials_refused"
    ORDER_IN_DOUBT = "order_in_doubt"
    UNEXPLAINED_FILL = "unexplained_fill"
    UNPROTECTED_POSITION = "unprotected_position"
    ENTRY_REFUSED = "entry_refused"
    EXIT_REFUSED = "exit_refused"
    PARITY_DRIFT = "parity_drift"


def report(bot: BotConfig | None, kind: IncidentKind, cause: str, *, repair: str = "") -> None:
    """Open an incident, or count one more occurrence of it."""
    incident, is_new = Incident.objects.get_or_create(
        bot=bot,
        kind=kind,
        resolved_at=None,
        defaults={"cause": cause[:500], "proposed_repair": repair[:500]},
    )
    if not is_new:
        Incident.objects.filter(pk=incident.pk).update(
            occurrences=F("occurrences") + 1, cause=cause[:500], last_seen_at=timezone.now()
        )


def resolve(bot: BotConfig, *kinds: IncidentKind, resolution: str = "It went away by itself.") -> None:
    """Resolve the open incidents of these kinds."""
    Incident.objects.filter(bot=bot, kind__in=kinds, resolved_at=None).update(
        resolved_at=timezone.now(), resolution=resolution
    )
