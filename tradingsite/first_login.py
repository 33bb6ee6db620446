"""The login of a site that has none yet."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from django.contrib.auth import get_user_model
from django.db import transaction

from tradingsite.embedded.migrations import advisory_lock

NAME = "admin"
CREATING = 7_294_302  # names the lock among the server's advisory locks


@dataclass(frozen=True, slots=True, repr=False)
class Login:
    """A name and a password that is stored nowhere but as a hash."""

    name: str
    password: str


def create_first_login() -> Login | None:
    """Make an administrator with a random password when the site has no user at all, else nothing."""
    users = get_user_model()._default_manager
    with advisory_lock(CREATING), transaction.atomic():
        if users.exists():
            return None
        login = Login(NAME, secrets.token_urlsafe(12))
        users.create_superuser(login.name, "", login.password)
    return login
