"""Share the logged-in browser of the admin's tests."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client


@pytest.fixture
def admin(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("op", password="x"), "django.contrib.auth.backends.ModelBackend")
    return client
