"""Pending migrations are applied once, after what must come before them."""

from __future__ import annotations

import pytest

from tradingsite.embedded.database import migrations
from tradingsite.embedded.database.migrations import ensure_migrated, fingerprint

pytestmark = pytest.mark.django_db


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record what happens, in its order."""
    calls: list[str] = []
    monkeypatch.setattr(migrations, "call_command", lambda name, **_: calls.append(name))
    return calls


def pending(monkeypatch: pytest.MonkeyPatch, *answers: bool) -> None:
    left = list(answers)
    monkeypatch.setattr(migrations, "has_pending", lambda: left.pop(0))


def test_a_migrated_database_is_left_alone(calls: list[str]) -> None:
    assert not ensure_migrated(before=lambda: calls.append("dump"))
    assert calls == []


def test_the_dump_comes_before_the_migrations(calls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    pending(monkeypatch, True, True)
    assert ensure_migrated(before=lambda: calls.append("dump"))
    assert calls == ["dump", "migrate"]


def test_who_waited_for_another_process_does_nothing(calls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    pending(monkeypatch, True, False)
    assert not ensure_migrated(before=lambda: calls.append("dump"))
    assert calls == []


def test_a_failed_dump_stops_the_migrations(calls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    pending(monkeypatch, True, True)

    def fail() -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        ensure_migrated(before=fail)
    assert calls == []


def test_the_fingerprint_stays_while_no_migration_changes() -> None:
    assert fingerprint() == fingerprint()
