"""The first page and the kill switch."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from bots.models import KillSwitch, OperatorAction
from bots.tests import builders

pytestmark = pytest.mark.django_db


def test_the_first_page_lists_the_bots(admin_client):
    builders.with_history(builders.bot("Alpha"), days=1)
    assert "Alpha" in admin_client.get("/admin/").content.decode()


def test_a_user_without_permission_sees_no_bots(client):
    builders.bot("Alpha")
    client.force_login(User.objects.create_user("eve", password="x", is_staff=True))
    assert "Alpha" not in client.get("/admin/").content.decode()


@pytest.mark.parametrize(("is_on", "kind"), [("1", "kill_switch_on"), ("0", "kill_switch_off")])
def test_the_kill_switch_is_set_and_logged(admin_client, is_on, kind):
    admin_client.post(reverse("admin:kill_switch"), {"is_on": is_on, "reason": "Storm"})
    assert KillSwitch.load().is_on is (is_on == "1")
    assert OperatorAction.objects.get().kind == kind


def test_the_kill_switch_needs_its_permission(client):
    client.force_login(User.objects.create_user("eve", password="x", is_staff=True))
    assert client.post(reverse("admin:kill_switch"), {"is_on": "1"}).status_code == 403
