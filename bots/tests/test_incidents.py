"""Incidents: one open row per bot and kind."""

from __future__ import annotations

import pytest

from bots import incidents
from bots.incidents import IncidentKind
from bots.models import Incident
from bots.tests import builders

pytestmark = pytest.mark.django_db


def test_a_first_report_opens_an_incident():
    incidents.report(builders.bot(), IncidentKind.EXIT_REFUSED, "Market is closed", repair="Wait")
    incident = Incident.objects.get()
    assert (incident.cause, incident.proposed_repair, incident.occurrences) == ("Market is closed", "Wait", 1)


def test_a_second_report_is_counted_with_its_cause():
    made = builders.bot()
    for cause in ("first", "second"):
        incidents.report(made, IncidentKind.EXIT_REFUSED, cause)
    assert Incident.objects.values_list("cause", "occurrences").get() == ("second", 2)


def test_another_kind_is_another_incident():
    made = builders.bot()
    for kind in (IncidentKind.EXIT_REFUSED, IncidentKind.ENTRY_REFUSED):
        incidents.report(made, kind, "No")
    assert Incident.objects.count() == 2


def test_a_resolved_incident_is_not_counted_on():
    made = builders.bot()
    incidents.report(made, IncidentKind.EXIT_REFUSED, "No")
    incidents.resolve(made, IncidentKind.EXIT_REFUSED)
    incidents.report(made, IncidentKind.EXIT_REFUSED, "No")
    assert Incident.objects.filter(occurrences=1).count() == 2


def test_resolving_stores_time_and_resolution():
    made = builders.bot()
    incidents.report(made, IncidentKind.EXIT_REFUSED, "No")
    incidents.resolve(made, IncidentKind.EXIT_REFUSED, resolution="Sold")
    incident = Incident.objects.get()
    assert (incident.resolution, incident.resolved_at is None) == ("Sold", False)


def test_resolving_leaves_other_kinds_open():
    made = builders.bot()
    incidents.report(made, IncidentKind.EXIT_REFUSED, "No")
    incidents.resolve(made, IncidentKind.ENTRY_REFUSED)
    assert Incident.objects.get().resolved_at is None


def test_a_long_cause_is_cut():
    incidents.report(builders.bot(), IncidentKind.EXIT_REFUSED, "x" * 900)
    assert len(Incident.objects.get().cause) == 500
