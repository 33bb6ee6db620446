"""Grant the groups Viewer, Operator and Admin their permissions after every migration.

Viewer reads everything. Operator also starts, pauses, stops and runs bots, closes positions, resolves incidents and
uses the kill switch. Admin has every permission, users and keys included. Permissions are only added here: those that
somebody gave a group by hand stay.
"""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig

ROLES = ("Viewer", "Operator", "Admin")
OURS = ("bots", "backtests", "exchange", "paper")
MANAGED = (*OURS, "auth", "django_celery_beat", "otp_totp", "otp_static", "axes")
OPERATE = ("operate_botconfig", "change_incident", "change_killswitch", "add_killswitch")


def grant(sender: AppConfig, *, using: str = "default", **kwargs: Any) -> None:
    """Give the groups the permissions of one app, after its migrations ran."""
    from django.contrib.auth.models import Group, Permission

    if sender.label not in MANAGED:
        return
    permissions = Permission.objects.using(using).filter(content_type__app_label=sender.label)
    viewer, operator, admin = (Group.objects.using(using).get_or_create(name=name)[0] for name in ROLES)
    admin.permissions.add(*permissions)
    if sender.label in OURS:
        seen = permissions.filter(codename__startswith="view_")
        viewer.permissions.add(*seen)
        operator.permissions.add(*seen, *permissions.filter(codename__in=OPERATE))
