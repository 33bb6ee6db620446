"""What a person should look at: opened once per bot and kind, counted when it happens again, closed when it is over."""

from __future__ import annotations

from django.db.models import F
from django.utils import timezone

from bots.models import BotConfig, Incident


def report(bot: BotConfig | None, kind: str, cause: str, *, repair: str = "") -> None:
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


def over(bot: BotConfig, kind: str) -> None:
    """Close an incident whose cause has gone by itself."""
    Incident.objects.filter(bot=bot, kind=kind, resolved_at=None).update(
        resolved_at=timezone.now(), resolution="It went away by itself."
    )
