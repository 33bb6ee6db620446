"""What the first page and every header show."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bots.models import Incident, KillSwitch
from bots.pages.overview import overview, site_status
from bots.tests import builders
from exchange.models import Venue

pytestmark = pytest.mark.django_db


def test_money_of_different_venues_is_never_added_up():
    builders.bot()
    builders.bot(api_key=builders.paper_key("Live", Venue.LIVE))
    money = overview(builders.NOW).money
    assert [(group.venue, group.bots, group.equity) for group in money] == [
        (Venue.LIVE, 1, 1000),
        (Venue.PAPER, 1, 1000),
    ]


def test_a_return_is_of_all_initial_capital():
    first, _ = builders.bot(), builders.bot()
    builders.closed_trade(first, builders.NOW, Decimal(100), "signal")
    [group] = overview(builders.NOW).money
    assert group.total_return == Decimal("0.05")


def test_positions_are_those_of_bots_with_an_open_trade():
    holding = builders.with_history(builders.bot(), days=1)
    builders.with_history(builders.bot(), days=1, holds=False)
    assert [shown.bot for shown in overview(builders.NOW).positions] == [holding]


def test_the_next_runs_are_sorted_by_time():
    for timeframe in ("4h", "15m", "1h"):
        builders.bot(timeframe=timeframe, is_active=True)
    assert [shown.bot.timeframe for shown in overview(builders.NOW).upcoming] == ["15m", "1h", "4h"]


def test_only_open_incidents_are_shown():
    made = builders.bot()
    shown = Incident.objects.create(bot=made, kind="exit_refused", cause="No")
    Incident.objects.create(bot=made, kind="order_in_doubt", cause="No", resolved_at=builders.NOW)
    assert overview(builders.NOW).incidents == [shown]


def test_a_header_counts_live_bots_and_incidents():
    made = builders.bot(api_key=builders.paper_key("Live", Venue.LIVE))
    Incident.objects.create(bot=made, kind="exit_refused", cause="No")
    KillSwitch.objects.create(pk=1, is_on=True)
    status = site_status()
    assert (status.live_bots, status.open_incidents, status.has_bots, status.kill_switch_is_on) == (1, 1, True, True)
