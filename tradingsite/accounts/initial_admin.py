"""Create the first administrator of a site that has no user yet."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from django.contrib.auth import get_user_model
from django.db import transaction

from tradingsite.embedded.database.migrations import advisory_lock

NAME = "admin"
CREATING = 7_294_302  # names the lock among the server's advisory locks


@dataclass(frozen=True, slots=True, repr=False)
class InitialAdmin:
    """The name and the password, of which the site stores a hash alone."""

    name: str
    password: str


def create_initial_admin() -> InitialAdmin | None:
    """Create an administrator with a random password when the site has no user. Return None when it has one."""
    users = get_user_model()._default_manager
    with advisory_lock(CREATING), transaction.atomic():
        if users.exists():
            return None
        admin = InitialAdmin(NAME, secrets.token_urlsafe(12))
        users.create_superuser(admin.name, "", admin.password)
    return admin
