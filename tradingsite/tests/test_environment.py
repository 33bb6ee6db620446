"""Nonsense in the environment is an error that names the variable, and never shows a secret."""

from __future__ import annotations

import pytest

from tradingsite import environment as env


def test_a_switch_takes_on_and_off_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEBUG", "On")
    assert env.yes_or_no("DEBUG", default=False) is True
    monkeypatch.setenv("DEBUG", "maybe")
    with pytest.raises(env.BadSetting, match=r"^DEBUG='maybe' in the environment: expected on or off"):
        env.yes_or_no("DEBUG", default=False)
