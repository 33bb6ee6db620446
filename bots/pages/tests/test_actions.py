"""Which actions a bot offers, and the redirects of old addresses."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.urls import reverse

from bots.models import Status
from bots.pages.actions import offered
from bots.tests import builders


def names(status: str, *, is_halted: bool = False, has_position: bool = False) -> list[str]:
    facts = SimpleNamespace(status=status, is_halted=is_halted, has_position=has_position)
    return [action.name for action in offered(facts)]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (Status.STOPPED, ["start"]),
        (Status.RUNNING, ["pause", "run-now", "stop"]),
        (Status.PAUSED, ["start", "run-now", "stop"]),
        (Status.PREPARING, []),
    ],
)
def test_a_status_offers_its_actions(status, expected):
    assert names(status) == expected


def test_a_halted_bot_may_be_resumed():
    assert "resume" in names(Status.RUNNING, is_halted=True)


def test_a_position_may_be_closed():
    assert "close-position" in names(Status.STOPPED, has_position=True)


@pytest.mark.django_db
def test_the_old_address_of_lost_orders_redirects(admin_client):
    made = builders.bot()
    response = admin_client.get(f"/admin/bots/botconfig/{made.pk}/forget-orders/")
    assert (response.status_code, response.url) == (301, reverse("admin:bots_botconfig_abandon_orders", args=[made.pk]))


@pytest.mark.django_db
def test_an_unknown_action_is_not_found(admin_client):
    address = reverse("admin:bots_botconfig_action", args=[builders.bot().pk, "explode"])
    assert admin_client.post(address).status_code == 404
