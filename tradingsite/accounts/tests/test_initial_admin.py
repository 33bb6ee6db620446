"""A site without users gets one administrator, whose password is shown once and stored as a hash."""

from __future__ import annotations

import pytest
from django.contrib.auth import authenticate, get_user_model

from tradingsite.accounts.initial_admin import create_initial_admin

pytestmark = pytest.mark.django_db


def test_a_new_site_gets_an_administrator() -> None:
    admin = create_initial_admin()
    assert admin is not None
    assert get_user_model().objects.get(username=admin.name).is_superuser


def test_the_password_is_stored_as_a_hash() -> None:
    admin = create_initial_admin()
    assert admin is not None
    user = get_user_model().objects.get(username=admin.name)
    assert admin.password not in user.password
    assert user.check_password(admin.password)


def test_a_site_with_a_user_gets_none() -> None:
    get_user_model().objects.create_user("someone")
    assert create_initial_admin() is None


def test_a_second_call_creates_nothing() -> None:
    create_initial_admin()
    assert create_initial_admin() is None


def test_the_password_is_not_in_the_repr() -> None:
    admin = create_initial_admin()
    assert admin is not None
    assert admin.password not in repr(admin)


def test_no_other_password_lets_the_administrator_in(rf) -> None:
    create_initial_admin()
    assert authenticate(rf.post("/"), username="admin", password="admin") is None
