"""A bot with a record, and the same bot with a key that answers."""

from __future__ import annotations

import pytest

from backtests.parity.tests.recorded import record


@pytest.fixture
def recorded(db):
    return record()


@pytest.fixture
def answering(recorded, monkeypatch):
    """Return the bot with a key that answers as the exchange it traded on does."""
    monkeypatch.setattr("backtests.parity.check.open_context", lambda bot: recorded.live_context)
    return recorded
