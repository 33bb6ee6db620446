"""What Viewer, Operator and Admin may do."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission

from bots.control.roles import MANAGED, OPERATE, OURS, grant

pytestmark = pytest.mark.django_db


def permissions(role: str) -> set[str]:
    return set(Group.objects.get(name=role).permissions.values_list("codename", flat=True))


def test_a_viewer_may_view_everything_of_ours_and_nothing_else():
    own = Permission.objects.filter(content_type__app_label__in=OURS, codename__startswith="view_")
    assert permissions("Viewer") == set(own.values_list("codename", flat=True))


def test_an_operator_may_also_operate():
    assert permissions("Operator") == permissions("Viewer") | set(OPERATE)


def test_an_admin_has_every_permission_of_the_site():
    own = Permission.objects.filter(content_type__app_label__in=MANAGED)
    assert permissions("Admin") == set(own.values_list("codename", flat=True))


def test_a_permission_that_somebody_added_stays():
    extra = Permission.objects.get(codename="add_botconfig")
    Group.objects.get(name="Operator").permissions.add(extra)
    grant(apps.get_app_config("bots"))
    assert "add_botconfig" in permissions("Operator")


def test_other_apps_give_nothing():
    before = permissions("Admin")
    grant(apps.get_app_config("sessions"))
    assert permissions("Admin") == before
