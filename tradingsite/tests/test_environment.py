"""Nonsense in the environment is an error that names the variable, and never shows a secret."""

from __future__ import annotations

import re
import runpy

import pytest

from tradingsite import environment as env
from tradingsite.tests.conftest import ROOT


def test_a_switch_takes_on_and_off_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEBUG", "On")
    assert env.yes_or_no("DEBUG", default=False) is True
    monkeypatch.setenv("DEBUG", "maybe")
    with pytest.raises(env.BadSetting, match=r"^DEBUG='maybe' in the environment: expected on or off"):
        env.yes_or_no("DEBUG", default=False)


NONSENSE = {
    "PORT": "eighty", "BIND_ADDRESS": "here", "ALLOWED_HOSTS": "a b", "HTTPS": "perhaps", "WEB_WORKERS": "0",
    "CSRF_TRUSTED_ORIGINS": "bots.example.com", "DEBUG": "2", "LOG_LEVEL": "LOUD", "LOG_FORMAT": "XML",
    "VAR_DIR": "/dev/null/var", "DATABASE_URL": "sqlite:///db", "CELERY_BROKER_URL": "redis", "REDIS_URL": "http://h/1",
    "KLINES_URL": "ftp://h/klines", "CELERY_WORKER_CONCURRENCY": "-1", "RESEARCH_CONCURRENCY": "many",
    "CELERY_VISIBILITY_TIMEOUT_S": "1.5", "SECRET_KEY": "short", "SECRETS_KEYS": "x,y", "ALLOW_LIVE_TRADING": "maybe",
    "PAPER_URL": "localhost:8000",
}  # fmt: skip


def test_nonsense_is_known_for_every_variable() -> None:
    assert set(NONSENSE) == set(re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_in_any_variable_is_an_error_that_begins_with_its_name(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, NONSENSE[name])
    with pytest.raises(env.BadSetting, match=rf"^{name}\b.* in the environment: ") as told:
        runpy.run_path(str(ROOT / "tradingsite" / "settings.py"))
    if name in ("SECRET_KEY", "SECRETS_KEYS", "DATABASE_URL", "CELERY_BROKER_URL", "REDIS_URL"):
        assert NONSENSE[name] not in str(told.value).partition(": ")[0]
