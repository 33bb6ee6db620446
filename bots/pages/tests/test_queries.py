"""Versions, parity checks and records of one bot."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bots.control import lifecycle
from bots.models import ParityCheck
from bots.pages import queries
from bots.tests import builders

pytestmark = pytest.mark.django_db


def test_a_first_version_has_no_changes():
    [entry] = queries.versions(builders.bot())
    assert entry.changes == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"stop_loss": Decimal("0.05")}, ("Stop-loss", "0.03", "0.05")),
        ({"stop_loss": None}, ("Stop-loss", "0.03", "off")),
        ({"compounding": False}, ("Compounding", "yes", "no")),
        ({"parameters": {"period": 9}}, ("parameters", "none", "period 9")),
    ],
)
def test_a_change_is_shown_by_label_with_both_values(changes, expected):
    made = builders.bot()
    for name, value in changes.items():
        setattr(made, name, value)
    lifecycle.save(made)
    [change] = queries.versions(made)[0].changes
    assert (change.field, change.before, change.after) == expected


def test_a_field_that_is_gone_is_shown_by_its_name():
    made = builders.bot()
    before = made.versions.get()
    after = type(before)(values={**before.values, "gone": "5"})
    assert queries.changes(before, after) == [queries.Change("gone", "off", "5")]


def test_the_latest_parity_is_that_of_each_bot():
    first, second = builders.bot(), builders.bot()
    ParityCheck.objects.create(bot=first)
    newest = ParityCheck.objects.create(bot=first)
    assert queries.latest_parity([first.pk, second.pk]) == {first.pk: newest}


def test_parity_checks_begin_with_the_newest():
    made = builders.bot()
    checks = [ParityCheck.objects.create(bot=made) for _ in range(3)]
    assert queries.parity_checks(made, limit=2) == [checks[2], checks[1]]


def test_records_are_the_newest_of_each_kind():
    made = builders.with_history(builders.bot())
    records = queries.records(made, limit=5)
    assert [len(rows) for rows in (records.decisions, records.orders, records.trades, records.runs)] == [5, 5, 3, 1]
