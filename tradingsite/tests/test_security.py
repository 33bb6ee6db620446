"""Login, second factor, what a browser may do with our pages, and what never reaches a log line."""

from __future__ import annotations

import io
import logging

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from tradingsite.logs import Lines, redact_text

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


def test_the_health_page_tells_what_is_missing(
    client: Client, db: None, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tradingsite import heartbeats

    monkeypatch.setattr(heartbeats, "PREFIX", "heartbeat-of-this-test:")  # a worker of another test may still be alive
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json() == {
        "database": "ok", "redis": "ok", "beat": "missing", "trading-worker": "missing", "research-worker": "missing"
    }  # fmt: skip
    heartbeats._left.clear()
    for process in ("beat", "trading-worker"):
        heartbeats.leave(process)
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["research-worker"]) == (503, "missing")
    heartbeats.leave("research-worker")
    answer = client.get("/healthz")
    assert answer.status_code == 200
    assert set(answer.json().values()) == {"ok"}


KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SIGNATURE = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"


@pytest.mark.parametrize(
    "text",
    [
        f"GET https://api.binance.com/api/v3/account?timestamp=1&signature={SIGNATURE}",
        f"headers={{'X-MBX-APIKEY': '{KEY}'}}",
        f"Client(api_key='{KEY}', api_secret=\"{KEY}\")",
        f"could not reach redis://:{KEY}@redis.example.com",
        f"just {KEY} by itself",
    ],
)
def test_no_secret_passes_in_a_text(text: str) -> None:
    shown = redact_text(text)
    assert KEY not in shown
    assert SIGNATURE not in shown
    assert "********" in shown


@pytest.mark.parametrize("as_json", [False, True])
def test_no_secret_passes_in_fields_arguments_or_tracebacks(as_json: bool) -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(Lines(as_json=as_json))
    logger = logging.Logger("test")
    logger.addHandler(handler)
    logger.warning("request %s", {"params": {"signature": SIGNATURE}}, extra={"api_key": "short-key", "bot": 7})
    try:
        raise RuntimeError(f"bad answer to ?signature={SIGNATURE} with apiKey={KEY}")
    except RuntimeError:
        logger.exception("tick failed", extra={"nested": {"apiSecret": "hunter2", "symbol": "BTCUSDT"}})
    text = written.getvalue()
    for secret in (SIGNATURE, KEY, "short-key", "hunter2"):
        assert secret not in text
    assert "BTCUSDT" in text
    assert "tick failed" in text
