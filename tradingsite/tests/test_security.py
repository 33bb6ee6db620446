"""Login, second factor, what a browser may do with our pages."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

LOGIN = "/admin/login/"


@pytest.fixture
def operator(db: None) -> User:
    return User.objects.create_superuser("op", "", "correct horse battery")


def log_in(client: Client, password: str = "correct horse battery", code: str = "") -> int:
    answer = client.post(LOGIN, {"username": "op", "password": password, "otp_token": code})
    return int(answer.status_code)


def test_without_a_device_name_and_password_are_enough(client: Client, operator: User, redis_url: str) -> None:
    assert log_in(client) == 302
    assert client.get("/admin/").status_code == 200


def test_with_a_device_the_code_is_needed(client: Client, operator: User, redis_url: str) -> None:
    device = TOTPDevice.objects.create(user=operator, name="phone", confirmed=True)
    assert log_in(client) == 200, "logged in without the code"
    assert client.get("/admin/").status_code == 302
    # A wrong try makes the device wait a second before the next one.
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    assert log_in(client, code=f"{totp(device.bin_key):06d}") == 302
    assert client.get("/admin/").status_code == 200


def test_a_session_that_skipped_the_code_gets_nowhere(client: Client, operator: User, redis_url: str) -> None:
    TOTPDevice.objects.create(user=operator, name="phone", confirmed=True)
    client.force_login(operator, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/admin/").status_code == 302


def test_after_five_wrong_passwords_the_right_one_does_not_help(client: Client, operator: User, redis_url: str) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT):
        log_in(client, password="guess")
    assert log_in(client) == 429


def test_pages_allow_no_inline_script_or_style_and_no_framing(client: Client, db: None) -> None:
    policy = client.get(LOGIN)["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
